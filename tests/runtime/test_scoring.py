"""The paper's formulas, and maps in frame pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.scoring.maps import enlarge, to_display
from goodpart.scoring.scores import calibrate, image_score
from small_parts import CALIBRATION

sizes = st.integers(1, 40)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(rows=st.integers(1, 12), columns=st.integers(1, 12), height=sizes, width=sizes)
def test_enlarging_is_torchs_bilinear_interpolation(rows, columns, height, width):
    torch = pytest.importorskip("torch")
    grid = np.random.default_rng(rows * 100 + columns).normal(size=(rows, columns)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(grid)[None, None], (height, width), mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(enlarge(grid, height, width), expected[0, 0].numpy(), atol=1e-5)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(rows=st.integers(1, 12), columns=st.integers(1, 12), std=st.floats(0.2, 16))
def test_smoothing_is_a_gaussian_without_weight_beyond_the_edges(rows, columns, std):
    ndimage = pytest.importorskip("scipy.ndimage")
    grid = np.random.default_rng(rows * 100 + columns).normal(size=(rows, columns)).astype(np.float32)

    def blurred(values):
        return ndimage.gaussian_filter(values.astype(np.float64), std, mode="constant", truncate=12 / min(std, 1))

    expected = blurred(grid) / blurred(np.ones_like(grid))
    np.testing.assert_allclose(enlarge(grid, rows, columns, smoothing=std), expected, atol=1e-5)
    # smooth first, then enlarge
    np.testing.assert_allclose(
        enlarge(grid, 30, 17, smoothing=std), enlarge(expected.astype(np.float32), 30, 17), atol=1e-5
    )


def test_no_smoothing_is_none():
    grid = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    np.testing.assert_array_equal(enlarge(grid, 7, 5, smoothing=0.0), grid)
    np.testing.assert_array_equal(enlarge(grid, 50, 40), enlarge(grid, 50, 40, smoothing=0.0))


def test_calibrated_scores_are_deviations_from_good_patches():
    np.testing.assert_allclose(calibrate(np.array([0.1, 0.15, 0.0]), CALIBRATION), [0.0, 1.0, -2.0])


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.floats(-5, 50), min_size=3, max_size=30), st.integers(1, 3), st.data())
def test_the_image_score_is_the_top_k_mean_and_never_falls_when_a_patch_rises(values, top_k, data):
    scores = np.array(values)
    score = image_score(scores, top_k)
    assert score == pytest.approx(np.mean(sorted(values)[-top_k:]))
    higher = scores.copy()
    higher[data.draw(st.integers(0, len(values) - 1))] += data.draw(st.floats(0, 9))
    assert image_score(higher, top_k) >= score


def test_the_display_is_a_sigmoid_that_survives_extremes():
    scores = np.array([-np.float32(3e38), -1, 0, 1, 20, 3e38], np.float32)
    shown = to_display(scores)
    np.testing.assert_allclose(shown, [0, 1 / (1 + np.e), 0.5, 1 / (1 + np.exp(-1)), 1, 1], atol=1e-6)
    assert (np.diff(shown) >= 0).all()
