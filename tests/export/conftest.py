"""Exports of one trunk for many frames: torch's exporter, which takes seconds, runs once for each trunk."""

import copy
import functools
import hashlib

import pytest
import torch
from torch.onnx._internal.exporter._registration import ONNXRegistry

from goodpart_export import onnx_export

GRAPHS = {}
OPERATORS = functools.cache(ONNXRegistry.from_torchlib)


@pytest.fixture(scope="module", autouse=True)
def exported_trunks():
    """The graphs by all that decides them; a test that must see the exporter run again clears them."""
    export = onnx_export._export_trunk

    def once(trunk, **size_px):
        weights = hashlib.sha256()
        for name, values in sorted(trunk.state_dict().items()):
            weights.update(name.encode() + values.numpy().tobytes())
        # a test may have replaced torch's exporter
        how = (trunk._used, trunk._grid, trunk._neighbourhood, torch.onnx.export)
        key = (weights.digest(), *how, *sorted(size_px.items()))
        if not GRAPHS:
            OPERATORS.cache_clear()
        if key not in GRAPHS:
            GRAPHS[key] = export(trunk, **size_px)
        return copy.deepcopy(GRAPHS[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_export, "_export_trunk", once)
        # its list of operators is read from source files at every export, and is always the same
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(OPERATORS))
        yield GRAPHS
