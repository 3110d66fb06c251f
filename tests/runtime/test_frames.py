"""Every way a frame can be wrong, and the odd ones that are fine."""

import dataclasses

import numpy as np
import pytest

from goodpart.errors import FrameError
from goodpart.facts.spec import Roi
from goodpart.scoring.inspection import Verdict
from small_frames import draw_defect, draw_good
from small_parts import GRAY, RGB, THERMAL

GOOD = draw_good(77)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (None, "NoneType"),
        ([[1, 2], [3, 4]], "list"),
        ("frame.png", "str"),
        (GOOD.astype(np.float32), "dtype float32"),
        (GOOD.astype(np.int64), "dtype int64"),
        (GOOD.astype(np.uint16), "dtype uint16"),
        (GOOD > 100, "dtype bool"),
        (GOOD.astype(object), "dtype object"),
        (GOOD.astype(np.complex64), "dtype complex64"),
        (GOOD[:, :, 0], "shape (24, 18)"),
        (GOOD[:, :, :1], "shape (24, 18, 1)"),
        (np.concatenate([GOOD, GOOD[:, :, :1]], axis=2), "shape (24, 18, 4)"),
        (GOOD[np.newaxis], "shape (1, 24, 18, 3)"),
        (GOOD[:0], "shape (0, 18, 3)"),
        (GOOD[:, :0], "shape (24, 0, 3)"),
        (np.uint8(3), "uint8"),
    ],
)
def test_a_frame_that_is_not_what_the_bundle_declares(inspector, frame, words):
    with pytest.raises(FrameError) as caught:
        inspector.inspect(frame)
    assert "expected" in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64])
def test_a_non_finite_frame_is_called_so(inspector, value, dtype):
    frame = GOOD.astype(dtype)
    frame[0, 0, 0] = value
    with pytest.raises(FrameError, match="NaN or infinite"):
        inspector.inspect(frame)


def test_a_masked_frame_is_refused(inspector):
    """Some of its pixels do not count, and the graph would count them."""
    with pytest.raises(FrameError, match="MaskedArray"):
        inspector.inspect(np.ma.masked_array(GOOD, mask=GOOD > 200))


def test_a_frame_in_the_other_byte_order_is_refused(one_of_each):
    backbone = one_of_each[2].backbone
    frame = np.arange(2000, dtype=np.uint16).reshape(50, 40)
    swapped = frame.astype(frame.dtype.newbyteorder())
    np.testing.assert_array_equal(frame, swapped)
    with pytest.raises(FrameError, match="expected uint16"):
        backbone.embed(swapped)
    assert backbone.embed(frame).shape == (64, 8)


@pytest.mark.parametrize("shape", [(1, 2, 3), (2, 1, 3), (1, 5000, 3), (5000, 1, 3)])
def test_the_thinnest_frames_have_a_finite_score_and_a_map(inspector, shape):
    frame = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    inspection = inspector.inspect(frame)
    assert np.isfinite(inspection.score)
    assert inspection.verdict is not Verdict.UNKNOWN
    assert inspection.anomaly_map().shape == shape[:2]


def test_a_memory_mapped_frame_is_fine(inspector, tmp_path):
    np.save(tmp_path / "x.npy", GOOD)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(inspector.inspect(mapped).grid, inspector.inspect(GOOD).grid)


@pytest.mark.parametrize(("which", "spec"), [(1, GRAY), (2, THERMAL)])
def test_gray_bundles_refuse_colour_and_other_dtypes(one_of_each, which, spec):
    backbone = one_of_each[which].backbone
    right = np.full((50, 40), 7, spec.dtype.value)
    assert backbone.embed(right).shape == (64, 8)
    other = np.uint16 if spec is GRAY else np.uint8
    for wrong in (
        right.astype(other),
        np.repeat(right[:, :, np.newaxis], 3, axis=2),
        right[:, :, np.newaxis],
        right[0],
    ):
        with pytest.raises(FrameError):
            backbone.embed(wrong)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: np.asfortranarray(frame),
        lambda frame: np.repeat(np.repeat(frame, 2, axis=0), 2, axis=1)[::2, ::2],
        lambda frame: np.ascontiguousarray(frame[::-1, ::-1])[::-1, ::-1],
        lambda frame: np.ascontiguousarray(frame[:, :, ::-1])[:, :, ::-1],
        lambda frame: np.ascontiguousarray(frame.transpose(1, 0, 2)).transpose(1, 0, 2),
    ],
)
def test_memory_order_makes_no_difference(inspector, change):
    frame = change(GOOD)
    np.testing.assert_array_equal(frame, GOOD)
    np.testing.assert_array_equal(inspector.inspect(frame).grid, inspector.inspect(GOOD).grid)


