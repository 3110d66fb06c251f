"""A disk that fills while a bundle is written, or is read-only: the old bundle stays, and one line says why."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.errors import BundleError, GoodpartError, UsageError
from goodpart.inspector import Inspector
from goodpart.store.store import Store
from goodpart_bank_builder.build.sign import make_keys, sign_bundle
from small_network import small_bundle


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    return small_bundle(folder / "from", folder / "bar", serial=1)


@contextlib.contextmanager
def largest_file(size_bytes: int):
    """The time in which this process can write no larger file, as if the disk were full there."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("file", ["golden/000.npy", "bank.npy", "bank.hnsw", "manifest.json", "directions.npy"])
def test_a_build_that_runs_out_of_disk(whole, tmp_path, file):
    """hnswlib says nothing when its index does not fit: reading back finds it."""
    out = Path(shutil.copytree(whole, tmp_path / "bar"))
    before = contents(out)
    with largest_file((whole / file).stat().st_size - 1), pytest.raises(GoodpartError) as caught:
        small_bundle(whole.parent / "from", out, serial=2, force=True)
    assert "\n" not in str(caught.value)
    assert contents(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["bar"]


def test_an_index_that_hnswlib_left_short_is_found(whole, tmp_path):
    size_bytes = (whole / "bank.hnsw").stat().st_size
    with largest_file(size_bytes - 100), pytest.raises(GoodpartError, match=r"bank\.hnsw"):
        small_bundle(whole.parent / "from", tmp_path / "bar")
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_runs_out_of_disk(whole, tmp_path):
    store = Store(tmp_path / "store")
    store.activate(store.add(whole).digest)
    other = small_bundle(whole.parent / "from", tmp_path / "other", serial=2)
    before = contents(store.folder)
    size_bytes = (other / "bank.hnsw").stat().st_size
    with largest_file(size_bytes - 1), pytest.raises(UsageError, match="nothing was written"):
        store.add(other)
    assert contents(store.folder) == before
    digest = read_bundle(other).digest
    store.add(other)
    before = contents(store.folder)
    with largest_file(10), pytest.raises(GoodpartError):
        store.activate(digest)
    assert contents(store.folder) == before


def test_a_signature_that_runs_out_of_disk(whole, tmp_path):
    bundle = Path(shutil.copytree(whole, tmp_path / "bar"))
    public = make_keys(tmp_path / "key")
    sign_bundle(bundle, tmp_path / "key")
    before = contents(bundle)
    with largest_file(63), pytest.raises(UsageError, match="nothing was written"):
        sign_bundle(bundle, tmp_path / "key")
    assert contents(bundle) == before
    with largest_file(63), pytest.raises(BundleError, match=r"bank\.hnsw: expected 28512 bytes of memory"):
        Inspector.load(bundle, public_key=public)
    Inspector.load(bundle, public_key=public)


# everything that writes, in a mount namespace of its own where the folder is read-only: root may write past permissions
READ_ONLY = """
import sys
from pathlib import Path
from goodpart.errors import UsageError
from goodpart.store.store import Store
from goodpart_bank_builder.build.sign import make_keys, sign_bundle
from small_network import small_bundle
folder, given = Path(sys.argv[1]), Path(sys.argv[2])
for call in (
    lambda: small_bundle(given.parent / "from", folder / "bar", force=True),
    lambda: small_bundle(given.parent / "from", folder / "new"),
    lambda: sign_bundle(folder / "bar", given.parent / "key"),
    lambda: make_keys(folder / "key"),
    lambda: Store(folder / "store").add(given),
):
    try:
        call()
    except UsageError as error:
        print(error)
# what only reads goes on, and so does what changes nothing
store = Store(folder / "store")
store.activate(store.state.active[:8])
store.gc()
print(Store(folder / "store").load().bundle.manifest.name)
"""


def test_a_read_only_disk(whole, tmp_path):
    folder = tmp_path / "disk"
    shutil.copytree(whole, folder / "bar")
    make_keys(tmp_path / "key")
    shutil.copytree(whole, tmp_path / "given" / "bar")
    shutil.copytree(whole.parent / "from", tmp_path / "given" / "from")
    (tmp_path / "key").rename(tmp_path / "given" / "key")
    store = Store(folder / "store")
    other = small_bundle(whole.parent / "from", tmp_path / "other", serial=5)
    store.activate(store.add(other).digest)
    before = contents(folder)
    mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    python = [sys.executable, "-c", READ_ONLY, str(folder), str(tmp_path / "given" / "bar")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    found = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount, str(folder), *python],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    lines = found.stdout.splitlines()
    assert lines[-1:] == ["bar"], found.stderr
    assert len(lines) == 6, found.stdout
    assert all("Read-only file system" in line for line in lines[:-1]), found.stdout
    assert contents(folder) == before
