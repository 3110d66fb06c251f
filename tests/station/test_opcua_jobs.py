"""Results and recipes over OPC UA, with an independent client (node-opcua) that hides no null."""

import asyncio
import contextlib
import functools
import hashlib
import shutil
from types import SimpleNamespace

import pytest
from asyncua import Client, ua

from goodpart import read_bundle
from goodpart_station.codes import Reason, State
from goodpart_station.opcua.given import Error, error_of
from goodpart_station.opcua.options import NAMESPACE
from goodpart_station.opcua.record import record_of
from goodpart_station.opcua.results import Results
from goodpart_station.ring.config import RingConfig
from goodpart_station.ring.ring import Ring
from goodpart_station.tokens import Role
from opcua_jobs import STATION, JobsSite, There, mes
from small_answers import BUNDLE as OTHERS
from small_answers import good, reject
from station_parts import BUNDLE, until

EARLIER = "0a1b2c3d4e5f6071"
DIGEST = read_bundle(BUNDLE).digest
BAR, BOLT = f"bar@{DIGEST}", f"bolt@{DIGEST}"
DONE = 0
PREPARED = 1


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A station that judges bars, and a client. Its ring has frames of an earlier start."""
    site = JobsSite(tmp_path_factory.mktemp("opcua"), "bar", "bolt", "nothing")
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


def test_news_that_wait_are_taken_in_before_a_result_is_looked_for(there):
    products = SimpleNamespace(numbers=(), name=str)
    around = SimpleNamespace(station=STATION, boot="b0", ring=None, products=products, store_of=None)
    results = Results(around, functools.partial(record_of, boot="b0"))
    handlers = {}

    async def link(path, handler, **_):
        handlers[path.rpartition("/")[2]] = handler

    async def ask():
        await results.build(SimpleNamespace(vision=2, link=link, take_in=lambda: results.tell(good(999))))
        _, _, error = await handlers["GetResultById"](SimpleNamespace(Id="b0-999"), 0)
        _, _, _, found, _ = await handlers["GetResultListFiltered"](*[None] * 9, 1, 0, 0)
        return error, [each.JobId.Id for each in found]

    # the type classes are those of the server in this process
    assert asyncio.run(ask()) == (DONE, ["999"])


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
    assert result["internalRecipeId"]["id"] == f"bracket@{OTHERS}"
    assert [each["value"] for each in result["resultContent"]] == ["DEFECT", 9, 3.5, 0.42, []]


def test_lists_hold_what_was_asked_for_newest_first(there):
    first, second, third = (there.job(seed, part_id=number) for seed, number in ((5, 11), (6, 12), (7, 11)))
    refused = there.job(product=77, part_id=12)
    for _ in range(4):
        there.site.records.next()
    a, b, c, d = (event["ResultId"]["id"] for event in (first, second, third, refused))
    old = [f"{EARLIER}-4712", f"{EARLIER}-4711"]
    complete, everything = there.results()
    assert complete and everything[:4] == [d, c, b, a] and everything[-2:] == old
    assert there.results(PartId="11") == (True, [c, a])
    assert there.results(state=4, PartId=" 12 ") == (True, [d])
    assert there.results(state=1, PartId="12") == (True, [b])
    assert there.results(JobId="4711") == (True, old[1:])
    # a product that the file has no more, by name; one that it has, by number too
    assert there.results(ProductId="bracket") == (True, old)
    by_name = there.results(RecipeIdExternal="bar")
    assert by_name == there.results(ProductId="1") == (True, everything[:-2])
    recipe = third["InternalRecipeId"]["id"]
    assert d not in there.results(RecipeIdInternal=recipe)[1]
    assert there.results(MeasId="x") == (True, [])
    assert there.results(most=3) == (False, everything[:3])
    assert there.results(most=3, start=len(everything) - 2) == (True, old)
    assert there.results(start=len(everything)) == (True, [])


def test_null_means_that_it_does_not_matter(there):
    complete, count, _, results, error = there.client.call("ResultManagement/GetResultListFiltered", *[None] * 12)
    assert (complete, count, error) == (True, len(results), DONE)
    assert [result["resultId"]["id"] for result in results] == there.results()[1]


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


def test_a_viewer_reads_and_prepares_nothing(there):
    async def statuses(methods):
        async with Client(f"opc.tcp://viewer:{there.site.tokens[Role.VIEWER]}@127.0.0.1:{there.site.port}") as viewer:
            index = await viewer.get_namespace_index(NAMESPACE)
            found = {}
            for method, count in methods.items():
                name = f"{STATION}.{method}"
                parent = viewer.get_node(ua.NodeId(name.rpartition(".")[0], index))
                try:
                    await parent.call_method(ua.NodeId(name, index), *[ua.Variant()] * count)
                except ua.UaStatusCodeError as error:
                    found[method] = type(error).__name__
            return found

    reads = {"ResultManagement.GetResultById": 2, "RecipeManagement.GetRecipeListFiltered": 6}
    does = {
        "RecipeManagement.PrepareRecipe": 2,
        "RecipeManagement.UnprepareRecipe": 2,
        "RecipeManagement.PrepareProduct": 1,
        "RecipeManagement.UnprepareProduct": 1,
    }
    assert asyncio.run(statuses(reads | does)) == dict.fromkeys(does, "BadUserAccessDenied")


def renewed(store):
    """Activates a copy of the bundle with a later serial in a store, and returns its digest."""
    text = (BUNDLE / "manifest.json").read_text(encoding="utf-8")
    assert text.count('"serial": 9') == 1
    text = text.replace('"serial": 9', '"serial": 10')
    digest = hashlib.sha256(text.encode()).hexdigest()
    shutil.copytree(BUNDLE, store.folder / "bundles" / digest)
    (store.folder / "bundles" / digest / "manifest.json").write_text(text, encoding="utf-8")
    (store.folder / "bundles" / digest / "manifest.sha256").write_text(digest + "\n", encoding="utf-8")
    store.change(lambda state: state.forward(digest, 10, "bar"))
    return digest


def test_recipes_are_the_active_bundles_of_the_products(there):
    assert there.recipes() == (True, [BAR, BOLT])
    assert there.recipes(state=PREPARED) == (True, [BAR])
    assert there.recipes(state=0) == (True, [BOLT])
    assert there.recipes(external="bolt") == there.recipes(product="2") == (True, [BOLT])
    assert there.recipes(external="bolt", product="bar") == there.recipes(external="nut") == (True, [])
    assert there.recipes(product="nothing") == (True, [])
    assert there.recipes(most=1) == (False, [BAR])
    assert there.recipes(most=1, start=1) == (True, [BOLT])
    complete, count, handle, _, _ = there.client.call("RecipeManagement/GetRecipeListFiltered", *[None] * 6)
    assert complete and count == 2
    assert there.client.call("RecipeManagement/ReleaseRecipeHandle", ["UInt32", handle]) == [0]
    assert there.client.call("RecipeManagement/ReleaseRecipeHandle", ["UInt32", handle]) == [Error.NO_HANDLE]


def test_a_change_over_by_product_and_back_by_recipe(there):
    assert there.recipe_of_next_job() == BAR
    assert there.product("2") == (BOLT, 0)
    assert there.prepared() == (BOLT, "2")
    assert there.recipe_of_next_job() == BOLT
    # the internal id counts if both are given
    assert there.recipe(external="bolt", internal=BAR) == (BAR, False, 0)
    assert there.prepared() == (BAR, "bar")
    assert there.recipe_of_next_job() == BAR


def test_what_is_prepared_already_is_completed_at_once_and_told_all_the_same(there):
    for given in ({"external": "bar"}, {"internal": BAR}):
        assert there.recipe(**given) == (BAR, True, 0)
        assert there.prepared() == (BAR, "bar")
    assert there.product("bar") == (BAR, 0)
    assert there.prepared() == (BAR, "bar")
    assert there.engine.status().state is State.READY


def test_recipes_that_are_not_there_change_nothing(there):
    for given in ({"external": "nut"}, {"external": ""}, {"internal": "nut@1234"}, {"internal": "bar"}):
        assert there.recipe(**given) == ("", False, Error.NO_RECIPE)
    assert there.recipe(internal="bolt@" + "0" * 64) == ("", False, Error.NOT_ACTIVE)
    assert there.product("nut") == ("", Error.NO_RECIPE)
    status = there.engine.status()
    assert (status.state, status.product) == (State.READY, 1)


def test_a_single_program_system_unprepares_nothing(there):
    assert there.product("bar", "UnprepareProduct") == (BAR, Error.NOT_SUPPORTED)
    assert there.product("bolt", "UnprepareProduct") == (BOLT, Error.NOT_PREPARED)
    assert there.recipe("UnprepareRecipe", internal=BAR) == (BAR, Error.NOT_SUPPORTED)
    assert there.product("nut", "UnprepareProduct") == ("", Error.NO_RECIPE)
    assert there.engine.status().state is State.READY


def test_a_newly_activated_bundle_is_another_recipe(there):
    new = f"bar@{renewed(there.site.stores[1])}"
    assert there.recipes(product="bar") == (True, [BAR, new])
    assert there.recipes(state=PREPARED) == (True, [BAR])
    # the one before judges until somebody asks for the new one
    assert there.recipe(internal=BAR) == (BAR, True, 0)
    assert there.prepared() == (BAR, "bar")
    assert there.recipe_of_next_job() == BAR
    assert there.recipe(external="bar") == (new, False, 0)
    assert there.prepared() == (new, "bar")
    assert there.recipe_of_next_job() == new
    assert there.recipes(product="bar") == (True, [new])
    assert there.recipe(internal=BAR) == ("", False, Error.NOT_ACTIVE)
    assert there.recipe_of_next_job() == new


def test_a_product_without_a_bundle_leaves_none(there):
    assert there.product("nothing") == ("", 0)
    until(lambda: there.engine.status().state is State.FAULT)
    assert there.recipes(state=PREPARED) == (True, [])
    assert there.product("bolt") == (BOLT, 0)
    assert there.prepared() == (BOLT, "bolt")
    assert there.recipe_of_next_job() == BOLT


def test_the_number_of_an_error_says_why_the_station_refuses():
    assert error_of(Reason.NONE) == 0
    assert [error_of(reason) for reason in (Reason.OVERRUN, Reason.NOT_READY)] == [-4, -6]
    assert min(error_of(reason) for reason in Reason) > max(set(Error) - {Error.NONE})
