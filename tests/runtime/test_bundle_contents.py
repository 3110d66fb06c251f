"""Files of a bundle whose hashes are right and whose contents are wrong."""

import io
import struct

import numpy as np
import pytest

from broken_bundles import change_json, refused, repair, write_manifest_aware
from goodpart.errors import (
    ContractError,
    ManifestError,
    SelfTestError,
)


def test_backbone_that_is_not_onnx(bundle):
    write_manifest_aware(bundle / "backbone.onnx", b"not a model")
    refused(bundle, ContractError, "backbone.onnx", "expected an ONNX model")


def test_onnx_without_its_facts(bundle):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(bundle / "backbone.onnx")
    del model.metadata_props[:]
    write_manifest_aware(bundle / "backbone.onnx", model.SerializeToString())
    refused(bundle, ContractError, "without its facts")


def test_backbone_with_another_seed(bundle):
    data = (bundle / "backbone.onnx").read_bytes()
    assert data.count(b'"seed": 5') == 1
    write_manifest_aware(bundle / "backbone.onnx", data.replace(b'"seed": 5', b'"seed": 6'))
    refused(bundle, ContractError, "differ", "seed=5", "seed=6")


def test_onnx_whose_output_is_not_what_it_says(bundle):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(bundle / "backbone.onnx")
    model.graph.output[0].name = model.graph.node[-1].output[0] = "something"
    write_manifest_aware(bundle / "backbone.onnx", model.SerializeToString())
    refused(bundle, ContractError, "backbone.onnx", "something")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (1, 301, "capacity"),  # size_t capacity
        (2, 299, "vectors"),  # size_t count
        (4, 1 << 40, "values per vector"),  # label offset
        (3, 1 << 40, "bytes per vector"),
        (10, 16, "links"),
        (7, 300, "entry"),
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
    np.frombuffer(data, "<f4", count=6, offset=96 + data_at)[:] = np.nan
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
        (lambda vectors: np.where(np.arange(300)[:, None] == 7, vectors * np.float32(1.00002), vectors), "vector 7 on"),
        (lambda vectors: vectors * np.float32(np.nan), "finite float32 (300, 8)"),
        (lambda vectors: vectors[:-1], "found float32 (299, 8)"),
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
        (lambda directions: directions[:, :4], "found float32 (8, 4)"),
        (lambda directions: np.full_like(directions, np.inf), "finite float32 (8, 6)"),
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
        ({"peaks": [1.0] * 15}, "peaks: expected 16"),
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


def test_a_calibration_that_no_golden_frame_confirms_is_refused_at_load(bundle):
    change_json(bundle / "calibration.json", lambda facts: facts.update(mean=5.0))
    refused(bundle, SelfTestError, "golden/000.npy", "does not reproduce")
