"""A store whose active bundle no longer passes: an older one judges, and no pointer moves without cause."""

import logging
import os
import shutil
from pathlib import Path

import pytest

from broken_bundles import change_json
from goodpart._host.locks import hold
from goodpart.cli.main import main
from goodpart.errors import (
    BundleError,
    BundleMissingError,
    RollbackError,
    SignatureError,
    TrialError,
)
from goodpart.store import trial
from goodpart.store.store import Store
from goodpart.store.trial import TrialLimits


def test_a_store_falls_back_when_the_active_bundle_no_longer_passes(store, digests, caplog):
    old, new = digests
    store.activate(new)
    (store.path(new) / "bank.hnsw").chmod(0o644)
    with (store.path(new) / "bank.hnsw").open("r+b") as file:
        file.write(b"rot")
    with caplog.at_level(logging.WARNING):
        assert store.load().bundle.digest == old
    assert f"went back to bundle {old}" in caplog.text
    assert store.state.active == old
    assert "bank.hnsw: expected sha256" in (store.state.fallback or "")
    assert main(["store", "list", str(store.folder)]) == 0


def test_a_store_with_nothing_to_fall_back_to_says_what_is_wrong(store, digests):
    shutil.rmtree(store.path(digests[0]))
    with pytest.raises(BundleMissingError, match="expected a bundle folder, found nothing"):
        store.load()
    assert store.state.active == digests[0]


@pytest.fixture
def three(store, digests, newer, tmp_path) -> tuple[str, str, str]:
    """Three bundles that were active one after the other; the last one is."""
    copy = Path(shutil.copytree(newer, tmp_path / "third"))
    change_json(copy / "manifest.json", lambda facts: facts.update(serial=9))
    third = store.add(copy).digest
    for digest in (*digests, third):
        store.activate(digest)
    assert store.state.history == digests
    return (*digests, third)


def rot(store: Store, digest: str) -> None:
    """One byte of a stored bundle changes."""
    path = store.path(digest) / "bank.npy"
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def slow(digest: str):
    """A self-test that comes to no end, of this one bundle; the others' are as ever."""
    honest = trial.try_bundle

    def try_bundle(folder, limits):
        honest(folder, TrialLimits(time_s=0.001) if folder.name == digest else limits)

    return try_bundle


# in each case a bundle of the history would pass: the signed older one, one with a later serial, one that is not slow
def test_a_key_that_the_active_bundle_does_not_have_moves_no_pointer(store, three, public_key):
    before = store.state
    with pytest.raises(SignatureError):
        Store(store.folder, public_key=public_key).load()
    assert store.state == before


def test_a_lowest_serial_above_the_active_ones_moves_no_pointer(store, three):
    store.activate(three[0])
    before = store.state
    with pytest.raises(RollbackError):
        Store(store.folder, minimum_serial=8).load()
    assert store.state == before


def test_a_self_test_without_an_end_moves_no_pointer(store, three, monkeypatch):
    before = store.state
    monkeypatch.setattr("goodpart.store.store.try_bundle", slow(three[2]))
    with pytest.raises(TrialError):
        store.load()
    assert store.state == before
    monkeypatch.setattr("goodpart.store.store.try_bundle", slow(three[1]))
    with pytest.raises(TrialError):
        store.rollback()
    assert store.state == before
    assert store.load().bundle.digest == three[2]


@pytest.mark.parametrize("harm", [rot, lambda store, digest: shutil.rmtree(store.path(digest))])
def test_a_fallback_passes_over_bundles_that_are_damaged_too(store, three, harm):
    for digest in three[1:]:
        harm(store, digest)
    assert store.load().bundle.digest == three[0]
    assert (store.state.active, store.state.history) == (three[0], ())


def test_a_fallback_that_cannot_be_noted_judges_all_the_same(store, three, monkeypatch):
    rot(store, three[2])
    before = store.state
    monkeypatch.setattr("goodpart._host.locks.time.monotonic", iter(range(0, 10_000, 20)).__next__)
    handle = hold(store.folder / "lock")
    try:
        assert store.load().bundle.digest == three[1]
    finally:
        os.close(handle)
    assert store.state == before


def test_a_switch_during_a_failing_load_counts(store, three, monkeypatch):
    """While the active bundle's self-test runs, somebody else activates another one and removes the first."""
    honest = trial.try_bundle
    switched = []

    def switch_meanwhile(folder, limits):
        if not switched:
            switched.append(folder)
            other = Store(store.folder)
            other.activate(three[0])
            other.activate(three[1])
            other.gc()
        honest(folder, limits)

    monkeypatch.setattr("goodpart.store.store.try_bundle", switch_meanwhile)
    assert store.load().bundle.digest == three[1]
    assert (store.state.active, store.state.history, store.state.fallback) == (three[1], (three[0],), None)


def test_a_switch_that_takes_the_only_bundle_away_during_its_load_counts(store, digests, newer, monkeypatch):
    honest, switched = trial.try_bundle, []

    def switch_meanwhile(folder, limits):
        if not switched:
            switched.append(folder)
            other = Store(store.folder)
            other.activate(digests[1])
            other.gc()
            shutil.rmtree(other.path(digests[0]))
        honest(folder, limits)

    monkeypatch.setattr("goodpart.store.store.try_bundle", switch_meanwhile)
    assert store.state.history == ()
    assert store.load().bundle.digest == digests[1]


def test_a_rollback_passes_over_a_damaged_bundle(store, three):
    rot(store, three[1])
    assert store.rollback().digest == three[0]
    assert (store.state.active, store.state.history) == (three[0], ())


def test_when_none_passes_the_active_ones_fault_is_told(store, three):
    before = store.state
    for digest in three:
        rot(store, digest)
    with pytest.raises(BundleError, match=three[2]):
        store.load()
    assert store.state == before


def test_gc_keeps_the_last_one_that_is_whole(store, three):
    rot(store, three[1])
    assert store.gc() == [three[1]]
    assert store.rollback().digest == three[0]
