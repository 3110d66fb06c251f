"""A bundle of some 40 kB: one drawn convolution in the place of ResNet-18, on drawn frames of 24x18 pixels.

It goes through the same export, build and runtime as any other; tests that need many bundles or many frames use it.
"""

import dataclasses
from pathlib import Path

import numpy as np
from onnx import compose, numpy_helper, parser

from goodpart.facts.excess import ExcessRule
from goodpart.facts.profile import CoresetMethod, IndexSpec, Profile
from goodpart.facts.spec import BackboneSpec, FrameSpec, GridSpec, Precision, WeightsSource, WeightsSpec
from goodpart.model.onnx_guard import OPSET
from goodpart_bank_builder.build.build import BuildSettings, build_bundle
from goodpart_export.onnx_file import sealed
from goodpart_export.prologue import PIXELS, make_prologue
from small_frames import draw_small
from small_parts import RGB

SMALL = Profile(
    name="small",
    stages=("layer1",),
    grid="layer1",
    neighbourhood=1,
    input_height_px=32,
    input_width_px=32,
    neighbours=3,
    top_share=4 / 64,
    coreset=CoresetMethod.GREEDY,
    bank_vectors=300,
    smoothing=0.0,
    index=IndexSpec(directions=6, links=6, ef_construction=24, ef_search=8, candidates=4),
)

_TRUNK = """
    <ir_version: 10, opset_import: ["" : 18]>
    trunk (float[1, 3, 32, 32] pixels) => (float[64, 8] embeddings)
    {
        features = Conv <kernel_shape = [4, 4], strides = [4, 4]> (pixels, weight, bias)
        kept = Relu(features)
        flat = Reshape(kept, flat_shape)
        rows = Transpose <perm = [1, 0]> (flat)
        squares = Mul(rows, rows)
        length_2 = ReduceSum <keepdims = 1> (squares, axis)
        at_least = Max(length_2, tiny)
        length = Sqrt(at_least)
        embeddings = Div(rows, length)
    }
"""


def small_backbone(
    out: Path, *, frame: FrameSpec = RGB, head: bool | None = None, excess: ExcessRule | None = None
) -> Path:
    """Writes the ONNX file; `head` is whether its profile has one, and `excess` the rule of its excess."""
    rng = np.random.default_rng(5)
    trunk = parser.parse_model(_TRUNK)
    constants = {
        "weight": rng.normal(0, 0.02, (8, 3, 4, 4)).astype(np.float32),
        "bias": rng.uniform(0, 2, 8).astype(np.float32),
        "flat_shape": np.array([8, 64]),
        "axis": np.array([1]),
        "tiny": np.array(1e-12, np.float32),
    }
    trunk.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    prologue = make_prologue(
        frame, height_px=32, width_px=32, ir_version=trunk.ir_version, cell_px=None if excess is None else 4
    )
    model = compose.merge_models(prologue, trunk, io_map=[(PIXELS, PIXELS)])
    del model.opset_import[1:]
    assert model.opset_import[0].version == OPSET
    out.write_bytes(sealed(model, small_spec(frame, head=head, excess=excess)))
    return out


def small_spec(frame: FrameSpec = RGB, *, head: bool | None = None, excess: ExcessRule | None = None) -> BackboneSpec:
    """What the backbone states about itself."""
    return BackboneSpec(
        frame=frame,
        grid=GridSpec(rows=8, columns=8, dimension=8),
        profile=dataclasses.replace(SMALL, head=head, excess=excess),
        weights=WeightsSpec(source=WeightsSource.UNTRAINED, name=None, sha256=None, seed=5),
        precision=Precision.FLOAT32,
    )


def small_bundle(
    folder: Path, out: Path, *, name: str = "bar", serial: int = 0, seed: int = 0, force: bool = False
) -> Path:
    """Builds the bundle; `folder` takes what it is built from."""
    good = folder / "good"
    if not good.exists():
        good.mkdir(parents=True)
        for number in range(16):
            np.save(good / f"{number:02}.npy", draw_small(number))
        small_backbone(folder / "backbone.onnx")
    build_bundle(
        BuildSettings(
            good_dir=good,
            backbone=folder / "backbone.onnx",
            out=out,
            name=name,
            serial=serial,
            seed=seed,
            false_reject_rate=0.1,
            force=force,
        )
    )
    return out
