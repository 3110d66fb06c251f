"""Faults that were once planted, and that no test noticed."""

import math
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from broken_bundles import change_json
from goodpart._host.atomic import staged_folder, write_file
from goodpart.bundle import manifest_file
from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.golden import golden_errors
from goodpart.errors import (
    BundleMissingError,
    InferenceError,
    ManifestError,
    RollbackError,
    SelfTestError,
    SignatureError,
    UsageError,
)
from goodpart.scoring.inspection import Verdict
from goodpart.scoring.scores import finite_scores
from goodpart.store.store import Store
from small_frames import draw_good


def test_a_score_that_is_not_a_number_is_not_good(inspector, monkeypatch):
    monkeypatch.setattr("goodpart.inspector.image_score", lambda *_: math.nan)
    assert inspector.inspect(draw_good(1)).verdict is Verdict.DEFECT


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, 1e300])
def test_distances_that_are_no_numbers_have_no_score(inspector, odd):
    with pytest.raises(InferenceError, match="expected finite numbers"):
        finite_scores(np.array([0.1, odd, 0.2]), inspector.calibration)


def test_the_state_is_replaced_and_never_written_in_place(store, digests, tmp_path):
    """Whoever has the old file open reads the whole old state."""
    os.link(store.folder / "state.json", tmp_path / "same file")
    before = (tmp_path / "same file").read_bytes()
    store.activate(digests[1])
    assert (tmp_path / "same file").read_bytes() == before
    assert (store.folder / "state.json").read_bytes() != before


def test_no_rollback_to_an_unsigned_bundle_where_a_key_is_set(store, digests, public_key):
    signed, unsigned = digests
    store.activate(unsigned)
    store.activate(signed)
    before = store.state
    with pytest.raises(SignatureError, match=r"manifest\.sig: .*only bundles signed with"):
        Store(store.folder, public_key=public_key).rollback()
    assert store.state == before
    assert store.rollback().digest == unsigned


@pytest.fixture
def told(monkeypatch) -> list[tuple[str, Path]]:
    """What is flushed and renamed, in this order."""
    found: list[tuple[str, Path]] = []
    fsync, replace, rename = os.fsync, Path.replace, Path.rename

    def flushed(handle):
        found.append(("flush", Path(os.readlink(f"/proc/self/fd/{handle}"))))
        fsync(handle)

    def renamed(how):
        def told_first(path, target):
            found.append(("rename", Path(path)))
            return how(path, target)

        return told_first

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "replace", renamed(replace))
    monkeypatch.setattr(Path, "rename", renamed(rename))
    return found


def test_a_file_reaches_the_disk_before_its_name_does(tmp_path, told):
    write_file(tmp_path / "state.json", b"whole")
    (first, temporary), second, third = told
    assert (first, second, third) == ("flush", ("rename", temporary), ("flush", tmp_path))
    assert temporary.parent == tmp_path


def test_a_folder_reaches_the_disk_before_its_name_does(tmp_path, told):
    out = tmp_path / "deep" / "out"
    with staged_folder(out, mark="mark", own=re.compile("mark|golden/x")) as staging:
        (staging / "mark").write_text("whole")
        (staging / "golden").mkdir()
        (staging / "golden" / "x").write_text("whole")
    at = told.index(("rename", staging))
    wanted = [staging, staging / "golden", staging / "golden" / "x", staging / "mark"]
    assert sorted(path for how, path in told[:at] if how == "flush") == wanted
    assert told[at + 1 :] == [("flush", out.parent)]


@pytest.mark.parametrize("tolerance", [1.001, 1e9, 0.0, -0.02])
def test_a_tolerance_that_lets_any_score_pass_is_refused(bundle, tolerance):
    change_json(bundle / "manifest.json", lambda facts: facts.update(golden_tolerance=tolerance))
    with pytest.raises(ManifestError, match="a tolerance of more than 0 and at most 1"):
        read_bundle(bundle)


@pytest.mark.parametrize("off", [0.9, 1.1, 1.9, -1.1, math.nan, math.inf])
def test_the_tolerance_of_golden_scores_is_the_stated_one(older, off):
    bundle = read_bundle(older)
    scores = [golden.score + off * bundle.manifest.golden_tolerance for golden in bundle.manifest.golden]
    given = iter(scores)
    if off == 0.9:
        assert len(golden_errors(bundle, lambda _: next(given))) == len(scores)
        return
    with pytest.raises(SelfTestError, match="expected score"):
        golden_errors(bundle, lambda _: next(given))


def test_the_signature_is_that_of_the_bytes_that_are_used(older, public_key, tmp_path, monkeypatch):
    """A manifest that is forged when it is read first, and the signed one again when it is read once more."""
    signed = (older / "manifest.json").read_bytes()
    forged = Path(shutil.copytree(older, tmp_path / "bar"))
    change_json(forged / "manifest.json", lambda facts: facts.update(serial=99))
    read_file = manifest_file.read_file

    def changed_after_the_first_read(folder, name, limit_bytes):
        data = read_file(folder, name, limit_bytes)
        if name == "manifest.json":
            (folder / name).write_bytes(signed)  # for whoever reads it again
        return data

    monkeypatch.setattr(manifest_file, "read_file", changed_after_the_first_read)
    with pytest.raises(SignatureError, match=r"expected the signature of manifest\.json"):
        read_bundle(forged, public_key=public_key)


def test_a_bundle_that_changes_while_it_is_copied_is_refused(store, newer, tmp_path, monkeypatch):
    given = Path(shutil.copytree(newer, tmp_path / "given"))
    change_json(given / "manifest.json", lambda facts: facts.update(serial=9))
    before, copyfile = sorted(store.folders()), shutil.copyfile

    def another(source, target):
        # as if the folder had been exchanged: what arrives is whole, and another bundle
        copyfile(newer / Path(source).relative_to(given), target)

    monkeypatch.setattr(shutil, "copyfile", another)
    with pytest.raises(UsageError, match="expected an unchanged bundle during the copy"):
        store.add(given)
    assert sorted(store.folders()) == before


def test_a_file_that_became_a_link_a_moment_ago_is_not_followed(bundle, tmp_path, monkeypatch):
    (bundle / "bank.npy").rename(tmp_path / "elsewhere")
    (bundle / "bank.npy").symlink_to(tmp_path / "elsewhere")
    # as if it had been a file when that was asked
    monkeypatch.setattr(Path, "is_symlink", lambda _: False)
    with pytest.raises(BundleMissingError, match=r"bank\.npy: expected a file of the bundle"):
        read_bundle(bundle)


def test_the_highest_serial_stays_when_an_older_bundle_is_activated(store, digests):
    store.activate(digests[1])
    store.activate(digests[0])
    assert store.state.highest_serial == 8
    with pytest.raises(RollbackError, match="expected serial 8 or later, found 7"):
        store.activate(digests[0], refuse_older=True)


def test_an_old_folder_is_there_until_the_new_one_has_its_name(tmp_path, monkeypatch):
    out, there = tmp_path / "out", []
    out.mkdir()
    (out / "mark").write_text("old")

    def asked_first(how):
        def asking(*given, **more):
            there.append((out / "mark").exists())
            return how(*given, **more)

        return asking

    monkeypatch.setattr(Path, "rename", asked_first(Path.rename))
    monkeypatch.setattr(shutil, "rmtree", asked_first(shutil.rmtree))
    with staged_folder(out, force=True, mark="mark", own=re.compile("mark")) as staging:
        (staging / "mark").write_text("new")
    assert (out / "mark").read_text() == "new"
    assert there
    assert all(there)
