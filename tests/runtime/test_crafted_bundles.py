"""Bundles whose hashes are right and whose content lies: refused as a bundle, never a crash, never a frame's fault."""

import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broken_bundles import change_json, repair, write_manifest_aware
from goodpart.bundle.bundle import read_bundle
from goodpart.errors import (
    BundleError,
    BundleMissingError,
    ContractError,
    InferenceError,
    IntegrityError,
    ManifestError,
    SelfTestError,
    VersionError,
)
from goodpart.inspector import Inspector
from goodpart.model.backbone import Backbone
from small_frames import draw_good


def refused(bundle, error, *words):
    with pytest.raises(BundleError) as caught:
        Inspector.load(bundle).self_test()
    assert type(caught.value) is error, repr(caught.value)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("name", ["golden/000.npy", "golden/002.npy"])
def test_a_golden_frame_of_another_dtype_is_the_bundles_fault(bundle, name):
    np.save(bundle / name, draw_good(0).astype(np.float32))
    repair(bundle)
    refused(bundle, ContractError, name, "uint8 RGB", "float32")


def test_a_golden_frame_that_is_an_archive(bundle):
    archive = io.BytesIO()
    np.savez(archive, frame=draw_good(0))
    (bundle / "golden/000.npy").write_bytes(archive.getvalue())
    repair(bundle)
    refused(bundle, ContractError, "golden/000.npy: golden array: expected one numpy array")


@pytest.mark.parametrize("shape", ["(1000000, 1000000, 3)", "(1" + "0" * 30 + ", 3)", "(True, 4, 3)", "(4, 4, 3"])
def test_a_golden_frame_whose_header_lies(bundle, shape):
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    (bundle / "golden/000.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00" + head)
    repair(bundle)
    refused(bundle, ContractError, "golden/000.npy: golden array: expected one numpy array")


def test_a_backbone_that_gives_nan_is_the_bundles_fault(bundle):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(bundle / "backbone.onnx")
    weights = next(tensor for tensor in model.graph.initializer if len(tensor.dims) == 4)
    weights.CopyFrom(onnx.numpy_helper.from_array(np.full(weights.dims, np.nan, np.float32), weights.name))
    with pytest.raises(InferenceError, match="finite embeddings"):
        Backbone(model.SerializeToString()).embed(draw_good(0))
    write_manifest_aware(bundle / "backbone.onnx", model.SerializeToString())
    refused(bundle, SelfTestError, "golden/000.npy", "finite")


def test_a_backbone_whose_weights_lie_in_another_file(bundle, tmp_path, monkeypatch):
    """Nothing hashes that file; onnxruntime would look for it in the current folder."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(bundle / "backbone.onnx")
    options = {"save_as_external_data": True, "location": "side.bin", "size_threshold": 1000}
    onnx.save(model, str(tmp_path / "split.onnx"), **options)
    write_manifest_aware(bundle / "backbone.onnx", (tmp_path / "split.onnx").read_bytes())
    (bundle / "side.bin").write_bytes((tmp_path / "side.bin").read_bytes())
    for folder in (tmp_path, bundle):
        monkeypatch.chdir(folder)
        refused(bundle, ContractError, "backbone.onnx", "external data")


def test_a_backbone_whose_facts_are_not_utf_8(bundle):
    data = (bundle / "backbone.onnx").read_bytes()
    assert data.count(b'"small"') == 1
    write_manifest_aware(bundle / "backbone.onnx", data.replace(b'"small"', b'"sm\xffll"'))
    refused(bundle, ContractError, "backbone.onnx")


def test_a_backbone_whose_sizes_have_names_that_are_not_utf_8(bundle):
    data = (bundle / "backbone.onnx").read_bytes()
    assert b"frame_height" in data
    write_manifest_aware(bundle / "backbone.onnx", data.replace(b"frame_height", b"frame\xff\xffeight"))
    refused(bundle, ContractError, "backbone.onnx", "UTF-8")


def test_a_manifest_sha256_of_two_lines(bundle):
    (bundle / "manifest.sha256").write_text("one\ntwo\n")
    refused(bundle, IntegrityError, "manifest.json", r"one\ntwo")


def test_a_line_break_in_a_key(bundle):
    change_json(bundle / "manifest.json", lambda facts: facts["provenance"]["versions"].update({"a\nb": 3}))
    refused(bundle, ManifestError, "manifest.json")


def test_a_format_version_as_long_as_a_book(bundle):
    change_json(bundle / "manifest.json", lambda facts: facts.update(format_version="x" * 100_000))
    with pytest.raises(VersionError) as caught:
        Inspector.load(bundle)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("key", ["format_version", "name"])
def test_nesting_of_any_depth(bundle, key):
    """At some depth Python still reads the JSON but can no longer show it."""
    text = json.loads((bundle / "manifest.json").read_text())
    for depth in (10, *range(900, 1001)):
        deep = json.dumps({**text, key: "HERE"}).replace('"HERE"', "[" * depth + "]" * depth)
        write_manifest_aware(bundle / "manifest.json", deep.encode())
        with pytest.raises((ManifestError, VersionError)):
            Inspector.load(bundle)


def test_a_bundle_folder_with_an_impossible_name():
    refused("x" * 300, BundleMissingError, "expected a bundle folder")


@pytest.mark.parametrize(
    ("locked", "named"),
    [("..", "bar"), (".", "bar/manifest.json"), ("golden", "golden/000.npy"), ("bank.hnsw", "bank.hnsw")],
)
def test_a_bundle_that_may_not_be_read(bundle, locked, named):
    code = """
