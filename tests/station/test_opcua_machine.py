"""The state machines of OPC UA follow the news of parts, whatever is polled between them."""

import asyncio
import dataclasses
from types import SimpleNamespace

import pytest

from goodpart_station.codes import Bits, PartVerdict, State
from goodpart_station.opcua.around import Around
from goodpart_station.opcua.machine import StateMachine
from goodpart_station.opcua.outbox import Acquired, Taken
from goodpart_station.part import Status
from small_answers import answer
from station_parts import part_of

READY = Status(State.READY, Bits(0), 0, 0, 0, 1, 0, "", "")
SINGLE = ["Ready > SingleExecution", "JOB_STARTED 1"]
END = ["RESULT 1 GOOD", "SingleExecution > Ready", "READY 1"]


def with_state(state):
    """The status of a station in this state."""
    return dataclasses.replace(READY, state=state)


class Told(StateMachine):
    """Writes down what it would send."""

    def __init__(self, around):
        super().__init__(around, lambda result: None)
        self.sent = []

    async def _show(self, machine, state):
        pass

    async def _show_system(self, status):
        pass

    async def _tell_recipe(self, status):
        pass

    async def _answer(self, result):
        self.sent.append(f"RESULT {result.part.seq} {result.verdict.name}")

    async def _send_job(self, kind, part, message):
        self.sent.append(f"{kind.name} {part.seq}")

    async def _send_step(self, kind, source, step, **more):
        if kind.name == "STATE_CHANGED":
            self.sent.append(f"{step.before.value[0]} > {step.after.value[0]}")
        else:
            self.sent.append(kind.name)


@pytest.fixture
def sent(tmp_path):
    """What is sent for news and states, once the station is ready."""

    def follow(*told, triggered=True, hardware=False, now=State.READY):
        line = SimpleNamespace(status=lambda: with_state(now))
        around = Around(
            station="line1", boot="b", data=tmp_path, line=line, products=None, store_of=None,
            takes_jobs=triggered, triggered=triggered, hardware=hardware,
        )  # fmt: skip
        machine = Told(around)
        machine._top = machine._sub = None

        async def run():
            await machine.follow(READY)
            machine.sent.clear()
            for each in told:
                await (machine.follow(each) if isinstance(each, Status) else machine.tell(each))

        asyncio.run(run())
        return machine.sent

    return follow


def result(seq, verdict=PartVerdict.GOOD, **changes):
    """The answer for a part."""
    return answer(seq, 1.0, part=part_of(seq), verdict=verdict, **changes)


def test_a_part_that_is_answered_between_two_polls_is_told_step_by_step(sent):
    part = part_of(1)
    assert sent(Taken(part), Acquired(part), result(1), READY) == [*SINGLE, "ACQUISITION_DONE 1", *END]


def test_the_station_is_ready_again_when_no_part_is_in_hand(sent):
    parts = [part_of(1), part_of(2)]
    assert sent(*map(Taken, parts), result(1), result(2)) == [
        *SINGLE, "JOB_STARTED 2", "RESULT 1 GOOD", "RESULT 2 GOOD", "SingleExecution > Ready", "READY 2"
    ]  # fmt: skip


def test_a_picture_and_a_judgement_after_a_timeout_begin_nothing_anew(sent):
    part, timeout = part_of(1), PartVerdict.TIMEOUT
    assert sent(Taken(part), result(1, timeout), Acquired(part), result(1, timeout, late=True)) == [
        *SINGLE, "RESULT 1 TIMEOUT", "SingleExecution > Ready", "READY 1"
    ]  # fmt: skip


def test_a_part_that_is_refused_has_a_result_and_no_job(sent):
    assert sent(result(1, PartVerdict.REFUSED)) == ["RESULT 1 REFUSED"]


@pytest.mark.parametrize(("triggered", "hardware"), [(False, False), (True, True)])
def test_a_line_whose_camera_runs_by_itself_is_in_continuous_execution(sent, triggered, hardware):
    part = part_of(1)
    news = [Taken(part)] * triggered + [Acquired(part), result(1)]
    assert sent(*news, triggered=triggered, hardware=hardware) == [
        "Ready > ContinuousExecution", "JOB_STARTED 1", "ACQUISITION_DONE 1", "RESULT 1 GOOD",
        "ContinuousExecution > Ready", "READY 1",
    ]  # fmt: skip


def test_a_result_that_was_dropped_does_not_leave_the_station_busy_for_ever(sent):
    assert sent(Taken(part_of(1)), READY, READY) == [*SINGLE, "SingleExecution > Ready"]


def test_a_fault_is_told_with_all_steps_of_the_way(sent):
    fault = dataclasses.replace(READY, state=State.FAULT, why="no camera")
    halted = with_state(State.HALTED)
    assert sent(fault, halted, READY) == [
        "Operational > Error", "ERROR", "Error > Halted", "ERROR_RESOLVED",
        "Halted > Preoperational", "Preoperational > Operational", "Initialized > Ready",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("now", "after"), [(State.OUT_OF_STEP, "Error"), (State.FAULT, "Error"), (State.HALTED, "Halted")]
)
def test_a_station_that_takes_no_job_any_more_does_not_say_that_it_is_ready(sent, now, after):
    """The answer of the last part is heard before the next poll tells the state."""
    found = sent(Taken(part_of(1)), result(1, PartVerdict.REFUSED), with_state(now), now=now)
    assert found[:4] == [*SINGLE, "RESULT 1 REFUSED", f"Operational > {after}"]
    assert "READY 1" not in found


def test_a_station_that_has_the_next_part_already_says_that_it_was_ready(sent):
    assert sent(Taken(part_of(1)), result(1), now=State.BUSY) == [*SINGLE, *END]
