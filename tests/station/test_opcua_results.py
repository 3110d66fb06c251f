"""Results over OPC UA, asked for by an independent client (node-opcua) that hides no null."""

import contextlib
import dataclasses

import pytest

from goodpart_station.opcua.given import Error
from goodpart_station.ring.config import RingConfig
from goodpart_station.ring.ring import Ring
from goodpart_station.tokens import Role
from opcua_station import STATION, JobsSite, mes
from small_answers import BUNDLE, reject

EARLIER = "0a1b2c3d4e5f6071"
DONE = 0
NO_IDS = [
    [f"{name}DataType", {"id": ""}]
    for name in (
        "MeasId",
        "PartId",
        "RecipeIdExternal",
        "RecipeIdInternal",
        "ConfigurationId",
        "ConfigurationId",
        "ProductId",
        "JobId",
    )
]


@dataclasses.dataclass
class There:
    """A station in production, and a client."""

    site: JobsSite
    engine: object
    client: object

    def job(self, seed=1, *, defect=False, part_id=0, **asked):
        """The event of a part that is triggered now."""
        self.engine.trigger(None, part_id=part_id, **asked)
        if not asked:
            self.site.picture(seed, defect=defect)
        return self.client.event("ResultReadyEventType")

    def by_id(self, text, method="GetResultById"):
        return self.client.call(f"ResultManagement/{method}", ["ResultIdDataType", {"id": text}], ["Int32", 0])

    def listed(self, *, state=0, most=0, start=0, **ids):
        """Whether the list ends, and the ids of the results in it."""
        given = [ids.get(kind[0], kind) for kind in NO_IDS]
        complete, count, handle, results, error = self.client.call(
            "ResultManagement/GetResultListFiltered",
            ["Int32", state],
            *given,
            ["UInt32", most],
            ["UInt32", start],
            ["Int32", 0],
        )
        assert (count, error) == (len(results), DONE) and handle
        return complete, [result["resultId"]["id"] for result in results]


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    site = JobsSite(tmp_path_factory.mktemp("opcua"), "bar")
    earlier = Ring(site.ring.frames.folder, RingConfig(random_rate=1.0), boot=EARLIER)
    earlier.open()
    for seq in (4711, 4712):
        earlier.keep(reject(seq))
    earlier.close()
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(site.running())
        yield There(site, engine, stack.enter_context(mes(site)))


def camel(name):
    return name[0].lower() + name[1:]


def test_a_result_is_found_by_the_id_of_its_event(there):
    event = there.job(3, defect=True, part_id=884213)
    judged = there.site.records.next()
    handle, result, error = there.by_id(event["ResultId"]["id"])
    assert handle and error == DONE
    told = {camel(name): value for name, value in event.items() if camel(name) in result}
    assert result == {**told, "$": "ResultDataType", "hasTransferableDataOnFile": False}
    assert set(told) == set(result) - {"hasTransferableDataOnFile"}
    assert result["resultId"]["id"] == f"{there.site.boot}-{result['jobId']['id']}"
    assert result["partId"]["id"] == "884213"
    assert result["internalRecipeId"]["id"] == f"bar@{judged.bundle}"
    assert (result["internalRecipeId"]["hash"], result["internalRecipeId"]["version"]) == (judged.bundle, "9")
    assert (result["externalRecipeId"]["id"], result["internalConfigurationId"]["id"]) == ("bar", STATION)
    assert (result["resultState"], result["isPartial"], result["isSimulated"]) == (1, False, False)
    assert result["processingTimes"]["startTime"] < result["processingTimes"]["endTime"] == result["creationTime"]
    verdict, score, threshold, p_value, regions = result["resultContent"]
    found = judged.inspection
    assert verdict == {"type": "String", "value": "DEFECT"}
    assert [each["value"] for each in (score, threshold, p_value)] == [found.score, found.threshold, found.p_value]
    boxes = [[box.y_px, box.x_px, box.height_px, box.width_px] for box in found.regions]
    assert boxes and regions["dimensions"] == [len(boxes), 4]
    assert regions["value"] == [edge for box in boxes for edge in box]


def test_the_components_of_a_result_are_its_fields(there):
    event = there.job(2)
    there.site.records.next()
    (_, result, _), components = (
        there.by_id(event["ResultId"]["id"]),
        there.by_id(event["ResultId"]["id"], "GetResultComponentsById"),
    )
    del result["$"], result["resultId"]
    transferable, handle, *fields, error = components
    assert (transferable, error) == (result.pop("hasTransferableDataOnFile"), DONE) and handle
    assert fields == list(result.values())


def test_a_part_that_was_refused_has_a_result_without_a_null(there):
    event = there.job(product=77)
    there.site.records.next()
    _, result, error = there.by_id(event["ResultId"]["id"])
    assert (result["resultState"], error, result["internalRecipeId"]["id"]) == (4, DONE, "")
    assert [each["value"] for each in result["resultContent"]] == ["REFUSED", "NaN", "NaN", "NaN", []]
    assert result["resultContent"][4]["dimensions"] == [0, 4]


