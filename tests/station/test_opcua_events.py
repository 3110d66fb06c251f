"""Jobs, events and variables over OPC UA, with an independent client: asyncua's own hides what it sends as null."""

import os

import pytest

from goodpart_station.codes import Command, PartVerdict, Reason, State
from goodpart_station.sources.source import SourceLostError
from goodpart_station.tokens import Role
from opcua_site import OpcuaSite, client_of
from station_parts import until

PARTS = int(os.environ.get("GOODPART_UA_PARTS", "20"))
"""A longer run takes 1000."""

CAUSE = [{"Int32": 0}, {"String": "a test"}]
MACHINE, MODE = "VisionStateMachine", "VisionStateMachine.AutomaticModeStateMachine"


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    """A station whose first part is number 1, and a client of it."""
    site = OpcuaSite(tmp_path_factory.mktemp("opcua"), auto_reset=False)
    with site.running() as engine, client_of(site) as client:
        yield site, engine, client


@pytest.fixture
def ready(station):
    """A station that is ready, with a client that has heard all events."""
    site, engine, client = station
    engine.command(Command.RESET, who="test")
    until(lambda: engine.status().state is State.READY)
    until(lambda: shown(client) == "Ready")
    for kind in ("StateChanged", "Error", "ErrorResolved", "JobStarted", "AcquisitionDone", "Ready", "ResultReady"):
        client.ask(events=0, of=kind)
    while not site.records.told.empty():
        site.records.told.get()
    return station


def shown(client):
    """The current state of the inner state machine."""
    return client.ask(read=[f"line1.{MODE}.CurrentState"])[0]["value"]


def nulls(fields, at=""):
    """The paths of what is null, or has no type."""
    if isinstance(fields, dict):
        own = (
            [at]
            if fields.get("type") in ("Null", "undefined") or "OpaqueStructure" in str(fields.get("structure"))
            else []
        )
        return own + [path for name, each in fields.items() for path in nulls(each, f"{at}/{name}")]
    if isinstance(fields, list):
        return [path for index, each in enumerate(fields) for path in nulls(each, f"{at}/{index}")]
    return [at] if fields is None else []


STEPS = {"JobStarted": 1, "AcquisitionDone": 1, "Ready": 1, "StateChanged": 2}
"""The events of a job beside its ResultReady. They come by other subscriptions, and may come after it."""


def judged(site, client, *, defect=False, steps=True, **job):
    """The JobId of a job, and its ResultReady. With `steps` its other events are taken out too."""
    answer = client.ask(job=job)
    assert answer["status"] == "Good"
    name, error = (output["value"] for output in answer["outputs"])
    assert error == 0
    site.picture(int(name["id"]), defect=defect)
    (fields,) = client.events("ResultReady", 1)
    for kind, count in STEPS.items() if steps else ():
        assert len(client.events(kind, count)) == count
    return name["id"], fields


def test_every_result_belongs_to_its_job_and_no_field_is_null(ready):
    site, _, client = ready
    results = {}
    for number in range(PARTS):
        job, fields = judged(site, client, defect=number % 3 == 0, meas=f"m{number}", part=str(900 + number))
        assert nulls(fields) == []
        told = {name: fields[name]["value"]["id"] for name in ("JobId", "MeasId", "PartId", "ResultId")}
        assert told == {
            "JobId": job,
            "MeasId": f"m{number}",
            "PartId": str(900 + number),
            "ResultId": f"{site.boot}-{job}",
        }
        result = site.records.next()
        assert (str(result.part.seq), result.part.part_id) == (job, 900 + number)
        verdict, score, threshold, p_value, regions = fields["ResultContent"]["value"]
        assert [verdict["value"], score["value"], threshold["value"], p_value["value"]] == [
            result.verdict.name, result.inspection.score, result.inspection.threshold, result.inspection.p_value
        ]  # fmt: skip
        assert verdict["value"] == ("DEFECT" if number % 3 == 0 else "GOOD")
        assert regions["dimensions"] == [len(result.inspection.regions), 4]
        assert fields["ResultState"]["value"] == 1
        assert (fields["IsPartial"]["value"], fields["IsSimulated"]["value"]) == (False, False)
        assert fields["InternalRecipeId"]["value"]["id"] == f"bar@{result.bundle}"
        assert job not in results
        results[job] = verdict["value"]
    assert len(results) == PARTS


def test_a_job_is_told_step_by_step(ready):
    site, _, client = ready
    job, _ = judged(site, client, steps=False)
    for kind in ("JobStarted", "AcquisitionDone", "Ready"):
        (fields,) = client.events(kind, 1)
        assert fields["JobId"]["value"]["id"] == job
        assert nulls(fields) == []
    steps = client.events("StateChanged", 2)
    assert [(step["FromState"]["value"], step["ToState"]["value"]) for step in steps] == [
        ("Ready", "SingleExecution"),
        ("SingleExecution", "Ready"),
    ]
    assert [path for step in steps for path in nulls(step)] == []
    times = [step["Time"]["value"] for step in steps]
    assert times == sorted(times)


def test_the_variables_of_one_request_are_those_of_one_part(ready):
    site, _, client = ready
    names = ["Seq", "Verdict", "Reason", "Score", "Threshold", "Product", "PlcSeq", "PartId"]
    for defect in (True, False):
        job, _ = judged(site, client, defect=defect, part="77")
        found = client.ask(read=[f"Station.{name}" for name in names])
        assert {each["status"] for each in found} == {"Good"}
        result = site.records.next()
        assert [each["value"] for each in found] == [
            int(job), int(PartVerdict.DEFECT if defect else PartVerdict.GOOD), 0,
            result.inspection.score, result.inspection.threshold, 1, 0, "77",
        ]  # fmt: skip
    assert client.ask(write="Station.Verdict") == ["BadNotWritable"]
    until(lambda: client.ask(read=["Station.State"])[0]["value"] == State.READY)
    (beat,) = client.ask(read=["Station.Heartbeat"])
    until(lambda: client.ask(read=["Station.Heartbeat"])[0]["value"] != beat["value"])


