"""What is not the bundle's fault never moves the pointer of a store, and is told in one line."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from broken_bundles import change_json
from goodpart.bundle.device import device_path
from goodpart.cli.main import main
from goodpart.errors import ContractError, DeviceFileError, SelfTestError, TrialError, UnreadableError
from goodpart.inspector import Inspector
from goodpart.store import trial
from goodpart.store.store import Store
from goodpart.store.trial import TrialLimits, try_bundle

FORMAT_2 = Path(__file__).parents[1] / "fixtures" / "format_2"


@pytest.fixture
def two(store, digests):
    """The store, its newer bundle active; the older one would pass."""
    store.activate(digests[1])
    return store


def settings(store, digest, **facts):
    whole = {"bundle": digest, "threshold": 7.0, "pixel_threshold": 9.0, "threads": None, "spinning": None}
    device_path(store.path(digest)).write_text(json.dumps(whole | facts))


def raises_and_stays(store, error, match):
    before = store.state
    with pytest.raises(error, match=match) as caught:
        store.load()
    assert "\n" not in str(caught.value)
    assert store.state == before


def test_a_device_file_for_another_bundle(two, digests):
    settings(two, digests[1], bundle=digests[0])
    raises_and_stays(two, DeviceFileError, "expected settings for bundle")


def test_a_device_file_that_is_no_json(two, digests):
    device_path(two.path(digests[1])).write_text("{")
    raises_and_stays(two, DeviceFileError, "expected UTF-8 JSON")


def test_a_device_file_with_a_threshold_that_makes_everything_good(two, digests, tmp_path):
    digest = two.activate(two.add(FORMAT_2).digest).digest
    settings(two, digest, threshold=1e9)
    raises_and_stays(two, DeviceFileError, "as the bundle allows, found 1e")


def test_a_device_file_that_may_not_be_read(two, digests):
    """In a child under another user."""
    settings(two, digests[1])
    path = device_path(two.path(digests[1]))
    path.chmod(0)
    assert "DeviceFileError" in as_nobody(two, path)


def test_a_file_of_the_bundle_that_may_not_be_read(two, digests):
    path = two.path(digests[1]) / "bank.npy"
    path.chmod(0)
    assert "UnreadableError" in as_nobody(two, path)


def as_nobody(store, path):
    """What loading the store ends with for a user who may not read a file."""
    code = """
import os, sys
import goodpart.store.store
from goodpart.store.store import Store
goodpart.store.store.try_bundle = lambda *_: None  # another user may not run this Python
if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
store = Store(sys.argv[1])
before = store.state
try:
    store.load()
except Exception as error:
    print(type(error).__name__, str(error))
