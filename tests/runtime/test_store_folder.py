"""The folder of a store: what it keeps, what it removes, and what it makes of damage, of locks and of other folders."""

import os
import shutil
import stat
import subprocess
import sys

import pytest

from broken_bundles import off_by_far
from goodpart._host.locks import hold
from goodpart.cli.main import main
from goodpart.errors import (
    BundleMissingError,
    ManifestError,
    UsageError,
)
from goodpart.store.store import Store


def test_a_folder_under_another_digest_is_not_that_bundle(store, digests):
    shutil.rmtree(store.path(digests[1]))
    shutil.copytree(store.path(digests[0]), store.path(digests[1]))
    with pytest.raises(BundleMissingError, match="expected the bundle of that digest"):
        store.activate(digests[1])
    errors = {entry.digest: entry.error for entry in store.bundles()}
    assert errors[digests[0]] is None
    assert "expected the bundle of that digest" in errors[digests[1]]


def test_activating_mends_a_damaged_state(store, digests):
    (store.folder / "state.json").write_text("")
    with pytest.raises(ManifestError, match="goodpart store activate writes a new one"):
        store.load()
    store.activate(digests[1])
    assert store.load().bundle.digest == digests[1]


def test_gc_of_something_else_makes_no_store(tmp_path):
    with pytest.raises(UsageError, match="expected a store, found none"):
        Store(tmp_path / "typo").gc()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["a file", "a link", "a folder with something else"])
def test_adding_replaces_whatever_lies_in_a_bundles_place(store, digests, newer, what):
    place = store.path(digests[1])
    shutil.rmtree(place)
    if what == "a file":
        place.write_text("")
    elif what == "a link":
        place.symlink_to("/")
    else:
        place.mkdir()
        (place / "manifest.sha256").write_text("")
        (place / "foreign").write_text("")
    store.add(newer)
    store.activate(digests[1])


def test_others_may_read_what_a_careful_user_adds(tmp_path, newer):
    before = os.umask(0o077)
    try:
        store = Store(tmp_path / "store")
        digest = store.add(newer).digest
    finally:
        os.umask(before)
    assert stat.S_IMODE((store.path(digest) / "golden").stat().st_mode) == 0o755


def test_a_command_is_not_taken_in_by_another_bundle_in_the_active_ones_place(store, digests, capsys):
    shutil.rmtree(store.path(digests[0]))
    shutil.copytree(store.path(digests[1]), store.path(digests[0]))
    assert main(["verify", str(store.folder)]) == 3
    assert "expected the bundle of that digest" in capsys.readouterr().err


def test_a_folder_that_happens_to_hold_bundles_is_no_store(tmp_path, capsys):
    (tmp_path / "bundles").mkdir()
    assert main(["info", str(tmp_path)]) == 3
    assert "manifest.json" in capsys.readouterr().err


def test_gc_keeps_the_active_and_the_last_good_one(store, digests, older, tmp_path):
    old, new = digests
    third = store.add(off_by_far(older, tmp_path / "third")).digest
    store.activate(new)
    (store.folder / "bundles" / f"{third}.device.json").write_text("{}")
    (store.folder / "bundles" / f".{third}.abcdefgh.partial").mkdir()
    (store.folder / ".state.json.abcdefgh.partial").write_text("half")
    assert store.gc() == [third]
    assert sorted(path.name for path in (store.folder / "bundles").iterdir()) == sorted([old, new])
    assert sorted(path.name for path in store.folder.iterdir()) == ["bundles", "lock", "state.json"]
    store.rollback()
    assert store.gc() == [new]
    with pytest.raises(UsageError, match="expected at least 1"):
        store.gc(keep=0)


def test_gc_leaves_what_a_living_process_is_writing(store):
    busy = store.folder / "bundles" / ".something.abcdefgh.partial"
    busy.mkdir()
    command = f"import fcntl, os; fcntl.flock(os.open({str(busy)!r}, 0), fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        child.stdout.readline()
        store.gc()
        assert busy.exists()
        child.stdin.write("\n")
        child.stdin.close()
    store.gc()
    assert not busy.exists()


def test_a_store_that_another_process_holds(store, newer, monkeypatch):
    monkeypatch.setattr("goodpart._host.locks.time.monotonic", iter(range(0, 10_000, 20)).__next__)
    handle = hold(store.folder / "lock")
    try:
        with pytest.raises(UsageError, match="held by another process"):
            store.gc()
    finally:
        os.close(handle)
    store.gc()


@pytest.mark.parametrize("digest", ["", "abc", "../../etc", "zzzzzz", "*", "0" * 64, "000000"])
def test_digests_that_name_no_bundle(store, digest):
    with pytest.raises(UsageError):
        store.activate(digest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"active": "../../etc", "history": [], "highest_serial": 0, "fallback": null}',
        '{"active": null, "history": ["x"], "highest_serial": 0, "fallback": null}',
    ],
)
def test_a_damaged_state_is_refused(store, text):
    (store.folder / "state.json").write_text(text)
    with pytest.raises(ManifestError, match=r"state\.json"):
        store.load()


def test_a_store_that_cannot_be_written(tmp_path, newer):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="expected a store, or a place for one"):
        Store(tmp_path / "file").add(newer)


def test_an_empty_store(tmp_path):
    store = Store(tmp_path / "store")
    assert store.bundles() == []
    with pytest.raises(BundleMissingError, match="expected an active bundle, found none"):
        store.load()
    assert not store.folder.exists()