def test_a_read_only_frame_is_fine_and_no_frame_is_changed(inspector):
    frame = GOOD.copy()
    frame.flags.writeable = False
    assert inspector.inspect(frame).score == inspector.inspect(GOOD).score
    before = GOOD.copy()
    inspector.inspect(GOOD)
    np.testing.assert_array_equal(GOOD, before)


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("shape", [(1, 1, 3), (24, 18, 3), (1000, 3, 3)])
def test_a_constant_frame_is_unknown_with_a_reason(inspector, value, shape):
    inspection = inspector.inspect(np.full(shape, value, np.uint8))
    assert inspection.verdict is Verdict.UNKNOWN
    assert "no signal" in inspection.reason
    assert np.isfinite(inspection.score)


def test_a_constant_colour_is_unknown_too(inspector):
    frame = np.zeros((24, 18, 3), np.uint8)
    frame[:] = (10, 20, 30)
    assert inspector.inspect(frame).verdict is Verdict.UNKNOWN
    frame[23, 12:, 2] = 36
    assert inspector.inspect(frame).verdict is not Verdict.UNKNOWN


def test_only_the_region_of_interest_decides_whether_there_is_signal():
    roi = dataclasses.replace(RGB, roi=Roi(y_px=0, x_px=0, height_px=10, width_px=10))
    frame = GOOD.copy()
    frame[:10, :10] = 5
    np.testing.assert_array_equal(roi.inspected(frame), frame[:10, :10])


def test_good_and_defective_parts(inspector):
    good, defect = inspector.inspect(draw_good(1000)), inspector.inspect(draw_defect(1000))
    assert good.verdict is Verdict.GOOD
    assert good.reason is None
    assert good.margin < 0
    assert defect.verdict is Verdict.DEFECT
    assert defect.margin > 0
    assert defect.p_value == pytest.approx(1 / 17)
    assert defect.p_value < good.p_value <= 1


def test_maps_have_the_frames_size_and_point_at_the_defect(inspector):
    inspection = inspector.inspect(draw_defect(1000))
    assert inspection.grid.shape == (8, 8)
    assert not inspection.grid.flags.writeable
    shown = inspection.anomaly_map()
    assert shown.shape == inspection.calibrated_map().shape == (24, 18)
    assert shown.dtype == np.float32
    assert 0 <= shown.min() <= shown.max() <= 1
    changed = inspection.calibrated_map() - inspector.inspect(draw_good(1000)).calibrated_map()
    weight = np.maximum(changed, 0)
    y, x = (np.average(axis, weights=weight) for axis in np.mgrid[0:24, 0:18])
    assert (y, x) == pytest.approx((12, 9), abs=2)  # the middle of the hole


def test_a_map_with_a_region_of_interest_covers_the_frame(inspector):
    spec = dataclasses.replace(RGB, roi=Roi(y_px=5, x_px=3, height_px=12, width_px=9))
    inspection = dataclasses.replace(inspector.inspect(draw_defect(3)), frame_spec=spec)
    shown = inspection.calibrated_map()
    assert shown.shape == (24, 18)
    alone = dataclasses.replace(inspection, frame_spec=RGB, frame_height_px=12, frame_width_px=9)
    np.testing.assert_array_equal(shown[5:17, 3:12], alone.calibrated_map())
    shown[5:17, 3:12] = inspection.grid.min()
    assert (shown == inspection.grid.min()).all()
