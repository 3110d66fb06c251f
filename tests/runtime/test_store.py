"""The store: bundles come in whole, the pointer moves in one step, and what does not pass never judges."""

import json
import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

from broken_bundles import off_by_far
from goodpart.cli.main import main
from goodpart.errors import (
    BundleError,
    IntegrityError,
    RollbackError,
    SelfTestError,
    SignatureError,
    UsageError,
)
from goodpart.store.store import Store
from small_frames import draw_small


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


def test_a_signature_is_added_later_and_never_lost(store, digests, older, tmp_path, public_key):
    unsigned = Path(shutil.copytree(older, tmp_path / "unsigned"))
    (unsigned / "manifest.sig").unlink()
    fresh = Store(tmp_path / "fresh")
    fresh.activate(fresh.add(unsigned).digest)
    with pytest.raises(SignatureError):
        Store(fresh.folder, public_key=public_key).load()
    fresh.add(older)
    fresh.add(unsigned)
    assert Store(fresh.folder, public_key=public_key).load().bundle.digest == digests[0]


def test_with_a_key_nothing_unsigned_comes_in_or_judges(store, digests, newer, public_key):
    strict = Store(store.folder, public_key=public_key)
    for refused in (lambda: strict.add(newer), lambda: strict.activate(digests[1])):
        with pytest.raises(SignatureError):
            refused()
    assert strict.load().bundle.digest == digests[0]


def test_a_program_may_go_to_another_folder(store, tmp_path, monkeypatch, public_key):
    monkeypatch.chdir(store.folder.parent)
    relative = Store(store.folder.name, public_key=os.path.relpath(public_key))
    monkeypatch.chdir("/")
    assert relative.load().inspect(draw_small(100)).verdict.value == "GOOD"


def test_the_commands(tmp_path, older, newer, digests, capsys, public_key):
    old, new = digests
    folder = str(tmp_path / "store")
    frame = tmp_path / "frame.npy"
    np.save(frame, draw_small(100))

    def run(*command: str, code: int = 0) -> str:
        assert main(list(command)) == code
        return capsys.readouterr().out

    assert f"added: bar, serial 7, digest {old}" in run("store", "add", folder, str(older))
    assert main(["score", folder, str(frame)]) == 3
    said = capsys.readouterr().err
    assert "expected an active bundle, found none" in said
    # a station has commands of its own for it
    assert "goodpart-station products" in said
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
    run("store", "add", folder, str(newer), "--public-key", str(public_key), code=3)
