"""Every way a bundle can be wrong has a test and an error of its own."""

import hashlib
import shutil

import pytest

from broken_bundles import change_json, refused, write_manifest_aware
from goodpart.bundle.bundle import read_bundle
from goodpart.errors import (
    BundleMissingError,
    ContractError,
    IntegrityError,
    ManifestError,
    VersionError,
)
from goodpart.inspector import Inspector

FILES = [
    "backbone.onnx",
    "bank.hnsw",
    "bank.npy",
    "calibration.json",
    "directions.npy",
    "golden/000.npy",
    "golden/001.npy",
    "golden/002.npy",
]


def test_an_untouched_bundle_loads_and_tests_itself(bundle):
    inspector = Inspector.load(bundle)
    assert inspector.bundle.digest == hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest()
    assert max(inspector.self_test().values()) < 1e-6


def test_the_bundle_has_exactly_the_files_of_the_format(bundle):
    found = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert found == {*FILES, "manifest.json", "manifest.sha256"}


def test_missing_folder(tmp_path):
    refused(tmp_path / "none", BundleMissingError, "none", "found nothing")


def test_a_file_instead_of_a_folder(bundle):
    refused(bundle / "manifest.json", BundleMissingError, "found a file")


@pytest.mark.parametrize("name", [*FILES, "manifest.json", "manifest.sha256"])
def test_missing_file(bundle, name):
    (bundle / name).unlink()
    refused(bundle, BundleMissingError, name)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_flipped_bit(bundle, name, share):
    data = bytearray((bundle / name).read_bytes())
    data[int(share * (len(data) - 1))] ^= 0x10
    (bundle / name).write_bytes(data)
    refused(bundle, IntegrityError, name, "sha256")


@pytest.mark.parametrize("name", FILES)
def test_truncated_file(bundle, name):
    (bundle / name).write_bytes((bundle / name).read_bytes()[:-1])
    refused(bundle, IntegrityError, name, "bytes")


@pytest.mark.parametrize("name", FILES)
def test_extended_file(bundle, name):
    (bundle / name).write_bytes((bundle / name).read_bytes() + b"\0")
    refused(bundle, IntegrityError, name, "bytes")


@pytest.mark.parametrize("name", [*FILES, "manifest.json", "manifest.sha256"])
def test_symbolic_link(bundle, name, tmp_path):
    shutil.move(bundle / name, tmp_path / "elsewhere")
    (bundle / name).symlink_to(tmp_path / "elsewhere")
    refused(bundle, ContractError, name, "plain file")


def test_folder_instead_of_a_file(bundle):
    (bundle / "bank.hnsw").unlink()
    (bundle / "bank.hnsw").mkdir()
    refused(bundle, ContractError, "bank.hnsw", "plain file")


def test_flipped_bit_in_the_manifest(bundle):
    data = bytearray((bundle / "manifest.json").read_bytes())
    data[100] ^= 1
    (bundle / "manifest.json").write_bytes(data)
    refused(bundle, IntegrityError, "manifest.json", "sha256")


@pytest.mark.parametrize("change", [lambda text: text[:-2], lambda text: b"0" + text[1:], lambda text: text * 99])
def test_another_manifest_sha256(bundle, change):
    text = (bundle / "manifest.sha256").read_bytes()
    (bundle / "manifest.sha256").write_bytes(change(text.replace(text[:1], b"f", 1)))
    refused(bundle, IntegrityError, "manifest.")


def test_unknown_format_version(bundle):
    change_json(bundle / "manifest.json", lambda facts: facts.update(format_version=3, novelty=True))
    refused(bundle, VersionError, "format version 1 or 2", "found 3")


@pytest.mark.parametrize("version", [None, True, "1", 1.5])
def test_format_version_of_another_type(bundle, version):
    change_json(bundle / "manifest.json", lambda facts: facts.update(format_version=version))
    refused(bundle, VersionError, "format version")


def test_unknown_key_in_the_manifest(bundle):
    change_json(bundle / "manifest.json", lambda facts: facts.update(novelty=True))
    refused(bundle, ManifestError, "manifest.json", "novelty")


def test_huge_manifest(bundle):
    change_json(bundle / "manifest.json", lambda facts: facts.update(name="x" * (1 << 20)))
    refused(bundle, IntegrityError, "manifest.json", "at most 1048576 bytes")


def test_manifest_that_is_not_an_object(bundle):
    write_manifest_aware(bundle / "manifest.json", b"[1, 2, 3]")
    refused(bundle, VersionError, "manifest.json")


@pytest.mark.parametrize(
    "name", ["../outside.npy", "/etc/passwd", "golden/../../x.npy", "golden/0.npy", "golden/000.npy\n"]
)
def test_golden_name_that_is_a_path_trick(bundle, name):
    change_json(bundle / "manifest.json", lambda facts: facts["golden"][0].update(file=name))
    refused(bundle, ManifestError, "golden/NNN.npy")


def test_foreign_file_in_the_manifest(bundle):
    change_json(bundle / "manifest.json", lambda facts: facts["files"].update(extra=facts["files"]["bank.hnsw"]))
    refused(bundle, ContractError, "foreign ['extra']")


def test_file_left_out_of_the_manifest(bundle):
    change_json(bundle / "manifest.json", lambda facts: facts["files"].pop("bank.hnsw"))
    refused(bundle, ContractError, "missing ['bank.hnsw']")


def test_no_golden_frames(bundle):
    change_json(bundle / "manifest.json", lambda facts: facts.update(golden=[]))
    refused(bundle, ManifestError, "golden")


def test_size_that_no_disk_holds(bundle):
    change_json(bundle / "manifest.json", lambda facts: facts["files"]["bank.hnsw"].update(size_bytes=10**18))
    refused(bundle, IntegrityError, "bank.hnsw", "10" + "0" * 16)


def test_a_file_that_changes_after_it_was_checked_is_noticed(bundle):
    checked = read_bundle(bundle)
    (bundle / "golden" / "000.npy").write_bytes(b"other")
    with pytest.raises(IntegrityError):
        checked.read_golden("golden/000.npy")


def test_an_index_exchanged_after_the_check_is_not_loaded(bundle, tmp_path):
    checked = read_bundle(bundle)
    kept = (bundle / "bank.hnsw").read_bytes()
    with checked.open_index() as path:
        (bundle / "bank.hnsw").write_bytes(b"another")
        assert path.read_bytes() == kept
    with pytest.raises(IntegrityError, match=r"bank\.hnsw"), checked.open_index():
        pass
