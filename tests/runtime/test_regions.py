"""Regions: connected patches above a threshold, as boxes in frame pixels."""

import dataclasses
import time
from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from goodpart.facts.spec import Roi
from goodpart.inspector import Inspector
from goodpart.scoring.regions import find_regions
from small_frames import draw_defect, draw_good

grids = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 6).map(np.float32)
)
rois = st.builds(
    Roi,
    y_px=st.integers(0, 30),
    x_px=st.integers(0, 30),
    height_px=st.integers(1, 300),
    width_px=st.integers(1, 300),
)


def labelled(grid, threshold):
    """The patches of every region, by scipy."""
    ndimage = pytest.importorskip("scipy.ndimage")
    labels, count = ndimage.label(grid > threshold, structure=np.ones((3, 3)))
    return [np.argwhere(labels == label + 1) for label in range(count)]


@settings(derandomize=True, deadline=None, max_examples=300)
@given(grids, st.integers(0, 5), rois)
def test_regions_are_the_8_connected_components_and_their_boxes(grid, threshold, area):
    expected = []
    for patches in labelled(grid, threshold):
        # in exact fractions: where the patches begin and end, in whole pixels around them
        down, right = Fraction(area.height_px, grid.shape[0]), Fraction(area.width_px, grid.shape[1])
        (top, left), (bottom, end) = patches.min(axis=0), patches.max(axis=0) + 1
        y, x = floor(int(top) * down), floor(int(left) * right)
        height, width = ceil(int(bottom) * down) - y, ceil(int(end) * right) - x
        peak = max(float(grid[row, column]) for row, column in patches)
        expected.append((area.y_px + y, area.x_px + x, height, width, len(patches) / grid.size, peak))
    found = find_regions(grid, float(threshold), area)
    boxes = [(its.y_px, its.x_px, its.height_px, its.width_px, its.area_share, its.peak) for its in found]
    assert sorted(boxes) == sorted(expected)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(grids, st.integers(0, 5), rois)
def test_a_box_lies_in_what_was_seen_and_holds_its_peak_and_the_middle_of_every_patch(grid, threshold, area):
    for region in find_regions(grid, float(threshold), area):
        bottom, right = region.y_px + region.height_px, region.x_px + region.width_px
        assert area.y_px <= region.y_px <= region.peak_y_px < bottom <= area.y_px + area.height_px
        assert area.x_px <= region.x_px <= region.peak_x_px < right <= area.x_px + area.width_px
        peaks = {
            (
                area.y_px + floor(Fraction(2 * int(row) + 1, 2) * Fraction(area.height_px, grid.shape[0])),
                area.x_px + floor(Fraction(2 * int(column) + 1, 2) * Fraction(area.width_px, grid.shape[1])),
            )
            for row, column in np.argwhere(grid == region.peak)
        }
        assert (region.peak_y_px, region.peak_x_px) in peaks


@settings(derandomize=True, deadline=None, max_examples=100)
@given(grids, rois)
def test_the_strongest_comes_first(grid, area):
    peaks = [region.peak for region in find_regions(grid, 1.0, area)]
    assert peaks == sorted(peaks, reverse=True)
    assert not peaks or peaks[0] == grid.max()


