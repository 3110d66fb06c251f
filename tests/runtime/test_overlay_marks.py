"""What an overlay marks: where patches are above the pixel threshold, what is strongest, and what never counts."""

import dataclasses

import numpy as np
import pytest

from goodpart.facts.spec import Roi
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Inspection, Verdict
from small_frames import draw_small

HEIGHT_PX, WIDTH_PX = 240, 160
GREY = np.full((HEIGHT_PX, WIDTH_PX, 3), 100, np.uint8)
NOISE = np.random.default_rng(0).integers(0, 200, GREY.shape, dtype=np.uint8)


@pytest.fixture(scope="module")
def inspected(older) -> Inspection:
    with Inspector.load(older, threads=1) as inspector:
        return inspector.inspect(draw_small(100, defect=True))


def with_grid(inspected: Inspection, patches, *, verdict=Verdict.DEFECT, base=1.0, **changes) -> Inspection:
    """An inspection of a larger frame of 12 x 8 patches, with these scores at these places."""
    grid = np.full((12, 8), base, np.float32)
    for place, score in patches.items():
        grid[place] = score
    score = 4.5 if verdict is Verdict.DEFECT else 3.0
    return dataclasses.replace(
        inspected, grid=grid, verdict=verdict, score=score, threshold=4.0, pixel_threshold=6.0, smoothing=1.5,
        frame_height_px=HEIGHT_PX, frame_width_px=WIDTH_PX, **changes,
    )  # fmt: skip


def is_white(picture):
    return (picture == 255).all(axis=2)


def test_a_false_reject_has_a_contour_around_the_patch_that_smoothing_would_hide(inspected):
    shown = with_grid(inspected, {(5, 3): 6.01})
    assert shown.calibrated_map().max() < 4.0
    picture = shown.overlay(GREY)
    line = np.argwhere(is_white(picture))
    middle = np.array([5.5 * 20, 3.5 * 20])
    assert len(line) > 8
    assert np.abs(line - middle).max() < 20
    assert not is_white(picture)[110, 70]


def test_the_contour_lies_outside_of_what_is_above_the_pixel_threshold(inspected):
    shown = with_grid(inspected, {(row, column): 300.0 for row in (4, 5, 6) for column in (2, 3, 4)})
    line = is_white(shown.overlay(GREY))
    assert line.any()
    assert not line[80:140, 40:100].any()
    # a contour closes around the area
    assert line[:80].any()
    assert line[140:].any()
    assert line[:, :40].any()
    assert line[:, 100:].any()


def test_a_good_frame_below_the_threshold_is_shown_as_it_is(inspected):
    escape = with_grid(inspected, {(5, 3): 3.99}, verdict=Verdict.GOOD)
    np.testing.assert_array_equal(escape.overlay(NOISE, outlines=True), NOISE)


def test_a_defect_without_a_region_shows_its_strongest_patch(inspected):
    shown = with_grid(inspected, {(5, 3): 5.0, (9, 6): 4.9})
    assert shown.regions == ()
    picture = shown.overlay(GREY)
    yellow = (picture == (255, 230, 0)).all(axis=2)
    corners = np.argwhere(yellow)
    # the patch is 20 pixels wide; the corners surround an eighth of the frame, 30 pixels, with lines of 3
    assert corners.min(axis=0).tolist() == [92, 52]
    assert corners.max(axis=0).tolist() == [127, 87]
    # corners, no box: the middle of each side is open
    assert not yellow[109, 50:90].any()
    # a halo on both sides of a line
    assert (picture[91, 53:60] == 0).all()
    assert (picture[95, 57:60] == 0).all()
    # and the colour is there: what made the score is above the threshold
    assert (picture[110, 70] != 100).any()
    good = dataclasses.replace(shown, verdict=Verdict.GOOD)
    assert not (good.overlay(GREY) == (255, 230, 0)).all(axis=2).any()


def test_every_defect_changes_its_picture(inspected):
    rng = np.random.default_rng(3)
    for _ in range(50):
        grid = rng.normal(4.0, 1.0, (12, 8)).astype(np.float32)
        shown = dataclasses.replace(with_grid(inspected, {}), grid=grid)
        assert (shown.overlay(GREY) != GREY).any()


def test_three_hundred_sigmas_do_not_hide_the_part(inspected):
    shown = with_grid(inspected, {}, base=300.0)
    picture = shown.overlay(NOISE).astype(float)
    inside = np.s_[10:-10, 10:-10]
    for channel in range(3):
        seen = np.corrcoef(picture[inside][..., channel].ravel(), NOISE[inside][..., channel].ravel())[0, 1]
        assert seen > 0.99
        assert picture[inside][..., channel].std() > 0.45 * NOISE[inside][..., channel].std()


def test_colour_begins_at_the_threshold_that_this_device_holds(inspected):
    shown = with_grid(inspected, {}, base=5.0)
    assert (shown.overlay(GREY)[60, 60] != 100).any()
    moved = dataclasses.replace(shown, verdict=Verdict.GOOD, threshold=5.0, pixel_threshold=8.0)
    np.testing.assert_array_equal(moved.overlay(GREY), GREY)


@pytest.mark.parametrize("threshold", [-5.0, 0.0, 1e-9, 1e6])
def test_any_threshold_gives_a_scale_that_rises(inspected, threshold):
    shown = dataclasses.replace(with_grid(inspected, {}), threshold=threshold, pixel_threshold=threshold)
    scale = shown.colour_scale
    assert scale.begin == threshold < scale.full
    assert shown.overlay(NOISE).shape == NOISE.shape


def test_what_never_counts_is_striped(inspected):
    ignored = np.zeros((12, 8), bool)
    ignored[:, :4] = True
    shown = with_grid(inspected, {}, base=50.0, ignored=ignored)
    picture = shown.overlay(np.zeros_like(GREY))
    left, right = picture[:, :70], picture[:, 90:]
    assert set(np.unique(left)) == {0, 57}
    assert 0.4 < (left == 57).mean() < 0.6
    assert (right.max(axis=2) > 57).all()
    roi = Roi(y_px=0, x_px=80, height_px=HEIGHT_PX, width_px=80)
    spec = dataclasses.replace(shown.frame_spec, roi=roi)
    outside = dataclasses.replace(shown, ignored=None, frame_spec=spec).overlay(np.zeros_like(GREY))
    assert set(np.unique(outside[:, :70])) == {0, 57}


def test_a_caption_says_verdict_score_threshold_and_scale(inspected):
    shown = with_grid(inspected, {(5, 3): 6.5})
    assert shown.caption == (
        "DEFECT  score 4.50, threshold 4.00 sigmas", "colour from 4.00 to 12.00 sigmas; contour at 6.00",
    )  # fmt: skip
    lower = with_grid(inspected, {(5, 3): 5.25})
    assert lower.caption[-1] == "colour from 4.00 to 12.00 sigmas; corners: highest patch, 5.25"
    unknown = dataclasses.replace(shown, verdict=Verdict.UNKNOWN, reason="no signal: the frame is black")
    assert unknown.caption[1] == "no signal: the frame is black"
    passed = dataclasses.replace(shown, verdict=Verdict.GOOD, score=3.9)
    assert passed.caption[-1] == (
        "colour from 4.00 to 12.00 sigmas; contour at 6.00; highest patch 6.50, but the score is the mean of several"
    )
    close = dataclasses.replace(shown, score=4.0001)
    assert "score 4.0001, threshold 4.0000" in close.caption[0]