assert store.state == before
"""
    # pytest's own folders are closed to other users
    above = [
        folder for folder in store.folder.parents if folder.stat().st_uid == os.geteuid() and len(folder.parts) > 2
    ]
    for folder in (store.folder, *above, *store.folder.rglob("*")):
        if folder.is_dir():
            folder.chmod(folder.stat().st_mode | 0o055)
    for file in ("state.json", "lock"):
        (store.folder / file).chmod(0o644)
    done = subprocess.run([sys.executable, "-c", code, str(store.folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert str(path) in done.stdout
    assert "Permission denied" in done.stdout
    return done.stdout


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES, errno.ENOMEM, errno.EMFILE])
def test_a_disk_that_fails(two, digests, code, monkeypatch):
    honest = os.open

    def fail(path, *rest, **more):
        if str(path).endswith("bank.npy"):
            raise OSError(code, os.strerror(code), str(path))
        return honest(path, *rest, **more)

    monkeypatch.setattr("goodpart.bundle.files.os.open", fail)
    raises_and_stays(two, UnreadableError, "check its owner and the disk")


def test_a_bundle_that_passes_its_trial_and_not_here(two, monkeypatch):
    def fail(folder, **options):
        raise ContractError(f"{folder}: no memory")

    monkeypatch.setattr(Inspector, "load", fail)
    raises_and_stays(two, TrialError, "it passes in a process of its own")


def test_a_trial_does_not_look_at_the_device_file(two, digests):
    device_path(two.path(digests[1])).write_text("{")
    try_bundle(two.path(digests[1]), TrialLimits())


def test_a_trial_without_memory_proves_nothing(two, monkeypatch):
    monkeypatch.setattr("goodpart.store.store.try_bundle", lambda folder, limits: starve(folder))
    raises_and_stays(two, TrialError, "expected a self-test that passes within")


def starve(folder):
    """A child process that says what onnxruntime says without memory."""
    code = (
        "import sys; from goodpart.errors import ContractError; from goodpart.inspector import Inspector; "
        "from goodpart.store import trial_child\n"
        "def load(*a, **k): raise ContractError('refused') from RuntimeError('bfc_arena: Failed to allocate')\n"
        "Inspector.load = load\n"
        "sys.exit(trial_child.main(sys.argv[-3:]))"
    )
    honest = subprocess.run

    def run(command, **options):
        return honest([sys.executable, "-c", code, *command[3:]], **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial.subprocess, "run", run)
        try_bundle(folder, TrialLimits())


def test_a_limit_of_the_system_is_told_as_what_it_is(older):
    code = (
        "import resource, sys; from pathlib import Path; from goodpart.store.trial import *\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (40_000_000, 40_000_000))\n"
        "from goodpart.errors import TrialError\n"
        "try:\n    try_bundle(Path(sys.argv[1]), TrialLimits())\n"
        "except TrialError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(older)], capture_output=True, text=True, check=True)
    assert "within 40 MB, which the system allows (ulimit -d) instead of 2000" in done.stdout


def test_gc_frees_a_disk_before_it_writes(store, digests, monkeypatch):
    """On a full disk nothing can be written before something is deleted."""
    store.activate(digests[1])
    rot = store.path(digests[0]) / "bank.npy"
    rot.chmod(0o644)
    rot.write_bytes(b"")

    def full(state):
        assert not store.path(digests[0]).exists()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "write_state", full)
    with pytest.raises(OSError, match="No space left"):
        store.gc()
    monkeypatch.undo()
    assert store.state.history == (digests[0],)
    assert store.gc() == []
    assert store.state.history == ()


def test_an_added_signature_never_replaces_the_one_that_is_stored(store, older, digests, tmp_path):
    copy = Path(shutil.copytree(older, tmp_path / "copy"))
    (copy / "manifest.sig").write_bytes(bytes(64))
    signature = (older / "manifest.sig").read_bytes()
    store.add(copy)
    assert (store.path(digests[0]) / "manifest.sig").read_bytes() == signature


def test_a_signature_that_the_key_fits_replaces_another(store, older, digests, public_key, tmp_path):
    stored = store.path(digests[0]) / "manifest.sig"
    stored.chmod(0o644)
    stored.write_bytes(bytes(64))
    store.add(older)  # without a key nobody can tell which of the two is good
    assert stored.read_bytes() == bytes(64)
    Store(store.folder, public_key=public_key).add(older)
    assert stored.read_bytes() == (older / "manifest.sig").read_bytes()


def test_the_help_of_activate_names_what_it_takes(capsys):
    with pytest.raises(SystemExit):
        main(["store", "activate", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "its serial, or its product for the highest serial" in text


def test_a_damaged_bundle_in_a_folder_called_memory_is_damaged_all_the_same(older, tmp_path):
    """What a path is called says nothing about memory."""
    place = Path(shutil.copytree(older, tmp_path / "bad_alloc memory"))
    (place / "manifest.sig").unlink()
    change_json(place / "manifest.json", lambda facts: facts["golden"][0].update(score=99.0))
    with pytest.raises(SelfTestError, match=r"in its trial: .*bad_alloc memory"):
        try_bundle(place, TrialLimits())
