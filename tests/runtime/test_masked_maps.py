"""Heat maps beside ignored patches: what does not count neither dims nor brightens what does."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Inspection
from goodpart.scoring.maps import enlarge, enlarge_counted, enlarge_flags
from small_frames import draw_small

SCALE = 8
"""Pixels per patch."""


@pytest.fixture(scope="module")
def any_inspection(older) -> Inspection:
    with Inspector.load(older, threads=1) as inspector:
        return inspector.inspect(draw_small(100))


def calibrated(inspection, grid, counted, *, smoothing, scale=SCALE):
    """The calibrated map of a grid, as an Inspector fills it: with the lowest counted score where nothing counts."""
    filled = np.where(counted, grid, grid[counted].min()).astype(np.float32)
    height_px, width_px = (scale * side for side in grid.shape)
    return dataclasses.replace(
        inspection,
        grid=filled,
        ignored=~counted,
        smoothing=smoothing,
        frame_height_px=height_px,
        frame_width_px=width_px,
    ).calibrated_map()


@pytest.mark.parametrize("smoothing", [0.0, 1.5, 16.0])
def test_a_lone_patch_of_8_sigmas_beside_ignored_ones_is_shown_with_8_sigmas(any_inspection, smoothing):
    """Filler dimmed it to 0.5 sigmas under the default profile's Gaussian of 1.5 patches, to 2.5 without smoothing."""
    grid, counted = np.zeros((33, 33), np.float32), np.zeros((33, 33), bool)
    grid[16, 16], counted[16, 16], counted[0, 0] = 8.0, True, True
    shown = calibrated(any_inspection, grid, counted, smoothing=smoothing)
    own = shown[16 * SCALE : 17 * SCALE, 16 * SCALE : 17 * SCALE]
    least = 7.9 if smoothing < 16.0 else 5.5  # so wide a Gaussian reaches the other counted patch
    assert least <= own.min() <= own.max() <= 8.0


@pytest.mark.parametrize("smoothing", [0.0, 1.5])
def test_a_defect_along_the_mask_keeps_its_strength_up_to_the_edge(any_inspection, smoothing):
    """8 sigmas in all patches up to the mask, which begins at column 12. Filler dimmed them to 4.1 at the edge."""
    grid, counted = np.zeros((24, 24), np.float32), np.ones((24, 24), bool)
    grid[:, 4:12], counted[:, 12:] = 8.0, False
    shown = calibrated(any_inspection, grid, counted, smoothing=smoothing)
    np.testing.assert_allclose(shown[:, 10 * SCALE : 12 * SCALE], 8.0, atol=0.02)
    np.testing.assert_array_equal(shown[:, 12 * SCALE :], 0.0)


masks = st.integers(0, 2**30)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(masks, st.sampled_from([0.0, 0.5, 1.5, 4.0]), st.floats(0.05, 0.95), st.integers(1, 20), st.integers(1, 20))
def test_it_is_the_weighted_mean_of_counted_patches(seed, smoothing, share, rows, columns):
    rng = np.random.default_rng(seed)
    grid = rng.normal(size=(rows, columns)).astype(np.float32)
    counted = rng.random((rows, columns)) < share
    counted[rng.integers(rows), rng.integers(columns)] = True
    height_px, width_px = 5 * rows, 7 * columns
    found = enlarge_counted(grid, counted, height_px, width_px, smoothing=smoothing)

    def smooth(values):
        return enlarge(values.astype(np.float32), height_px, width_px, smoothing=smoothing).astype(np.float64)

    inside = enlarge_flags(counted, height_px, width_px)
    expected = smooth(grid * counted)[inside] / smooth(counted)[inside]
    np.testing.assert_allclose(found[inside], expected, atol=2e-4)
    lowest = grid[counted].min()
    assert (found[~inside] == lowest).all()
    assert lowest <= found.min() <= found.max() <= grid[counted].max() + 1e-5
    # what stands in the other patches changes no bit
    other = np.where(counted, grid, rng.normal(size=grid.shape).astype(np.float32) * 100)
    np.testing.assert_array_equal(enlarge_counted(other, counted, height_px, width_px, smoothing=smoothing), found)


@pytest.mark.parametrize("smoothing", [0.0, 1.5])
def test_where_all_patches_count_it_is_the_same_map(any_inspection, smoothing):
    grid = np.random.default_rng(0).normal(size=(12, 9)).astype(np.float32)
    everything = np.ones(grid.shape, bool)
    plain = enlarge(grid, 96, 72, smoothing=smoothing)
    np.testing.assert_array_equal(calibrated(any_inspection, grid, everything, smoothing=smoothing), plain)
    np.testing.assert_allclose(enlarge_counted(grid, everything, 96, 72, smoothing=smoothing), plain, atol=1e-5)


def test_a_frame_of_fewer_pixels_than_patches_has_finite_maps():
    rng = np.random.default_rng(0)
    grid, counted = rng.normal(size=(16, 16)).astype(np.float32), rng.random((16, 16)) < 0.2
    for height_px, width_px in ((3, 2), (1, 1), (15, 40)):
        found = enlarge_counted(grid, counted, height_px, width_px)
        assert grid[counted].min() <= found.min() <= found.max() <= grid[counted].max() + 1e-5
