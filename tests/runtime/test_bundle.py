"""Every way a bundle can be wrong has a test and an error of its own."""

import hashlib
import io
import shutil
import struct

import numpy as np
import onnx
import pytest

from broken_bundles import change_json, repair, write_manifest_aware
from goodpart.bundle.bundle import read_bundle
from goodpart.errors import (
    BundleError,
    BundleMissingError,
    ContractError,
    IntegrityError,
    ManifestError,
    SelfTestError,
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


def refused(bundle, error, *words):
    """The bundle is refused with exactly this error, in one line that has these words."""
    with pytest.raises(BundleError) as caught:
        Inspector.load(bundle)
    assert type(caught.value) is error, repr(caught.value)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


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
@pytest.mark.parametrize("at", [0.0, 0.5, 1.0])
def test_flipped_bit(bundle, name, at):
    data = bytearray((bundle / name).read_bytes())
    data[int(at * (len(data) - 1))] ^= 0x10
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
    change_json(bundle / "manifest.json", lambda facts: facts.update(format_version=2, novelty=True))
    refused(bundle, VersionError, "format version 1", "2")


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


def test_backbone_that_is_not_onnx(bundle):
    write_manifest_aware(bundle / "backbone.onnx", b"not a model")
    refused(bundle, ContractError, "backbone.onnx", "expected an ONNX model")


def test_onnx_without_its_facts(bundle):
    model = onnx.load(bundle / "backbone.onnx")
    del model.metadata_props[:]
    write_manifest_aware(bundle / "backbone.onnx", model.SerializeToString())
    refused(bundle, ContractError, "without its facts")


def test_backbone_with_another_seed(bundle, export_tiny):
    write_manifest_aware(bundle / "backbone.onnx", export_tiny(seed=1).read_bytes())
    refused(bundle, ContractError, "differ", "seed=0", "seed=1")


def test_onnx_whose_output_is_not_what_it_says(bundle):
    model = onnx.load(bundle / "backbone.onnx")
    model.graph.output[0].name = model.graph.node[-1].output[0] = "something"
    write_manifest_aware(bundle / "backbone.onnx", model.SerializeToString())
    refused(bundle, ContractError, "backbone.onnx", "something")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (1, 401, "capacity"),  # size_t capacity
        (2, 399, "vectors"),  # size_t count
        (4, 1 << 40, "values per vector"),  # label offset
        (3, 1 << 40, "bytes per vector"),
        (10, 16, "links"),
        (7, 400, "entry"),
    ],
)
def test_index_header_that_lies(bundle, field, value, words):
    layout = struct.Struct("<6QiI3QdQ")
    data = bytearray((bundle / "bank.hnsw").read_bytes())
    header = list(layout.unpack_from(data))
    header[field] = value
    layout.pack_into(data, 0, *header)
    write_manifest_aware(bundle / "bank.hnsw", bytes(data))
    refused(bundle, ContractError, "bank.hnsw", words)


def test_truncated_index_with_repaired_hashes(bundle):
    data = (bundle / "bank.hnsw").read_bytes()
    for length in (0, 50, 96, len(data) // 2):
        write_manifest_aware(bundle / "bank.hnsw", data[:length])
        refused(bundle, ContractError, "bank.hnsw")


def test_an_index_of_other_vectors(bundle):
    data = bytearray((bundle / "bank.hnsw").read_bytes())
    data_at = struct.unpack_from("<6Q", data)[5]
    np.frombuffer(data, "<f4", count=16, offset=96 + data_at)[:] = np.nan
    write_manifest_aware(bundle / "bank.hnsw", bytes(data))
    refused(bundle, ContractError, "graph of bank.npy")


def written(array):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda vectors: vectors * np.float32(1.01), "unit vectors"),
        (lambda vectors: np.where(np.arange(400)[:, None] == 7, vectors * np.float32(1.00002), vectors), "vector 7 on"),
        (lambda vectors: vectors * np.float32(np.nan), "finite float32 (400, 64)"),
        (lambda vectors: vectors[:-1], "found float32 (399, 64)"),
        (lambda vectors: vectors.astype(np.float64), "found float64"),
        (lambda vectors: np.roll(vectors, 1, axis=0), "graph of bank.npy"),
    ],
)
def test_a_bank_that_is_not_what_it_should_be(bundle, change, words):
    vectors = np.load(bundle / "bank.npy")
    write_manifest_aware(bundle / "bank.npy", written(change(vectors)))
    refused(bundle, ContractError, words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda directions: directions[:, :8], "found float32 (64, 8)"),
        (lambda directions: directions * np.float32(np.inf), "finite float32 (64, 16)"),
        (lambda directions: directions[:, ::-1], "graph of bank.npy"),
    ],
)
def test_directions_that_are_not_what_they_should_be(bundle, change, words):
    directions = np.load(bundle / "directions.npy")
    write_manifest_aware(bundle / "directions.npy", written(np.ascontiguousarray(change(directions))))
    refused(bundle, ContractError, words)


