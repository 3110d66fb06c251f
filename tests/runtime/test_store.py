"""The store: bundles come in whole, the pointer moves in one step, and what does not pass never judges."""

import json
import logging
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from broken_bundles import change_json
from goodpart._host.locks import hold
from goodpart.bundle.bundle import read_bundle
from goodpart.cli.main import main
from goodpart.errors import (
    BundleError,
    BundleMissingError,
    IntegrityError,
    ManifestError,
    RollbackError,
    SelfTestError,
    SignatureError,
    TrialError,
    UsageError,
)
from goodpart.store import trial
from goodpart.store.store import Store
from goodpart.store.trial import TrialLimits
from small_network import draw_small, small_bundle

PUBLIC_KEY = Path(__file__).parents[1] / "fixtures" / "format_1.pub"


@pytest.fixture
def digests(older, newer) -> tuple[str, str]:
    return read_bundle(older).digest, read_bundle(newer).digest


def off_by_far(bundle: Path, out: Path) -> Path:
    """A whole bundle whose golden score is another one, so that its self-test fails."""
    copy = Path(shutil.copytree(bundle, out))
    change_json(copy / "manifest.json", lambda facts: facts["golden"][0].update(score=99.0))
    return copy


def test_a_bundle_is_copied_whole_and_judges(store, digests, older):
    copy = store.active()
    assert copy == store.folder / "bundles" / digests[0]
    for path in older.rglob("*"):
        if path.is_file():
            assert (copy / path.relative_to(older)).read_bytes() == path.read_bytes()
            assert stat.S_IMODE((copy / path.relative_to(older)).stat().st_mode) == 0o444
    assert store.load().inspect(draw_small(100)).verdict.value == "GOOD"


def test_activating_keeps_the_last_good_one_and_rolls_back_to_it(store, digests):
    old, new = digests
    store.activate(new[:6])
    assert (store.state.active, store.state.history, store.state.highest_serial) == (new, (old,), 8)
    assert store.rollback().digest == old
    assert (store.state.active, store.state.history, store.state.highest_serial) == (old, (), 8)
    with pytest.raises(UsageError, match="expected a bundle that was active before, found none"):
        store.rollback()


def test_activating_the_active_one_again_changes_nothing(store, digests):
    before = (store.folder / "state.json").stat().st_ino
    store.activate(digests[0])
    assert (store.folder / "state.json").stat().st_ino == before


def test_history_names_each_bundle_once(store, digests):
    old, new = digests
    for digest in (new, old, new, old):
        store.activate(digest)
    assert (store.state.active, store.state.history) == (old, (new,))


def test_an_older_serial_is_refused_when_asked(store, digests):
    old, new = digests
    store.activate(new)
    with pytest.raises(RollbackError, match="expected serial 8 or later, found 7"):
        store.activate(old, refuse_older=True)
    assert store.state.active == new
    store.rollback()
    with pytest.raises(RollbackError, match="expected serial 8 or later, found 7"):
        store.activate(old, refuse_older=True)
    store.activate(new, refuse_older=True)


def test_a_bundle_that_fails_its_self_test_is_never_activated(store, digests, older, tmp_path):
    bad = store.add(off_by_far(older, tmp_path / "bad")).digest
    with pytest.raises(SelfTestError, match=r"^in its trial: [^ ]*golden/000\.npy: expected score 99"):
        store.activate(bad)
    assert store.state.active == digests[0]
    assert store.load().bundle.digest == digests[0]


def test_a_damaged_bundle_does_not_come_in(store, newer, tmp_path):
    bad = Path(shutil.copytree(newer, tmp_path / "bad"))
    with (bad / "bank.npy").open("ab") as file:
        file.write(b"x")
    before = sorted(store.folder.rglob("*"))
    with pytest.raises(IntegrityError):
        store.add(bad)
    assert sorted(store.folder.rglob("*")) == before


def test_adding_again_repairs_a_damaged_copy(store, digests, newer):
    for harm in (lambda path: path.joinpath("bank.npy").unlink(), lambda path: (path / "manifest.sha256").unlink()):
        harm(store.path(digests[1]))
        with pytest.raises(BundleError):
            store.activate(digests[1])
        store.add(newer)
        store.activate(digests[1])