import os, sys
from pathlib import Path
from goodpart.bundle.bundle import read_bundle
from goodpart.errors import UnreadableError
bundle, locked = Path(sys.argv[1]), Path(sys.argv[1], sys.argv[2])
os.chdir(bundle.parent)
locked.chmod(0)
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    read_bundle(Path(bundle.name))
except UnreadableError as error:
    print(error)
"""
    bundle.parent.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", code, str(bundle), locked], capture_output=True, text=True, check=True)
    (bundle / locked).chmod(0o755)  # so that pytest can remove it
    assert f"{named}: expected a" in done.stdout
    assert "Permission denied" in done.stdout


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.data())
def test_a_manifest_with_any_other_bytes_is_refused_or_means_the_same(built_bundle, tmp_path_factory, data):
    text = (built_bundle / "manifest.json").read_bytes()
    position = data.draw(st.integers(0, len(text) - 1))
    changed = text[:position] + data.draw(st.binary(max_size=3)) + text[position + data.draw(st.integers(1, 3)) :]
    folder = tmp_path_factory.getbasetemp() / "mutated"
    if not folder.exists():
        shutil.copytree(built_bundle, folder)
    write_manifest_aware(folder / "manifest.json", changed)
    try:
        read_bundle(folder)
    except BundleError as error:
        assert "\n" not in str(error)


def with_tail(model_path, *nodes, constants=()):
    """The bytes of a backbone whose embeddings pass through further operators."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(model_path)
    model.graph.node[-1].output[0] = "before"
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(constants)
    return model.SerializeToString()


def test_embeddings_that_are_no_unit_vectors_void_the_proof_and_are_refused(tiny_backbone):
    onnx = pytest.importorskip("onnx")
    tripled = onnx.helper.make_node("Mul", ["before", "three"], ["embeddings"])
    three = onnx.numpy_helper.from_array(np.float32(3), "three")
    backbone = Backbone(with_tail(tiny_backbone, tripled, constants=[three]))
    with pytest.raises(InferenceError, match="unit vectors"):
        backbone.embed(draw_good(0))


def test_embeddings_whose_count_depends_on_the_frame_are_refused(tiny_backbone):
    onnx = pytest.importorskip("onnx")
    rows = [
        onnx.helper.make_node("Shape", ["frame"], ["height_px"], start=0, end=1),
        onnx.helper.make_node("Slice", ["before", "zero", "height_px", "zero"], ["embeddings"]),
    ]
    zero = onnx.numpy_helper.from_array(np.zeros(1, np.int64), "zero")
    backbone = Backbone(with_tail(tiny_backbone, *rows, constants=[zero]))
    with pytest.raises(InferenceError, match=r"expected embeddings \(64, 8\), found \(24, 8\)"):
        backbone.embed(draw_good(0))


def test_a_grid_of_another_shape_than_the_input_is_refused(bundle):
    def widen(facts):
        facts["backbone"]["grid"].update(rows=4, columns=16)

    change_json(bundle / "manifest.json", widen)
    refused(bundle, ManifestError, "manifest.json", "grid: expected the shape of the 32x32 input, found 4x16")