@pytest.mark.parametrize("name", ["bank.npy", "directions.npy"])
@pytest.mark.parametrize("data", [b"", b"not an array", b"PK"])
def test_an_array_file_that_is_none(bundle, name, data):
    write_manifest_aware(bundle / name, data)
    refused(bundle, ContractError, name)


def test_index_with_two_equal_labels(bundle):
    data = bytearray((bundle / "bank.hnsw").read_bytes())
    label_at = struct.unpack_from("<6Q", data)[4]
    struct.pack_into("<Q", data, 96 + label_at, 5)
    write_manifest_aware(bundle / "bank.hnsw", bytes(data))
    refused(bundle, ContractError, "labels")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"threshold": 0.5}, "threshold"),
        ({"pixel_threshold": 0.5}, "pixel_threshold"),
        ({"std": 0.0}, "std"),
        ({"std": -1.0}, "std"),
        ({"scores": [2.0, 1.0]}, "ascending"),
        ({"peaks": [2.0, 1.0]}, "ascending"),
        ({"peaks": [1.0] * 23}, "peaks: expected 24"),
        ({"promise": None}, "promise"),
        ({"false_reject_rate": 0.0}, "false-reject rate"),
        ({"method": "wishful"}, "method: expected one of ['cross-conformal', 'split']"),
        ({"mean": None}, "mean"),
        ({"mean": "0.1"}, "mean"),
    ],
)
def test_calibration_that_says_something_impossible(bundle, change, words):
    change_json(bundle / "calibration.json", lambda facts: facts.update(change))
    refused(bundle, ManifestError, "calibration.json", words)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_calibration_that_is_not_finite(bundle, number):
    text = (bundle / "calibration.json").read_bytes()
    head, _, tail = text.partition(b'"mean": ')
    write_manifest_aware(bundle / "calibration.json", head + b'"mean": ' + number + b"," + tail.partition(b",")[2])
    refused(bundle, ManifestError, "calibration.json", "finite")


def test_golden_frame_that_is_a_pickle(bundle):
    np.save(bundle / "golden" / "000.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    repair(bundle)
    refused(bundle, ContractError, "golden/000.npy")


def test_golden_score_that_is_off(bundle):
    change_json(
        bundle / "manifest.json", lambda facts: facts["golden"][2].update(score=facts["golden"][2]["score"] + 0.1)
    )
    refused(bundle, SelfTestError, "golden/002.npy: expected score")


def test_a_file_that_changes_after_it_was_checked_is_noticed(bundle):
    checked = read_bundle(bundle)
    (bundle / "golden" / "000.npy").write_bytes(b"other")
    with pytest.raises(IntegrityError):
        checked.read_golden("golden/000.npy")


def test_a_calibration_that_no_golden_frame_confirms_is_refused_at_load(bundle):
    change_json(bundle / "calibration.json", lambda facts: facts.update(mean=5.0))
    refused(bundle, SelfTestError, "golden/000.npy", "does not reproduce")


def test_an_index_exchanged_after_the_check_is_not_loaded(bundle, tmp_path):
    checked = read_bundle(bundle)
    kept = (bundle / "bank.hnsw").read_bytes()
    with checked.open_index() as path:
        (bundle / "bank.hnsw").write_bytes(b"another")
        assert path.read_bytes() == kept
    with pytest.raises(IntegrityError, match=r"bank\.hnsw"), checked.open_index():
        pass