def test_a_signature_is_added_later_and_never_lost(store, digests, older, tmp_path):
    unsigned = Path(shutil.copytree(older, tmp_path / "unsigned"))
    (unsigned / "manifest.sig").unlink()
    fresh = Store(tmp_path / "fresh")
    fresh.activate(fresh.add(unsigned).digest)
    with pytest.raises(SignatureError):
        Store(fresh.folder, public_key=PUBLIC_KEY).load()
    fresh.add(older)
    fresh.add(unsigned)
    assert Store(fresh.folder, public_key=PUBLIC_KEY).load().bundle.digest == digests[0]


def test_with_a_key_nothing_unsigned_comes_in_or_judges(store, digests, newer):
    strict = Store(store.folder, public_key=PUBLIC_KEY)
    for refused in (lambda: strict.add(newer), lambda: strict.activate(digests[1])):
        with pytest.raises(SignatureError):
            refused()
    assert strict.load().bundle.digest == digests[0]


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


def test_a_folder_under_another_digest_is_not_that_bundle(store, digests):
    shutil.rmtree(store.path(digests[1]))
    shutil.copytree(store.path(digests[0]), store.path(digests[1]))
    with pytest.raises(BundleMissingError, match="expected the bundle of that digest"):
        store.activate(digests[1])
    errors = {entry.digest: entry.error for entry in store.bundles()}
    assert errors[digests[0]] is None
    assert "expected the bundle of that digest" in errors[digests[1]]


@pytest.fixture
def three(store, digests, tmp_path) -> tuple[str, str, str]:
    """Three bundles that were active one after the other; the last one is."""
    third = store.add(small_bundle(tmp_path / "from", tmp_path / "third", serial=9, seed=2)).digest
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
def test_a_key_that_the_active_bundle_does_not_have_moves_no_pointer(store, three):
    before = store.state
    with pytest.raises(SignatureError):
        Store(store.folder, public_key=PUBLIC_KEY).load()
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


def test_activating_mends_a_damaged_state(store, digests):
    (store.folder / "state.json").write_text("")
    with pytest.raises(ManifestError, match="goodpart store activate writes a new one"):
        store.load()
    store.activate(digests[1])
    assert store.load().bundle.digest == digests[1]


def test_a_program_may_go_to_another_folder(store, tmp_path, monkeypatch):
    monkeypatch.chdir(store.folder.parent)
    relative = Store(store.folder.name, public_key=os.path.relpath(PUBLIC_KEY))
    monkeypatch.chdir("/")
    assert relative.load().inspect(draw_small(100)).verdict.value == "GOOD"


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


def test_the_commands(tmp_path, older, newer, digests, capsys):
    old, new = digests
    folder = str(tmp_path / "store")
    frame = tmp_path / "frame.npy"
    np.save(frame, draw_small(100))

    def run(*command: str, code: int = 0) -> str:
        assert main(list(command)) == code
        return capsys.readouterr().out

    assert f"added: bar, serial 7, digest {old}" in run("store", "add", folder, str(older))
    assert main(["score", folder, str(frame)]) == 3
    assert "expected an active bundle, found none" in capsys.readouterr().err
    run("store", "add", folder, str(newer))
    assert json.loads(run("store", "activate", folder, old, "--json"))["serial"] == 7
    run("store", "activate", folder, new[:8])
    run("store", "activate", folder, old[:8], "--refuse-older", code=3)
    assert new in run("verify", folder)
    run("selftest", folder)
    assert json.loads(run("score", folder, str(frame)))["verdict"] == "GOOD"
    listed = [json.loads(line) for line in run("store", "list", folder, "--json").splitlines()]
    assert [(entry["digest"], entry["active"], entry["last_good"]) for entry in listed] == [
        (old, False, True),
        (new, True, False),
    ]
    table = run("store", "list", folder).splitlines()
    assert table[0].startswith("before")
    assert table[1].startswith("active")
    assert "active again: bar, serial 7" in run("store", "rollback", folder)
    run("store", "rollback", folder, code=2)
    run("store", "gc", folder)
    run("store", "activate", folder, new, code=2)
    run("store", "add", folder, str(newer), "--public-key", str(PUBLIC_KEY), code=3)
