"""Errors of other libraries never leak: they come out as ours, with the foreign one as the cause."""

import hnswlib
import numpy as np
import pytest
from broken_bundles import write_manifest_aware
from goodpart.backbone import Backbone
from goodpart.bank import Bank
from goodpart.bundle import read_bundle
from goodpart.errors import GoodpartError
from goodpart.images import read_image
from goodpart.inspector import Inspector
from goodpart.profile import IndexSpec
from goodpart.strict_json import parse
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors
from small_parts import RGB, draw_good


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
    assert issubclass(cause_of(lambda: read_image(bundle / "none.png", RGB)), OSError)


def test_numpy_errors(tmp_path):
    (tmp_path / "x.npy").write_bytes(b"no array")
    assert issubclass(cause_of(lambda: read_image(tmp_path / "x.npy", RGB)), ValueError)


def test_onnxruntime_errors_at_load(bundle):
    write_manifest_aware(bundle / "backbone.onnx", b"no model")
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


def test_hnswlib_errors_at_load(built_bundle, tmp_path):
    # a true header, and links that point nowhere: hnswlib's own check of the file's length
    data = (built_bundle / "bank.hnsw").read_bytes()
    (tmp_path / "bank.hnsw").write_bytes(data + b"\1" * 3)
    index = IndexSpec(links=8, ef_construction=32, ef_search=8)

    def load():
        Bank.load(tmp_path / "bank.hnsw", vectors=400, dimension=64, neighbours=3, index=index)

    assert cause_of(load) is RuntimeError


def test_hnswlib_errors_about_labels():
    index = hnswlib.Index("cosine", 4)
    index.init_index(3, M=4, ef_construction=8, random_seed=0)
    index.add_items(np.eye(4, dtype=np.float32)[:3], np.array([5, 6, 7]), num_threads=1)
    assert cause_of(lambda: Bank(index, neighbours=1, ef_search=4)) is RuntimeError