def test_results_of_an_earlier_start_are_found_where_the_ring_has_their_frames(there):
    _, result, error = there.by_id(f"{EARLIER}-4712")
    assert error == DONE
    assert (result["jobId"]["id"], result["partId"]["id"]) == ("4712", "884213")
    assert result["internalRecipeId"]["id"] == f"bracket@{BUNDLE}"
    assert [each["value"] for each in result["resultContent"]] == ["DEFECT", 9, 3.5, 0.42, []]


def test_lists_hold_what_was_asked_for_newest_first(there):
    first, second, third = (there.job(seed, part_id=number) for seed, number in ((5, 11), (6, 12), (7, 11)))
    refused = there.job(product=77, part_id=12)
    for _ in range(4):
        there.site.records.next()
    a, b, c, d = (event["ResultId"]["id"] for event in (first, second, third, refused))
    old = [f"{EARLIER}-4712", f"{EARLIER}-4711"]
    complete, everything = there.listed()
    assert complete and everything[:4] == [d, c, b, a] and everything[-2:] == old
    assert there.listed(PartIdDataType=["PartIdDataType", {"id": "11"}]) == (True, [c, a])
    assert there.listed(state=4, PartIdDataType=["PartIdDataType", {"id": " 12 "}]) == (True, [d])
    assert there.listed(state=1, PartIdDataType=["PartIdDataType", {"id": "12"}]) == (True, [b])
    assert there.listed(JobIdDataType=["JobIdDataType", {"id": "4711"}]) == (True, old[1:])
    # a product that the file has no more, by name; one that it has, by number too
    assert there.listed(ProductIdDataType=["ProductIdDataType", {"id": "bracket"}]) == (True, old)
    by_name = there.listed(RecipeIdExternalDataType=["RecipeIdExternalDataType", {"id": "bar"}])
    assert by_name == there.listed(ProductIdDataType=["ProductIdDataType", {"id": "1"}]) == (True, everything[:-2])
    recipe = third["InternalRecipeId"]["id"]
    assert d not in there.listed(RecipeIdInternalDataType=["RecipeIdInternalDataType", {"id": recipe}])[1]
    assert there.listed(MeasIdDataType=["MeasIdDataType", {"id": "x"}]) == (True, [])
    assert there.listed(most=3) == (False, everything[:3])
    assert there.listed(most=3, start=len(everything) - 2) == (True, old)
    assert there.listed(start=len(everything)) == (True, [])


def test_null_means_that_it_does_not_matter(there):
    complete, count, _, results, error = there.client.call("ResultManagement/GetResultListFiltered", *[None] * 12)
    assert (complete, count, error) == (True, len(results), DONE)
    assert [result["resultId"]["id"] for result in results] == there.listed()[1]


def test_what_is_not_there_is_an_error_and_no_result(there):
    for text in ("", "4711", f"{EARLIER}-1", f"{there.site.boot}-999999999"):
        handle, result, error = there.by_id(text)
        assert (handle, error) == (0, Error.NO_RESULT)
        assert (result["resultState"], result["resultId"]["id"], result["jobId"]["id"]) == (0, "", "")
        assert result["resultContent"][0]["value"] == "NONE"
        assert there.by_id(text, "GetResultComponentsById")[-1] == Error.NO_RESULT


def test_a_handle_is_released_once(there):
    handle, *_ = there.by_id(f"{EARLIER}-4711")
    release = "ResultManagement/ReleaseResultHandle"
    assert there.client.call(release, ["UInt32", handle]) == [DONE]
    assert there.client.call(release, ["UInt32", handle]) == [Error.NO_HANDLE]


def test_arguments_of_another_type_are_refused(there):
    by_id = "ResultManagement/GetResultById"
    assert there.client.status(by_id, ["String", f"{EARLIER}-4711"], ["Int32", 0]) == "BadInvalidArgument"
    assert there.client.status(by_id, ["ResultIdDataType", {"id": "x"}], ["Double", 0.5]) == "BadInvalidArgument"
    assert there.client.status(by_id, ["ResultIdDataType", {"id": "x"}]) == "BadArgumentsMissing"
    assert there.client.status("ResultManagement/ReleaseResultHandle", ["Int32", -1]) == "BadInvalidArgument"


def test_a_viewer_reads_results_and_prepares_nothing(there):
    with mes(there.site, Role.VIEWER) as viewer:
        assert (
            viewer.call("ResultManagement/GetResultById", ["ResultIdDataType", {"id": f"{EARLIER}-4711"}], None)[2] == 0
        )
        assert viewer.call("RecipeManagement/GetRecipeListFiltered", *[None] * 6)[1] == 1
        for method, count in (
            ("PrepareProduct", 1),
            ("UnprepareProduct", 1),
            ("PrepareRecipe", 2),
            ("UnprepareRecipe", 2),
        ):
            assert viewer.status(f"RecipeManagement/{method}", *[None] * count) == "BadUserAccessDenied"
