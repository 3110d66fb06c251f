"""Patches without any feature: their embedding is all zero, and no frame that has one is called GOOD."""

from pathlib import Path

import numpy as np
import pytest

from goodpart.errors import InferenceError
from goodpart.inspector import Inspector
from goodpart.model.backbone import Backbone
from goodpart.scoring.inspection import Verdict
from small_frames import draw_small

FORMAT_1 = Path(__file__).parents[1] / "fixtures" / "format_1"


def blind_model():
    """The model of the fixture without its one convolution: no frame gives any feature."""
    rng = np.random.default_rng(5)
    weight, bias = rng.normal(0, 0.02, (8, 3, 4, 4)).astype("<f4"), rng.uniform(0, 2, 8).astype("<f4")
    model = (FORMAT_1 / "backbone.onnx").read_bytes()
    for values in (weight.tobytes(), bias.tobytes()):
        assert model.count(values) == 1
        model = model.replace(values, bytes(len(values)))
    return model


def test_a_backbone_that_finds_no_feature_in_any_frame_is_refused():
    backbone = Backbone(blind_model())
    with pytest.raises(InferenceError, match="expected features in a frame that has a signal, found none in any patch"):
        backbone.embed(draw_small(0))


def test_a_frame_without_signal_may_have_no_features():
    embeddings = Backbone(blind_model()).embed(np.zeros((24, 18, 3), np.uint8))
    assert embeddings.shape == (64, 8)
    assert not embeddings.any()


@pytest.fixture
def inspector():
    with Inspector.load(FORMAT_1, threads=1) as loaded:
        yield loaded


def without_features(inspector, monkeypatch, patches):
    """From now on these patches of every frame have no features."""
    see = inspector.backbone.see

    def see_some(frame):
        seen = see(frame)
        seen.embeddings[patches] = 0.0
        return seen

    monkeypatch.setattr(inspector.backbone, "see", see_some)


@pytest.mark.parametrize("count", [1, 2, 4, 64])
def test_a_good_frame_with_patches_without_features_is_not_good(inspector, monkeypatch, count):
    inspector.threshold = 1e6  # no score is above it
    assert inspector.inspect(draw_small(0)).verdict is Verdict.GOOD
    without_features(inspector, monkeypatch, slice(0, count))
    found = inspector.inspect(draw_small(0))
    assert found.verdict is Verdict.UNKNOWN
    assert found.reason.startswith(f"no features in {count} of 64 patches")
    assert np.isfinite(found.score)


def test_a_defect_stays_a_defect(inspector, monkeypatch):
    without_features(inspector, monkeypatch, slice(0, 8))
    found = inspector.inspect(draw_small(0, defect=True))
    assert (found.verdict, found.reason) == (Verdict.DEFECT, None)


def test_a_frame_without_signal_says_so(inspector, monkeypatch):
    without_features(inspector, monkeypatch, slice(None))
    found = inspector.inspect(np.zeros((24, 18, 3), np.uint8))
    assert found.verdict is Verdict.UNKNOWN
    assert found.reason.startswith("no signal")
