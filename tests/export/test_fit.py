"""Resize FIT: the network sees a frame in its own proportions, and the grid keeps its shape."""

import dataclasses

import numpy as np
import onnxruntime as ort
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.backbone import Backbone
from goodpart.profile import ResizeMethod
from goodpart_export import load_weights
from goodpart_export.parity import LIMIT, parity_of
from goodpart_export.prologue import STEP_PX, input_size_of, make_prologue
from goodpart_export.trunk import Trunk
from small_parts import GRAY, RGB, TINY

FIT = dataclasses.replace(
    TINY,
    name="fit",
    stages=("layer1", "layer2", "layer3"),
    grid="layer2",
    neighbourhood=3,
    input_height_px=96,
    input_width_px=96,
    resize=ResizeMethod.FIT,
)


@pytest.fixture(scope="module")
def prologue():
    return make_prologue(GRAY, FIT, ir_version=10).SerializeToString()


@pytest.fixture(scope="module")
def session(prologue):
    return ort.InferenceSession(prologue, providers=["CPUExecutionProvider"])


def noise(height_px, width_px, channels=None, seed=0):
    shape = (height_px, width_px) if channels is None else (height_px, width_px, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 700), st.integers(1, 700))
def test_the_graph_and_the_stated_input_size_agree(session, height_px, width_px):
    pixels = session.run(None, {"frame": noise(height_px, width_px)})[0]
    assert pixels.shape == (1, 3, *input_size_of(FIT, height_px, width_px))


@settings(deadline=None)
@given(st.integers(64, 3000), st.integers(64, 3000))
def test_proportions_are_kept_and_detail_is_reduced(height_px, width_px):
    height, width = input_size_of(FIT, height_px, width_px)
    assert height % STEP_PX == width % STEP_PX == 0
    wanted = (min(96 * 96, height_px * width_px / 2) * height_px / width_px) ** 0.5
    assert height == pytest.approx(max(2 * STEP_PX, wanted), abs=STEP_PX / 2 + 1e-6)
    assert width == pytest.approx(max(2 * STEP_PX, wanted * width_px / height_px), abs=STEP_PX / 2 + 1e-6)


@pytest.mark.parametrize(("height_px", "width_px"), [(200, 200), (120, 400), (500, 90), (60, 60), (1, 1), (1, 300)])
def test_every_frame_gives_the_same_grid_and_torch_agrees(export_tiny, height_px, width_px):
    backbone = Backbone.load(export_tiny(profile=FIT))
    network, _ = load_weights("untrained", stages=FIT.stages)
    frame = noise(height_px, width_px, 3)
    assert backbone.embed(frame).shape == (12 * 12, 64 + 128 + 256)
    prologue = make_prologue(RGB, FIT, ir_version=10).SerializeToString()
    assert parity_of(backbone, prologue, Trunk(network, FIT), [frame]) <= LIMIT


def test_a_frame_of_the_input_s_proportions_is_not_resampled():
    """For such frames FIT is what STRETCH gives."""
    network, _ = load_weights("untrained", stages=FIT.stages)
    pixels = torch.rand(1, 3, 96, 96) * 255
    with torch.inference_mode():
        fit = Trunk(network, FIT)(pixels)
        stretch = Trunk(network, dataclasses.replace(FIT, resize=ResizeMethod.STRETCH))(pixels)
    torch.testing.assert_close(fit, stretch)


def test_finer_stages_are_max_pooled_onto_the_grid():
    """A single strong fine patch is not averaged away."""
    network, _ = load_weights("untrained", stages=FIT.stages)
    trunk = Trunk(network, FIT)
    found = torch.zeros(1, 1, 4, 4)
    found[0, 0, 1, 2] = 1.0
    expected = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    torch.testing.assert_close(trunk._on_grid("layer1", found)[0, 0], expected)
