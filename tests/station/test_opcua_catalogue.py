"""The catalogue of recipes for OPC UA: products by name and number, and the bundles of their stores."""

import logging

import pytest

from goodpart import Store, read_bundle
from goodpart_station.opcua.catalogue import Catalogue, Judging
from station_parts import BUNDLE, small_store

DIGEST = read_bundle(BUNDLE).digest
OLD = "5" * 64


@pytest.fixture
def stores(tmp_path):
    """Bars have a bundle, bolts have none yet, and nuts a damaged store."""
    (tmp_path / "nut").mkdir()
    (tmp_path / "nut" / "state.json").write_text("{", encoding="utf-8")
    return {1: small_store(tmp_path / "bar"), 2: Store(tmp_path / "bolt"), 5: Store(tmp_path / "nut")}


@pytest.fixture
def catalogue(stores):
    return Catalogue({1: " bar ", 2: "1", 5: "nut@M8"}, stores.__getitem__)


def test_a_product_is_meant_by_its_name_before_its_number(catalogue):
    assert [catalogue.number(text) for text in ("bar", "1", "2", "nut@M8", "5")] == [1, 2, 2, 5, 5]
    assert [catalogue.number(text) for text in ("", "3", "05", "Bar", " bar ")] == [0, 0, 0, 0, 0]
    assert [catalogue.name(number) for number in (1, 2, 3)] == ["bar", "1", ""]


def test_an_internal_id_names_product_and_bundle(catalogue):
    assert catalogue.meant(f"bar@{DIGEST}") == (1, DIGEST)
    assert catalogue.meant("nut@M8@abc") == (5, "abc")
    for odd in ("", "@", "bar", "bar@", "@abc", "nut@M8", "5@abc"):
        assert catalogue.meant(odd) == (0, "")


def test_a_recipe_is_the_active_bundle_of_a_store(catalogue):
    (recipe,) = catalogue.recipes(Judging())
    assert (recipe.number, recipe.product, recipe.digest, recipe.serial) == (1, "bar", DIGEST, 9)
    assert recipe.recipe_id == f"bar@{DIGEST}" and not recipe.prepared
    (recipe,) = catalogue.recipes(Judging(number=1, digest=DIGEST, serial=9))
    assert recipe.prepared
    assert catalogue.recipes(Judging(), number=2) == []


def test_the_bundle_that_judges_is_a_recipe_until_the_new_one_does(catalogue):
    old, new = catalogue.recipes(Judging(number=1, digest=OLD, serial=8))
    assert (old.digest, old.serial, old.prepared) == (OLD, 8, True)
    assert (new.digest, new.serial, new.prepared) == (DIGEST, 9, False)
    # also if its store is damaged meanwhile
    recipes = catalogue.recipes(Judging(number=5, digest=OLD, serial=8), number=5)
    assert [(recipe.recipe_id, recipe.prepared) for recipe in recipes] == [(f"nut@M8@{OLD}", True)]


def test_a_store_that_cannot_be_read_is_told_once(catalogue, caplog):
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert catalogue.active(5, Judging()) is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "product 5 (nut@M8) has no recipe" in caplog.text
