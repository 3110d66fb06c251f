"""The main job on real photographs with real weights: the figures that the README promises."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart.frames.images import read_image
from goodpart.frames.listing import find_images
from goodpart.inspector import Inspector
from goodpart.model.backbone import Backbone
from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.build.build import BuildSettings, build_bundle
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_export import export_backbone, load_profile, load_weights
from goodpart_export.parity import LIMIT, parity_of
from goodpart_export.prologue import make_prologue
from goodpart_export.trunk import Trunk
from small_parts import RGB

pytestmark = pytest.mark.real

PAPER = load_profile("paper")
THERMAL = FrameSpec(channels=Channels.GRAY, dtype=PixelType.UINT16, value_range=(0, 4095), roi=None)


@pytest.fixture(scope="module")
def network(real_weights: Path):
    return load_weights(str(real_weights), stages=PAPER.stages)


@pytest.fixture(scope="module")
def backbone(network, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("real") / "backbone.onnx"
    export_backbone(network[0], out, profile=PAPER, frame=RGB, weights=network[1])
    return out


@pytest.fixture(scope="module")
def bottle(backbone: Path, real_data: Path, tmp_path_factory) -> Inspector:
    out = tmp_path_factory.mktemp("bundles") / "bottle"
    good = real_data / "mvtec_bottle_half" / "train" / "good"
    build_bundle(BuildSettings(good_dir=good, backbone=backbone, out=out, threads=2))
    return Inspector.load(out, threads=2)


def test_bottles_score_as_in_the_paper(bottle, real_data):
    figures = evaluate_category(bottle, read_categories(real_data / "mvtec_bottle_half")[0]).figures
    assert figures.bank == (20000, 256)
    assert figures.image_auroc is not None
    assert figures.image_auroc >= 0.995
    assert figures.image_auprc is not None
    assert figures.image_auprc >= 0.998
    assert figures.pixel_auroc is not None
    assert figures.pixel_auroc >= 0.974


def test_a_real_bundle_tests_itself_and_finds_a_broken_bottle(bottle, real_data):
    assert max(bottle.self_test().values()) < 1e-6
    broken = find_images(real_data / "mvtec_bottle_half" / "test" / "broken_large")[0]
    assert bottle.inspect(read_image(broken, RGB)).verdict is Verdict.DEFECT


def test_grey_tiles_of_many_sizes_score_with_the_default_frame(backbone, real_data, tmp_path):
    """Every sixth tile: `benchmarks/accuracy.py` measures all of them."""
    category, good, out = read_categories(real_data / "magnetic_tile")[0], tmp_path / "good", tmp_path / "tile"
    good.mkdir()
    for path in find_images(real_data / "magnetic_tile" / "train" / "good")[::6]:
        (good / path.name).symlink_to(path.resolve())
    # the sizes of fifty tiles are not those of all
    build_bundle(BuildSettings(good_dir=good, backbone=backbone, out=out, threads=2, any_size=True))
    some = dataclasses.replace(category, images=category.images[::6])
    figures = evaluate_category(Inspector.load(out, threads=2), some).figures
    assert (figures.train_images, figures.test_images) == (50, 59)
    assert figures.image_auroc is not None
    assert figures.image_auroc >= 0.79
    assert figures.notes == ()


def test_image_scores_on_real_frames_are_those_of_brute_force(bottle, real_data):
    for path in find_images(real_data / "mvtec_bottle_half" / "test")[::8]:
        frame = read_image(path, RGB)
        exact = np.sort(bottle.bank.exact_distances(bottle.backbone.embed(frame)))
        expected = (exact[-PAPER.top_k(256) :].mean() - bottle.calibration.mean) / bottle.calibration.std
        assert bottle.inspect(frame).score == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", ["RGB", "uint16"])  # tests/export has BGR and GRAY, on drawn frames
def test_torch_and_onnxruntime_agree_on_real_frames(network, real_data, tmp_path, name):
    spec = {"RGB": RGB, "uint16": THERMAL}[name]
    export_backbone(network[0], tmp_path / "b.onnx", profile=PAPER, frame=spec, weights=network[1])
    gray = spec.channels is Channels.GRAY
    folder = real_data / ("magnetic_tile" if gray else "mvtec_bottle_half") / "test"
    decoded = dataclasses.replace(spec, dtype=PixelType.UINT8, value_range=None)
    frames = [read_image(path, decoded) for path in find_images(folder)[::40]]
    if spec is THERMAL:
        frames = [frame.astype(np.uint16) * 16 for frame in frames]
    prologue = make_prologue(spec, height_px=256, width_px=256, ir_version=10).SerializeToString()
    backbone = Backbone.load(tmp_path / "b.onnx", threads=2)
    assert parity_of(backbone, prologue, Trunk(network[0], PAPER), frames) <= LIMIT
