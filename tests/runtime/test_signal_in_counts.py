"""Whether a uint16 frame shows anything is told by its own noise, in counts, and not by shares of the value range."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from goodpart.facts.no_signal import SignalRule, no_signal
from goodpart.facts.spec import Channels, FrameSpec, PixelType, Roi
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from small_thermal import draw_thermal

FIXTURES = Path(__file__).parents[1] / "fixtures"
WHOLE = FrameSpec(channels=Channels.GRAY, dtype=PixelType.UINT16, value_range=(0, 65535), roi=None)


def scene(spread, noise, *, level=8000, seed=0):
    """A smooth thermogram: warm blobs that span so many counts."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:96, 0:128] / 96
    smooth = np.exp(-((y - 0.4) ** 2 + (x - 0.5) ** 2) * 12) + 0.6 * np.exp(-((y - 0.7) ** 2 + (x - 1) ** 2) * 20)
    return np.rint(level + spread * smooth + rng.normal(0, noise, smooth.shape)).clip(0, 65535).astype(np.uint16)


def dead(noise, level, *, columns=0.0, seed=0):
    """A closed shutter: one value, with noise, and perhaps with columns that differ."""
    rng = np.random.default_rng(seed)
    frame = level + rng.normal(0, noise, (96, 128)) + rng.normal(0, 1, (1, 128)) * columns * noise
    return np.rint(frame).clip(0, 65535).astype(np.uint16)


@pytest.mark.parametrize(("spread", "noise"), [(12, 0.1), (30, 0.5), (60, 1), (400, 3), (30_000, 20)])
@pytest.mark.parametrize("value_range", [(0, 65535), (7900, 9000)])
def test_a_scene_of_few_counts_has_a_signal(spread, noise, value_range):
    assert no_signal(scene(spread, noise), dataclasses.replace(WHOLE, value_range=value_range)) is None


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.3, 0.5, 1, 4, 30, 200])
@pytest.mark.parametrize("level", [0, 3, 8000, 65530, 65535])
@pytest.mark.parametrize("columns", [0.0, 2.0])
def test_a_closed_shutter_has_none(noise, level, columns):
    frame = dead(noise, level, columns=columns)
    reason = no_signal(frame, WHOLE)
    assert reason is not None
    assert reason.startswith("no signal: ")
    frame[5, :12] = 30_000  # hot pixels: twelve of 12,288
    assert no_signal(frame, WHOLE) is not None


@pytest.mark.parametrize(
    ("frame", "word"),
    [
        (dead(3, 0), "black"),
        (dead(3, 65535), "saturated"),
        (dead(3, 9000), "flat: its values lie within 19 of each other"),
        (np.zeros((40, 40), np.uint16), "every pixel is 0"),
        (np.full((40, 40), 65535, np.uint16), "every pixel is 65535"),
    ],
)
def test_the_reason_names_the_end(frame, word):
    assert word in no_signal(frame, WHOLE)


def test_format_1_keeps_shares_of_the_range():
    frame = scene(200, 1)
    assert no_signal(frame, WHOLE) is None
    assert "flat" in no_signal(frame, WHOLE, SignalRule.RANGE)
    with Inspector.load(FIXTURES / "bars" / "thermal", threads=1) as inspector:
        narrow = (draw_thermal(1) // 64 + 3000).astype(np.uint16)  # 25 counts of 4,000
        found = inspector.inspect(narrow)
    assert found.verdict is Verdict.UNKNOWN
    assert "the frame is flat; check light" in found.reason


def test_format_2_compares_with_the_noise():
    with Inspector.load(FIXTURES / "format_2_thermal", threads=1) as inspector:
        inspector.checks = None  # some of these frames have another size than the good ones
        narrow = (draw_thermal(1) // 64 + 3000).astype(np.uint16)
        assert inspector.inspect(narrow).verdict is not Verdict.UNKNOWN
        for frame in (dead(2, 3000), dead(2, 3000, columns=2), np.zeros((24, 18), np.uint16), dead(0, 65535)):
            found = inspector.inspect(frame)
            assert found.verdict is Verdict.UNKNOWN
            assert found.reason.startswith("no signal: ")


@pytest.mark.parametrize(("level", "word"), [(500, "black"), (60_000, "saturated")])
def test_a_scene_outside_the_value_range_cannot_be_judged(level, word):
    """All of it becomes black or white, so the network sees nothing."""
    spec = dataclasses.replace(WHOLE, value_range=(7900, 9000))
    assert f"the frame is {word}: its pixels are at or" in no_signal(scene(2000, 2, level=level), spec)
    partly = scene(2000, 2, level=level)
    partly[:20] = 8500
    assert no_signal(partly, spec) is None


def test_only_the_region_of_interest_counts():
    frame = scene(2000, 2)
    frame[:40, :40] = dead(2, 8000)[:40, :40]
    assert no_signal(frame, WHOLE) is None
    spec = dataclasses.replace(WHOLE, roi=Roi(y_px=0, x_px=0, height_px=40, width_px=40))
    assert no_signal(frame, spec) is not None


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 300), (300, 1), (2, 2), (3, 3), (2, 200)])
def test_frames_too_small_for_noise(shape):
    frame = np.full(shape, 8000, np.uint16)
    frame[-1, -1] += 3
    assert no_signal(frame, WHOLE) is not None
    if frame.size > 1:
        frame[-1, -1] = 20_000
        assert no_signal(frame, WHOLE) is None


def test_eight_bit_frames_keep_their_rule():
    spec = FrameSpec(channels=Channels.GRAY, dtype=PixelType.UINT8, value_range=None, roi=None)
    frame = np.full((50, 50), 100, np.uint8)
    frame[::2] = 104
    for rule in SignalRule:
        assert "flat" in no_signal(frame, spec, rule)
    frame[::2] = 105
    for rule in SignalRule:
        assert no_signal(frame, spec, rule) is None
