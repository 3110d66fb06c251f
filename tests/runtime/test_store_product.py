"""A store judges one product, and a bundle is named by its digest, its serial or its product."""

import json
import shutil
from pathlib import Path

import pytest

from broken_bundles import change_json
from goodpart.cli.main import main
from goodpart.errors import BundleError, UsageError
from goodpart.store.store import Store


@pytest.fixture
def nut(older, tmp_path) -> Path:
    """The bundle of another product, unsigned, serial 3."""
    copy = Path(shutil.copytree(older, tmp_path / "nut"))
    (copy / "manifest.sig").unlink()
    change_json(copy / "manifest.json", lambda facts: facts.update(name="nut", serial=3))
    return copy


def rot(store: Store, digest: str) -> None:
    path = store.path(digest) / "bank.npy"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])


def test_another_product_is_refused_unless_it_is_named(store, nut, capsys):
    before = sorted(store.folders())
    assert main(["store", "add", str(store.folder), str(nut)]) == 2
    assert "expected a bundle of 'bar', found one of 'nut'; say --product 'nut'" in capsys.readouterr().err
    assert sorted(store.folders()) == before
    with pytest.raises(UsageError, match="--product: expected 'nut'"):
        store.add(nut, product="bar")
    assert main(["store", "add", str(store.folder), str(nut), "--product", "nut"]) == 0


def test_another_product_is_activated_only_if_it_is_named(store, nut, digests):
    digest = store.add(nut, product="nut").digest
    before = store.state
    with pytest.raises(UsageError, match="expected a bundle of 'bar', found one of 'nut'"):
        store.activate(digest)
    assert store.state == before
    assert main(["store", "activate", str(store.folder), "nut", "--product", "nut"]) == 0
    assert (store.state.active, store.state.product) == (digest, "nut")
    with pytest.raises(UsageError, match="expected a bundle of 'nut', found one of 'bar'"):
        store.activate(digests[0])


def test_neither_a_rollback_nor_a_fall_back_leaves_the_product(store, nut, digests):
    digest = store.add(nut, product="nut").digest
    store.activate(digest, product="nut")
    before = store.state
    assert before.history == (digests[0],)
    with pytest.raises(UsageError, match="found none of this product"):
        store.rollback()
    rot(store, digest)
    with pytest.raises(BundleError, match=digest):
        store.load()
    assert store.state == before


def test_a_fall_back_passes_over_another_product(store, nut, digests):
    store.activate(digests[1])
    store.activate(store.add(nut, product="nut").digest, product="nut")
    store.activate(digests[0], product="bar")
    rot(store, digests[0])
    assert store.load().bundle.digest == digests[1]


def test_gc_keeps_what_each_product_can_go_back_to(store, nut, digests, tmp_path):
    later = Path(shutil.copytree(nut, tmp_path / "later"))
    change_json(later / "manifest.json", lambda facts: facts.update(serial=4))
    nuts = [store.add(bundle, product="nut").digest for bundle in (nut, later)]
    # nut 0, bar 1, bar 0, nut 1: what was active last is another product's
    store.activate(nuts[0], product="nut")
    store.activate(digests[1], product="bar")
    store.activate(digests[0])
    store.activate(nuts[1], product="nut")
    assert store.gc() == [digests[1]]
    assert store.state.history == (nuts[0], digests[0])
    assert store.rollback().digest == nuts[0]


def test_a_state_of_an_older_version_belongs_to_its_active_product(store, nut):
    path = store.folder / "state.json"
    facts = json.loads(path.read_text())
    del facts["product"]
    path.write_text(json.dumps(facts))
    with pytest.raises(UsageError, match="expected a bundle of 'bar'"):
        store.add(nut)


def test_a_bundle_is_activated_by_its_serial_or_its_product(store, digests):
    assert store.activate("8").digest == digests[1]
    assert store.activate("7").digest == digests[0]
    assert store.activate("bar").digest == digests[1]  # the highest serial


@pytest.mark.parametrize("which", ["9", "nut", "", "b", "78a0", "zz", "-1", "8.0"])
def test_a_name_that_means_no_bundle_is_refused(store, which):
    before = store.state
    with pytest.raises(UsageError, match="found 0; goodpart store list shows them"):
        store.activate(which)
    assert store.state == before


def test_a_serial_that_two_bundles_have_is_refused(store, newer, tmp_path):
    copy = Path(shutil.copytree(newer, tmp_path / "twin"))
    change_json(copy / "manifest.json", lambda facts: facts["provenance"].update(seed=99))
    store.add(copy)
    for which in ("8", "bar"):
        with pytest.raises(UsageError, match="found 2"):
            store.activate(which)


def test_a_damaged_state_lets_the_same_product_in(store, digests, newer, nut, tmp_path):
    """Whoever has only damaged bundles left must be able to add a whole one, and to activate it."""
    (store.folder / "state.json").write_text("{")
    copy = Path(shutil.copytree(newer, tmp_path / "third"))
    change_json(copy / "manifest.json", lambda facts: facts.update(serial=9))
    with pytest.raises(UsageError, match="expected a bundle of 'bar'"):
        store.add(nut)
    added = store.add(copy).digest
    assert store.activate("9").digest == store.state.active == added