@pytest.mark.parametrize(
    ("job", "error"),
    [
        ({"product": "bar"}, 0),
        ({"product": "1"}, 0),
        ({"recipe": "bar"}, 0),
        ({"recipe": "bar", "product": "1"}, 0),
        ({"product": "nut"}, -Reason.PRODUCT_NOT_READY),
        ({"recipe": "nut", "product": "bar"}, -Reason.PRODUCT_NOT_READY),
    ],
)
def test_a_job_for_a_product_that_is_not_prepared_is_refused(ready, job, error):
    site, _, client = ready
    name, found = (output["value"] for output in client.ask(job=job)["outputs"])
    assert found == error
    if not error:
        site.picture(int(name["id"]))
    (fields,) = client.events("ResultReady", 1)
    assert fields["JobId"]["value"] == name
    assert fields["ResultContent"]["value"][0]["value"] == ("REFUSED" if error else "GOOD")
    assert fields["ResultState"]["value"] == (4 if error else 1)
    assert nulls(fields) == []


def test_a_halted_station_refuses_each_job_and_reset_ends_it(ready):
    _, engine, client = ready
    assert client.ask(call="Halt", on=MACHINE, arguments=CAUSE)["outputs"] == [{"type": "Int32", "value": 0}]
    (step,) = client.events("StateChanged", 1)
    assert (step["FromState"]["value"], step["ToState"]["value"]) == ("Operational", "Halted")
    assert nulls(step) == []
    # the inner state machine has no state now
    assert client.ask(read=[f"line1.{MODE}.CurrentState"])[0]["status"] == "BadStateNotActive"
    name, error = (output["value"] for output in client.ask(job={})["outputs"])
    assert error == -Reason.NOT_READY
    (fields,) = client.events("ResultReady", 1)
    assert fields["JobId"]["value"] == name
    verdict, *numbers, _ = (each["value"] for each in fields["ResultContent"]["value"])
    assert (verdict, numbers) == ("REFUSED", ["NaN"] * 3)
    assert "halted" in fields["Message"]["value"]
    seq, score = client.ask(read=["Station.Seq", "Station.Score"])
    assert (str(seq["value"]), score["value"]) == (name["id"], "NaN")
    assert client.ask(call="SelectModeAutomatic", on=MACHINE, arguments=[])["outputs"][0]["value"] == -Reason.NOT_READY
    assert client.ask(call="Reset", on=MACHINE, arguments=CAUSE)["outputs"][0]["value"] == 0
    until(lambda: engine.status().state is State.READY)
    assert client.ask(call="SelectModeAutomatic", on=MACHINE, arguments=[])["outputs"][0]["value"] == 0


def test_a_fault_is_an_error_until_it_is_resolved(ready):
    site, engine, client = ready
    site.camera.box.put(SourceLostError("camera: expected an answer, found none"))
    (step,) = client.events("Error", 1)
    assert step["ToState"]["value"] == "Error"
    assert (step["Severity"]["value"], nulls(step)) == (800, [])
    assert "found none" in step["Message"]["value"]
    system = client.ask(read=["line1.SystemState"])[0]["value"]
    assert (system["state"], system["stateDescription"]) == (5, "camera: expected an answer, found none")

    def reset():
        engine.command(Command.RESET, who="test")
        return engine.status().state is State.READY

    until(reset)
    (step,) = client.events("ErrorResolved", 1)
    assert (step["FromState"]["value"], nulls(step)) == ("Error", [])


@pytest.mark.parametrize(
    ("call", "arguments", "error"),
    [
        ("Stop", CAUSE, -105),
        ("Abort", CAUSE, -105),
        ("SimulationMode", [{"Boolean": True}, *CAUSE], -105),
        ("SimulationMode", [{"Boolean": False}, *CAUSE], 0),
    ],
)
def test_what_a_station_cannot_do_is_said_so(ready, call, arguments, error):
    _, _, client = ready
    assert client.ask(call=call, on=MODE, arguments=arguments) == {
        "status": "Good",
        "outputs": [{"type": "Int32", "value": error}],
    }


def test_a_method_with_other_arguments_than_it_has_does_nothing(ready):
    _, engine, client = ready
    assert client.ask(call="Halt", on=MACHINE, arguments=[])["status"] == "BadArgumentsMissing"
    assert client.ask(call="Halt", on=MACHINE, arguments=[*CAUSE, *CAUSE])["status"] == "BadTooManyArguments"
    assert engine.status().state is State.READY


def test_a_viewer_sees_everything_and_starts_nothing(ready):
    site, engine, client = ready
    with client_of(site, Role.VIEWER) as viewer:
        for call, on, arguments in (
            ("Halt", MACHINE, CAUSE),
            ("Reset", MACHINE, CAUSE),
            ("SelectModeAutomatic", MACHINE, []),
            ("Stop", MODE, CAUSE),
        ):
            assert viewer.ask(call=call, on=on, arguments=arguments)["status"] == "BadUserAccessDenied"
        assert engine.status().state is State.READY
        client.ask(call="Halt", on=MACHINE, arguments=CAUSE)
        assert viewer.events("StateChanged", 1)[0]["ToState"]["value"] == "Halted"
        assert viewer.ask(read=["Station.State"])[0]["value"] == State.HALTED
