"""A store on a full disk: nothing is lost, and `gc` makes room again. The disk is one of 1 MB, in memory."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import shutil, sys
from pathlib import Path
from broken_bundles import change_json
from goodpart.cli.main import main
from goodpart.errors import UsageError
from goodpart.store.store import Store

older, newer, disk, work = map(Path, sys.argv[1:])
store, serial, given = Store(disk / "store"), 100, work / "given"
store.activate(store.add(older).digest)
store.activate(store.add(newer).digest)

def next_one():
    global serial
    serial += 1
    shutil.rmtree(given, ignore_errors=True)
    shutil.copytree(newer, given)
    change_json(given / "manifest.json", lambda facts: facts.update(serial=serial))
    return given

while True:
    try:
        store.add(next_one())
    except UsageError as error:
        assert "No space left" in str(error) and "\\n" not in str(error), error
        break
try:
    with open(disk / "filler", "wb", buffering=0) as filler:
        while True:
            filler.write(bytes(512))
except OSError:
    pass
before = store.state
try:
    store.activate(store.find(str(serial - 1)))
except UsageError as error:
    assert "No space left" in str(error), error
else:
    raise AssertionError("the disk was not full")
assert store.state == before and len(before.history) == 1
assert main(["store", "gc", str(store.folder)]) == 0
assert {folder.name for folder in store.folders()} == {before.active, *before.history}
assert store.state == before
assert store.activate(store.add(given).digest).manifest.serial == serial
assert store.rollback().digest == before.active
print("freed", serial)
"""


def test_gc_frees_a_full_disk(older, newer, tmp_path):
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode != 0:
        pytest.skip("this system gives no mount namespace (unshare -rm)")
    disk, work = tmp_path / "disk", tmp_path / "work"
    disk.mkdir()
    work.mkdir()
    mount = 'mount -t tmpfs -o size=1m tmpfs "$1" && shift && exec "$@"'
    paths = [str(path) for path in (older, newer, disk, work)]
    found = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount, "sh", str(disk), sys.executable, "-c", SCRIPT, *paths],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[-1].startswith("freed")