def isolated(side):
    """`(side, side)` grid of patches above 1.0 of which none touches another."""
    grid = np.zeros((side, side), np.float32)
    grid[::2, ::2] = np.random.default_rng(0).uniform(2, 9, (side // 2, side // 2))
    return grid


def test_many_regions_come_to_an_end():
    """The search once grew with the square of the patches: CPU seconds, of which these take one, were more than 60."""
    grid, began = isolated(512), time.thread_time()
    assert len(find_regions(grid, 1.0, WHOLE)) == 256**2
    assert time.thread_time() - began < 30


def connected(anomalous):
    """The patches of every region, by a search from each patch that no region has yet, row by row."""
    left = [tuple(patch) for patch in np.argwhere(anomalous).tolist()]
    while left:
        reached, waiting = {left[0]}, [left[0]]
        while waiting:
            row, column = waiting.pop()
            near = [patch for patch in left if abs(patch[0] - row) <= 1 and abs(patch[1] - column) <= 1]
            waiting += [patch for patch in near if patch not in reached]
            reached |= set(near)
        yield sorted(reached)
        left = [patch for patch in left if patch not in reached]


@settings(derandomize=True, deadline=None, max_examples=200)
@given(grids, st.integers(0, 5))
def test_order_and_peaks_are_those_of_a_plain_search(grid, threshold):
    """Equal peaks are frequent here: a region's first patch has it, and of equal regions the upper, then the left."""
    area = Roi(y_px=0, x_px=0, height_px=10 * grid.shape[0], width_px=10 * grid.shape[1])
    expected = []
    for patches in connected(grid > threshold):
        row, column = max(patches, key=lambda patch: grid[patch])  # the first of equal ones
        top, left = (min(patch[axis] for patch in patches) for axis in (0, 1))
        expected.append((-float(grid[row, column]), 10 * top, 10 * left, 10 * row + 5, 10 * column + 5, len(patches)))
    expected.sort(key=lambda facts: facts[:3])
    found = [
        (-its.peak, its.y_px, its.x_px, its.peak_y_px, its.peak_x_px, round(its.area_share * grid.size))
        for its in find_regions(grid, float(threshold), area)
    ]
    assert found == expected


WHOLE = Roi(y_px=0, x_px=0, height_px=40, width_px=30)


def test_nothing_above_the_threshold_is_no_region():
    assert find_regions(np.full((4, 3), 2.0, np.float32), 2.0, WHOLE) == ()


def test_everything_above_the_threshold_is_one_region():
    (region,) = find_regions(np.full((4, 3), 2.0, np.float32), 1.9, WHOLE)
    assert (region.y_px, region.x_px, region.height_px, region.width_px) == (0, 0, 40, 30)
    assert region.area_share == 1.0


def test_patches_that_touch_at_a_corner_are_one_region_and_those_apart_are_two():
    grid = np.zeros((4, 3), np.float32)
    grid[0, 0] = grid[1, 1] = 3.0
    grid[3, 2] = 5.0
    far, near = find_regions(grid, 1.0, WHOLE)
    assert (far.peak, far.y_px, far.x_px, far.height_px, far.width_px) == (5.0, 30, 20, 10, 10)
    assert (near.y_px, near.x_px, near.height_px, near.width_px, near.area_share) == (0, 0, 20, 20, 2 / 12)
    assert (far.peak_y_px, far.peak_x_px) == (35, 25)


def test_a_region_of_interest_moves_the_boxes():
    grid = np.zeros((4, 3), np.float32)
    grid[2, 1] = 3.0
    (here,) = find_regions(grid, 1.0, WHOLE)
    (there,) = find_regions(grid, 1.0, dataclasses.replace(WHOLE, y_px=100, x_px=7))
    moved = {"y_px": here.y_px + 100, "x_px": here.x_px + 7}
    peak = {"peak_y_px": here.peak_y_px + 100, "peak_x_px": here.peak_x_px + 7}
    assert there == dataclasses.replace(here, **moved, **peak)


@pytest.mark.parametrize(
    ("rows", "height_px", "row", "begin", "end"), [(24, 200, 14, 116, 125), (22, 30, 11, 15, 17), (28, 36, 20, 25, 27)]
)
def test_rounding_moves_no_edge_by_a_pixel(rows, height_px, row, begin, end):
    """15 * (200 / 24) is a little more than 125 in floating point."""
    grid = np.zeros((rows, rows), np.float32)
    grid[row, row] = 3.0
    (region,) = find_regions(grid, 1.0, Roi(y_px=0, x_px=0, height_px=height_px, width_px=height_px))
    assert (region.y_px, region.y_px + region.height_px) == (begin, end)
    assert (region.x_px, region.x_px + region.width_px) == (begin, end)


def test_a_frame_with_fewer_pixels_than_patches_has_boxes_of_a_pixel():
    grid = np.zeros((9, 9), np.float32)
    grid[4, 8] = 3.0
    (region,) = find_regions(grid, 1.0, Roi(y_px=0, x_px=0, height_px=3, width_px=2))
    assert (region.y_px, region.x_px, region.height_px, region.width_px) == (1, 1, 1, 1)


def test_an_inspection_has_the_regions_of_its_grid_and_threshold(inspector):
    inspection = inspector.inspect(draw_defect(1000))
    assert inspection.pixel_threshold == inspector.calibration.pixel_threshold
    assert len(inspection.regions) == len(labelled(inspection.grid, inspection.pixel_threshold)) > 0
    strongest = inspection.regions[0]
    assert strongest.peak == inspection.grid.max()
    # where the hole lies
    assert 9 <= strongest.peak_y_px < 15
    assert 6 <= strongest.peak_x_px < 12


def test_a_region_of_interest_places_an_inspections_regions_in_the_frame(inspector):
    roi = Roi(y_px=5, x_px=3, height_px=12, width_px=9)
    inspection = inspector.inspect(draw_defect(3))
    inspection = dataclasses.replace(inspection, frame_spec=dataclasses.replace(inspection.frame_spec, roi=roi))
    assert inspection.regions == find_regions(inspection.grid, inspection.pixel_threshold, roi)


def test_most_good_parts_have_no_region(inspector):
    assert sum(bool(inspector.inspect(draw_good(2000 + seed)).regions) for seed in range(20)) <= 6


def test_the_patches_of_regions_are_exact(built_bundle):
    inspector = Inspector.load(built_bundle)
    inspector.pixel_threshold = 1.0  # many patches above
    for seed in range(4):
        frame = draw_defect(seed)
        inspection = inspector.inspect(frame)
        exact = inspector.bank.exact_distances(inspector.backbone.embed(frame))
        scores = ((exact - inspector.calibration.mean) / inspector.calibration.std).reshape(8, 8)
        assert (scores > 1.0).sum() > 3
        np.testing.assert_array_equal(inspection.grid > 1.0, scores > 1.0)
        np.testing.assert_allclose(inspection.grid[scores > 1.0], scores[scores > 1.0], rtol=1e-6)
