"""Recipes over OPC UA, prepared by an independent client (node-opcua)."""

import contextlib
import dataclasses
import hashlib
import shutil

import pytest

from goodpart import read_bundle
from goodpart_station.codes import Reason, State
from goodpart_station.opcua.given import Error, error_of
from opcua_station import JobsSite, mes
from station_parts import BUNDLE, until

DIGEST = read_bundle(BUNDLE).digest
BAR, BOLT = f"bar@{DIGEST}", f"bolt@{DIGEST}"
PREPARED, EITHER = 1, 2
NO_EXTERNAL = ["RecipeIdExternalDataType", {"id": ""}]


@dataclasses.dataclass
class There:
    """A station in production, and a client."""

    site: JobsSite
    engine: object
    client: object

    def prepare(self, *, external="", internal=""):
        """Internal id, whether it is completed, and the error."""
        recipe, completed, error = self.client.call(
            "RecipeManagement/PrepareRecipe",
            ["RecipeIdExternalDataType", {"id": external}],
            ["RecipeIdInternalDataType", {"id": internal}],
        )
        return recipe["id"], completed, error

    def product(self, name, method="PrepareProduct"):
        recipe, error = self.client.call(f"RecipeManagement/{method}", ["ProductIdDataType", {"id": name}])
        return recipe["id"], error

    def prepared(self):
        """The internal id and the product of the next RecipePrepared."""
        event = self.client.event("RecipePreparedEventType")
        assert event["ExternalId"]["id"] == event["InternalId"]["id"].partition("@")[0]
        return event["InternalId"]["id"], event["ProductId"]["id"]

    def recipe_of_next_job(self):
        until(lambda: self.engine.status().state is State.READY)
        self.engine.trigger(None)
        self.site.picture(1)
        return self.client.event("ResultReadyEventType")["InternalRecipeId"]["id"]

    def listed(self, *, external="", product="", state=EITHER, most=0, start=0):
        complete, count, _, recipes, error = self.client.call(
            "RecipeManagement/GetRecipeListFiltered",
            ["RecipeIdExternalDataType", {"id": external}],
            ["ProductIdDataType", {"id": product}],
            ["Int32", state],
            ["UInt32", most],
            ["UInt32", start],
            ["Int32", -1],
        )
        assert (count, error) == (len(recipes), 0)
        return complete, [recipe["id"] for recipe in recipes]


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    site = JobsSite(tmp_path_factory.mktemp("opcua"), "bar", "bolt", "nothing")
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(site.running())
        yield There(site, engine, stack.enter_context(mes(site)))


def renewed(store, folder):
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
    assert there.listed() == (True, [BAR, BOLT])
    assert there.listed(state=PREPARED) == (True, [BAR])
    assert there.listed(state=0) == (True, [BOLT])
    assert there.listed(external="bolt") == there.listed(product="2") == (True, [BOLT])
    assert there.listed(external="bolt", product="bar") == there.listed(external="nut") == (True, [])
    assert there.listed(product="nothing") == (True, [])
    assert there.listed(most=1) == (False, [BAR])
    assert there.listed(most=1, start=1) == (True, [BOLT])
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
    assert there.prepare(external="bolt", internal=BAR) == (BAR, False, 0)
    assert there.prepared() == (BAR, "")
    assert there.recipe_of_next_job() == BAR


def test_what_is_prepared_already_is_completed_at_once_and_told_all_the_same(there):
    for given in ({"external": "bar"}, {"internal": BAR}):
        assert there.prepare(**given) == (BAR, True, 0)
        assert there.prepared() == (BAR, "")
    assert there.product("bar") == (BAR, 0)
    assert there.prepared() == (BAR, "bar")
    assert there.engine.status().state is State.READY


def test_recipes_that_are_not_there_change_nothing(there):
    for given in ({"external": "nut"}, {"external": ""}, {"internal": "nut@1234"}, {"internal": "bar"}):
        assert there.prepare(**given) == ("", False, Error.NO_RECIPE)
    assert there.prepare(internal="bolt@" + "0" * 64) == ("", False, Error.NOT_ACTIVE)
    assert there.product("nut") == ("", Error.NO_RECIPE)
    status = there.engine.status()
    assert (status.state, status.product) == (State.READY, 1)


def test_a_single_program_system_unprepares_nothing(there):
    assert there.product("bar", "UnprepareProduct") == (BAR, Error.NOT_SUPPORTED)
    assert there.product("bolt", "UnprepareProduct") == (BOLT, Error.NOT_PREPARED)
    recipe, error = there.client.call(
        "RecipeManagement/UnprepareRecipe", NO_EXTERNAL, ["RecipeIdInternalDataType", {"id": BAR}]
    )
    assert (recipe["id"], error) == (BAR, Error.NOT_SUPPORTED)
    assert there.product("nut", "UnprepareProduct") == ("", Error.NO_RECIPE)
    assert there.engine.status().state is State.READY


def test_a_newly_activated_bundle_is_another_recipe(there, tmp_path):
    new = f"bar@{renewed(there.site.stores[1], tmp_path)}"
    assert there.listed(product="bar") == (True, [BAR, new])
    assert there.listed(state=PREPARED) == (True, [BAR])
    # the one before judges until somebody asks for the new one
    assert there.prepare(internal=BAR) == (BAR, True, 0)
    assert there.prepared() == (BAR, "")
    assert there.recipe_of_next_job() == BAR
    assert there.prepare(external="bar") == (new, False, 0)
    assert there.prepared() == (new, "")
    assert there.recipe_of_next_job() == new
    assert there.listed(product="bar") == (True, [new])
    assert there.prepare(internal=BAR) == ("", False, Error.NOT_ACTIVE)
    assert there.recipe_of_next_job() == new


def test_a_product_without_a_bundle_leaves_none(there):
    assert there.product("nothing") == ("", 0)
    until(lambda: there.engine.status().state is State.FAULT)
    assert there.listed(state=PREPARED) == (True, [])
    assert there.product("bolt") == (BOLT, 0)
    assert there.prepared() == (BOLT, "bolt")
    assert there.recipe_of_next_job() == BOLT


def test_the_number_of_an_error_says_why_the_station_refuses():
    assert error_of(Reason.NONE) == 0
    assert [error_of(reason) for reason in (Reason.OVERRUN, Reason.NOT_READY)] == [-4, -6]
    assert min(error_of(reason) for reason in Reason) > max(set(Error) - {Error.NONE})
