"""Statistics of a frame say what changed of the picture, and a local defect does not move them."""

import dataclasses
import functools
import math
import tracemalloc

import numpy as np
import pytest

from goodpart.facts.checks import STATISTICS, FrameChecks, SizeRule
from goodpart.facts.no_signal import SignalRule
from goodpart.facts.spec import Channels, FrameSpec, PixelType, Roi
from goodpart.frames.checks import look_at, unfit_reason
from goodpart.frames.ranges import learn_ranges
from goodpart.frames.statistics import frame_statistics

RGB = FrameSpec(channels=Channels.RGB, dtype=PixelType.UINT8, value_range=None, roi=None)
BGR = dataclasses.replace(RGB, channels=Channels.BGR)
GRAY = dataclasses.replace(RGB, channels=Channels.GRAY)
THERMAL = FrameSpec(channels=Channels.GRAY, dtype=PixelType.UINT16, value_range=(1000, 5000), roi=None)


def draw(seed=0, *, noise=2.0, light=1.0, size=(240, 320)):
    """A disc on a ground with a soft shade and a colour cast."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    disc = np.hypot(y - size[0] / 2, x - size[1] / 2) < 0.4 * min(size)
    grey = 90.0 + 30.0 * (x / size[1]) + 40.0 * disc
    frame = np.stack([grey + 12.0, grey, grey - 6.0], axis=2)
    return np.clip(np.rint(light * frame + rng.normal(0, noise, frame.shape)), 0, 255).astype(np.uint8)


@functools.cache
def known():
    lights = np.random.default_rng(0).normal(1.0, 0.015, 30)
    return [frame_statistics(draw(seed, light=light), RGB) for seed, light in enumerate(lights)]


def checks(**changes):
    found = known()
    ranges = learn_ranges(STATISTICS, found, rate=0.001)
    facts = {"frames": len(found), "flagged": 0, "rate": 0.001, "ranges": ranges, "limits": ranges}
    return FrameChecks(**facts | changes)


def test_all_statistics_are_finite_and_have_their_names():
    found = frame_statistics(draw(), RGB)
    assert set(found) == {*STATISTICS, "row", "column"}
    assert all(map(math.isfinite, found.values()))
    grey = frame_statistics(draw()[:, :, 1].copy(), GRAY)
    assert set(found) - set(grey) == {"red", "blue", "colour"}


def test_values_are_what_their_names_say():
    found = frame_statistics(draw(noise=3.0), RGB)
    assert found["grey"] == pytest.approx(121, abs=2)
    assert found["red"] == pytest.approx(12, abs=0.7)
    assert found["blue"] == pytest.approx(-6, abs=0.7)
    assert math.exp(found["noise"]) == pytest.approx(3.0, rel=0.35)
    assert found["row"] == pytest.approx(0.5, abs=0.01)
    assert 0.51 < found["column"] < 0.55
    assert (found["black"], found["saturated"]) == (0.0, 0.0)


def test_red_and_blue_change_places_with_the_order_of_the_channels():
    frame = draw()
    assert frame_statistics(np.ascontiguousarray(frame[:, :, ::-1]), BGR) == pytest.approx(frame_statistics(frame, RGB))


@pytest.mark.parametrize("size_px", [20, 35])
@pytest.mark.parametrize("level", [0, 255])
def test_a_local_defect_leaves_a_frame_fit(size_px, level):
    frame = draw(100)
    frame[70 : 70 + size_px, 90 : 90 + size_px] = level
    assert look_at(frame, RGB, checks(), SignalRule.NOISE)[0] is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame * 0.8, "grey"),
        (lambda frame: frame * 1.25, "grey"),
        (lambda frame: frame * 0.7 + 60, "darker|brighter|less sharp|less coloured"),
        (lambda frame: frame * [1.1, 1.0, 0.9], "white balance"),
        (lambda frame: frame[:, :, ::-1], "white balance, lamp or order of the channels"),
        (lambda frame: frame.mean(axis=2, keepdims=True) + np.zeros(3), "less coloured|less red|more blue|less blue"),
        (lambda frame: (frame + np.roll(frame, 1, 1) + np.roll(frame, -1, 1)) / 3.0, "less sharp|less noise"),
        (lambda frame: frame + np.random.default_rng(9).normal(0, 4, frame.shape), "more noise"),
        (lambda frame: np.concatenate([frame[:120], np.roll(frame[120:], 100, 1)]), "two frames together"),
    ],
)
def test_a_changed_frame_is_unfit_and_the_reason_says_where_to_look(change, words):
    changed = np.clip(np.rint(change(draw(100).astype(float))), 0, 255).astype(np.uint8)
    reason, statistics = look_at(changed, RGB, checks(), SignalRule.NOISE)
    assert reason is not None
    assert any(word in reason for word in words.split("|")), reason
    assert "good parts have" in reason
    assert set(statistics) >= set(STATISTICS)


def test_no_signal_comes_before_the_checks_and_nothing_is_measured_without_ranges():
    black = np.zeros((240, 320, 3), np.uint8)
    assert look_at(black, RGB, checks(), SignalRule.NOISE)[0].startswith("no signal")
    assert look_at(draw(), RGB, None, SignalRule.NOISE) == (None, {})
    assert look_at(draw(), RGB, checks(ranges={}, limits={}), SignalRule.NOISE) == (None, {})


def test_a_nan_lies_outside():
    found = frame_statistics(draw(), RGB) | {"grey": math.nan}
    assert "grey nan" in unfit_reason(checks(), found, 240, 320)


def test_at_another_size_neighbouring_pixels_are_not_compared():
    rule = SizeRule(heights_px=(240, 240), widths_px=(320, 320), aspects=(0.75, 0.75), exact=False)
    whole = checks(size=rule)
    twice = draw(5).repeat(2, axis=0).repeat(2, axis=1)
    assert look_at(twice, RGB, whole, SignalRule.NOISE)[0] is None
    assert look_at(twice, RGB, dataclasses.replace(whole, size=None), SignalRule.NOISE)[0] is not None


@pytest.mark.parametrize("size", [(63, 400), (400, 63), (1, 1)])
def test_small_frames_have_no_statistics(size):
    assert frame_statistics(np.zeros((*size, 3), np.uint8), RGB) == {}


@pytest.mark.parametrize("size", [(64, 64), (65, 1000), (71, 67)])
def test_odd_sizes(size):
    assert all(map(math.isfinite, frame_statistics(draw(size=size), RGB).values()))


def test_the_region_of_interest_alone_counts():
    frame = draw()
    roi = Roi(y_px=40, x_px=60, height_px=100, width_px=120)
    inside = frame_statistics(np.ascontiguousarray(frame[40:140, 60:180]), RGB)
    around = frame.copy()
    around[:40] = 0
    assert frame_statistics(around, dataclasses.replace(RGB, roi=roi)) == inside


def test_a_uint16_frame_in_levels_of_its_range():
    frame = draw()[:, :, 1]
    levels = frame_statistics(frame, GRAY)
    scaled = np.rint(1000 + frame / 255 * 4000).astype(np.uint16)
    found = frame_statistics(scaled, THERMAL)
    for name in ("grey", "low", "high", "sharpness", "noise", "seam", "row", "column"):
        assert found[name] == pytest.approx(levels[name], abs=0.1), name


def test_frames_leave_nothing_behind():
    frames, rules = [draw(seed) for seed in range(3)], checks()

    def look(times):
        for number in range(times):
            look_at(frames[number % 3], RGB, rules, SignalRule.NOISE)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = look(30)
        assert look(200) - before < 5_000
    finally:
        tracemalloc.stop()
