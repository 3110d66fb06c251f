"""Errors of other libraries never leak: they come out as ours, with the foreign one as the cause."""

import functools
import os
import shutil
import tokenize
from pathlib import Path

import pytest
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

import goodpart.bank.graph
from broken_bundles import write_manifest_aware
from goodpart._host.atomic import staged_folder, write_file
from goodpart._host.strict_json import parse
from goodpart.bank.graph import Graph
from goodpart.bank.index_file import read_vectors
from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.names import OWN_FILES
from goodpart.errors import GoodpartError, IntegrityError, UsageError
from goodpart.frames.images import read_image
from goodpart.frames.listing import find_images
from goodpart.inspector import Inspector
from goodpart.model.backbone import Backbone
from small_frames import draw_good
from small_parts import RGB


def cause_of(call):
    with pytest.raises(GoodpartError) as caught:
        call()
    assert not isinstance(caught.value.__cause__, GoodpartError)
    return type(caught.value.__cause__)


def test_json_errors():
    assert issubclass(cause_of(lambda: parse(b"{", where="x")), ValueError)
    assert cause_of(lambda: parse(b"[" * 100_000, where="x")) is RecursionError


def test_system_errors(bundle):
    (bundle / "bank.hnsw").unlink()
    assert issubclass(cause_of(lambda: read_bundle(bundle)), OSError)
    assert issubclass(cause_of(lambda: Backbone.load(bundle / "none.onnx")), OSError)
    assert issubclass(cause_of(lambda: read_image(bundle / "none.npy", RGB)), OSError)


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        ("(4, 4, 3", tokenize.TokenError),
        ("(True, 4, 3)", TypeError),
        ("(1" + "0" * 30 + ", 3)", OverflowError),
        ("(-1, 4, 3)", ValueError),
        ("(40, 40, 3)", ValueError),
    ],
)
def test_numpy_errors(tmp_path, shape, error):
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00" + head + bytes(99))
    assert issubclass(cause_of(lambda: read_image(tmp_path / "x.npy", RGB)), error)


def test_errors_about_names_that_no_file_can_have():
    long = Path("x" * 300)
    for call in (lambda: read_image(long / "x.npy", RGB), lambda: Backbone.load(long), lambda: write_file(long, b"")):
        assert issubclass(cause_of(call), OSError)
    for call in (lambda: find_images(long), lambda: read_bundle(long), lambda: Inspector.load(long)):
        with pytest.raises(GoodpartError, match="File name too long"):
            call()
    with pytest.raises(UsageError, match="File name too long"), staged_folder(long, mark="m", own=OWN_FILES):
        pass


def test_a_bundle_in_a_folder_whose_name_is_not_utf_8(built_bundle, tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    shutil.copytree(built_bundle, folder)
    assert Inspector.load(folder).self_test()
    (folder / "bank.hnsw").write_bytes(b"")
    with pytest.raises(IntegrityError, match="caf"):
        Inspector.load(folder)


def test_onnxruntime_errors_at_load(bundle):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(bundle / "backbone.onnx")
    model.graph.output[0].name = "nothing"
    write_manifest_aware(bundle / "backbone.onnx", model.SerializeToString())
    assert cause_of(lambda: Inspector.load(bundle)).__module__.startswith("onnxruntime")


def test_onnxruntime_errors_at_run(tiny_backbone):
    class Broken(Backbone):
        """The real session, asked for an output that it does not have."""

        def __init__(self, model: bytes) -> None:
            super().__init__(model)
            session = self._session
            self._session = type("Asked", (), {"run": lambda self, names, feed: session.run(["nothing"], feed)})()

    backbone = Broken(tiny_backbone.read_bytes())
    assert cause_of(lambda: backbone.embed(draw_good(0))) is ort_errors.InvalidArgument


def test_hnswlib_errors_at_load(built_bundle, tmp_path, monkeypatch):
    path = Path(shutil.copy(built_bundle / "bank.hnsw", tmp_path))
    checked = read_bundle(built_bundle)
    vectors, projection = checked.read_bank()

    def read_and_vanish(*args, **facts):
        found = read_vectors(*args, **facts)
        path.unlink()
        return found

    monkeypatch.setattr(goodpart.bank.graph, "read_vectors", read_and_vanish)
    load = functools.partial(
        Graph.load, path, vectors=vectors, projection=projection, index=checked.manifest.backbone.profile.index
    )
    assert cause_of(load) is RuntimeError
