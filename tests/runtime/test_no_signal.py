"""Frames that show nothing: UNKNOWN with a reason, up to exactly the documented limits and no further."""

import numpy as np
import pytest

from goodpart.scoring.inspection import Verdict
from small_frames import draw_small

# value_range of the thermal bundle: 1000 to 5000, so that a level is 15.7 wide
ENDS = [(0, "black", 0, 4, 5), (0, "saturated", 255, 251, 250), (0, "flat", 100, 104, 105), (0, "flat", 100, 96, 95)]
THERMAL_ENDS = [(2, "black", 1000, 1078, 1079), (2, "saturated", 5000, 4938, 4937)]


def frame_of(inspector, value, shape=(100, 100)):
    spec = inspector.backbone.spec.frame
    return np.full(shape if spec.channels.value == "GRAY" else (*shape, 3), value, spec.dtype.value)


def noise(low, high, shape, seed=0):
    return np.random.default_rng(seed).integers(low, high + 1, shape).astype(np.uint8)


def unknown(inspector, frame, *words):
    found = inspector.inspect(frame)
    assert found.verdict is Verdict.UNKNOWN
    assert found.reason.startswith("no signal: ")
    for word in words:
        assert word in found.reason
    assert np.isfinite(found.score)
    assert np.isfinite(found.grid).all()


def judged(inspector, frame):
    found = inspector.inspect(frame)
    assert found.verdict in (Verdict.GOOD, Verdict.DEFECT)
    assert found.reason is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 999), (999, 1), (24, 18), (17, 1000)])
@pytest.mark.parametrize("low", [0, 253])
def test_a_dark_or_overexposed_cameras_noise(one_of_each, shape, low):
    word = "black" if low == 0 else "saturated"
    frame = noise(low, low + 2, (*shape, 3))
    unknown(one_of_each[0], frame, "every pixel is" if shape == (1, 1) else word)
    unknown(one_of_each[1], frame[:, :, 0], "no signal")


@pytest.mark.parametrize(("which", "word", "end", "last_dead", "first_alive"), ENDS + THERMAL_ENDS)
def test_exactly_at_the_limits(one_of_each, which, word, end, last_dead, first_alive):
    """Four levels, and one pixel in a thousand."""
    inspector = one_of_each[which]
    frame = frame_of(inspector, end)
    frame[::2] = last_dead
    unknown(inspector, frame, word)
    frame[5, :10] = first_alive  # ten of ten thousand
    unknown(inspector, frame, word)
    frame[6, 10] = first_alive
    judged(inspector, frame)
    frame[:] = first_alive
    unknown(inspector, frame, "every pixel is")
    frame[0, 0] += 1
    unknown(inspector, frame, "flat")


@pytest.mark.parametrize(("level", "spread"), [(16, 1), (64, 2), (128, 2), (200, 1)])
def test_a_covered_lens_above_black(one_of_each, level, spread):
    """Many cameras add an offset, so that dark noise is not cut off."""
    unknown(one_of_each[0], noise(level - spread, level + spread, (100, 100, 3)), "flat")


def test_a_plain_surface_in_light_is_a_picture(one_of_each):
    """Light itself has noise: at a sensor's usual 10,000 electrons, 1.3 levels of standard deviation in the middle."""
    shot = np.random.default_rng(0).normal(128, 1.8, (200, 200, 3))
    judged(one_of_each[0], np.round(shot).astype(np.uint8))


@pytest.mark.parametrize("rows", [[3], range(0, 100, 7), range(0, 96, 6)])
def test_hot_pixels_make_no_signal(one_of_each, rows):
    """Wherever they are, also in all of the rows that are looked at first."""
    for which, end, hot in ((0, 1, 255), (1, 254, 0), (2, 1000, 65535)):
        inspector = one_of_each[which]
        frame = frame_of(inspector, end, (100, 200))
        frame[0, 0] += 1 if end < 1000 and end > 1 else 0
        frame[list(rows)[:16], 77] = hot
        unknown(inspector, frame, "no signal")
        frame[list(rows), 70:100] = hot
        frame[1, :21] = hot
        judged(inspector, frame)


def test_each_channel_by_itself(one_of_each):
    inspector = one_of_each[0]
    part = draw_small(1)
    frame = part.copy()
    frame[:, :, 0] = 0
    frame[:, :, 1:] = 255
    frame[0, 0, 1] = 254
    unknown(inspector, frame, "black and saturated", "check light, exposure and camera")
    for dead in (0, 255):
        for channels in ([0], [1], [2], [0, 1], [0, 2], [1, 2]):
            frame = part.copy()
            frame[:, :, channels] = dead
            judged(inspector, frame)
        frame = np.full_like(part, dead)
        frame[0, 0, 1] = 77  # one of 432: more than a thousandth
        judged(inspector, frame)


def test_half_black_and_half_white_is_a_picture(one_of_each):
    frame = frame_of(one_of_each[1], 0)
    frame[50:] = 255
    judged(one_of_each[1], frame)


@pytest.mark.parametrize(("low", "high", "word"), [(0, 1000, "black"), (5000, 65535, "saturated"), (0, 1078, "black")])
def test_a_thermal_frame_outside_its_value_range(one_of_each, low, high, word):
    """The camera is set to another range, or looks at something else: all pixels become one end of it."""
    frame = np.random.default_rng(0).integers(low, high + 1, (24, 18)).astype(np.uint16)
    unknown(one_of_each[2], frame, word)


def test_a_thermal_frame_partly_outside_its_value_range(one_of_each):
    inspector = one_of_each[2]
    gray = draw_small(3)[:, :, 1].astype(np.uint16)
    assert inspector.inspect(gray * 16 + 1000).verdict is Verdict.GOOD
    unknown(inspector, gray, "black")  # 8-bit values in a 16-bit frame
    unknown(inspector, gray * 16 + 5000, "saturated")
    frame = gray * 16 + 1000
    frame[9:14, 5:12] = 65535
    assert inspector.inspect(frame).verdict is Verdict.DEFECT


def test_no_frame_is_too_large(one_of_each):
    """A hundred megapixels; a constant one is looked at in full."""
    cv2 = pytest.importorskip("cv2")
    # multiples of the network's 32x32 pixels, so that enlarging and reducing give the same picture again
    frame = cv2.resize(draw_small(100), (9_920, 10_240), interpolation=cv2.INTER_LINEAR)
    assert frame.nbytes > 300_000_000
    assert one_of_each[0].inspect(frame).verdict is Verdict.GOOD
    frame[4000:6000, 3000:7000] = (20, 220, 30)
    assert one_of_each[0].inspect(frame).verdict is Verdict.DEFECT
    frame[:] = 7
    unknown(one_of_each[0], frame, "every pixel is [7, 7, 7]")
