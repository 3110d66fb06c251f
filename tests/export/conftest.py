"""Exports of one trunk for many frames: torch's exporter, which takes seconds, runs once for each trunk."""

import copy
import hashlib

import pytest
import torch

from goodpart_export import onnx_export

GRAPHS = {}


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
        if key not in GRAPHS:
            GRAPHS[key] = export(trunk, **size_px)
        return copy.deepcopy(GRAPHS[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_export, "_export_trunk", once)
        yield GRAPHS
