"""The replay source: a folder of images in the place of a camera."""

import numpy as np
import pytest

from goodpart import UsageError
from goodpart_station.sources.replay import ReplaySource
from small_frames import draw_small
from station_parts import Wants, part_of


@pytest.fixture(scope="module")
def wants():
    return Wants()


@pytest.fixture
def images(tmp_path):
    (tmp_path / "images" / "below").mkdir(parents=True)
    for number in range(4):
        np.save(tmp_path / "images" / "below" / f"{number}.npy", draw_small(number))
    return tmp_path / "images"


def taken(source, count, stream=None):
    found = []
    for frame in stream or source.frames():
        if frame is not None:
            found.append(frame)
            source.done(frame)
        if len(found) == count:
            break
    return found


def test_images_come_in_order_and_again(images, wants):
    source = ReplaySource(images, wanted=wants, triggered=False)
    found = taken(source, 6)
    assert [frame.name for frame in found] == [
        "below/0.npy",
        "below/1.npy",
        "below/2.npy",
        "below/3.npy",
        "below/0.npy",
        "below/1.npy",
    ]
    assert np.array_equal(found[5].pixels, draw_small(1))
    assert (source.simulated, source.repeats) == (True, True)


def test_the_next_one_waits_until_the_last_is_judged(images, wants):
    source = ReplaySource(images, wanted=wants, triggered=False)
    stream = source.frames()
    first = next(stream)
    assert next(stream) is None
    source.done(first)
    assert next(stream).name == "below/1.npy"


def test_it_ends_if_it_does_not_repeat(images, wants):
    source = ReplaySource(images, wanted=wants, triggered=False, repeat=False)
    assert len(taken(source, 99)) == 4
    assert not source.repeats


def test_passes_of_a_shuffle_differ_and_replays_do_not(images, wants):
    names = [
        [frame.name for frame in taken(ReplaySource(images, wanted=wants, triggered=False, shuffle=True), 12)]
        for _ in range(2)
    ]
    assert names[0] == names[1]
    passes = [names[0][start : start + 4] for start in (0, 4, 8)]
    assert all(sorted(one) == [f"below/{number}.npy" for number in range(4)] for one in passes)
    assert len({tuple(one) for one in passes}) > 1


def test_at_a_rate_it_does_not_wait_for_the_judge(images, wants):
    stream = ReplaySource(images, wanted=wants, triggered=False, rate=1e6).frames()
    found = [frame for _, frame in zip(range(50), stream, strict=False) if frame is not None]
    assert len(found) > 4
    assert [frame.at_ns for frame in found] == sorted(frame.at_ns for frame in found)


def test_a_rate_is_kept(images, wants, monkeypatch):
    clock, slept = [0.0], []

    def pause(wait_s):
        slept.append(wait_s)
        clock[0] += wait_s

    monkeypatch.setattr("goodpart_station.sources.replay.pause", pause)
    monkeypatch.setattr("goodpart_station.sources.replay.time.monotonic", lambda: clock[0])
    source = ReplaySource(images, wanted=wants, triggered=False, rate=5.0)
    at_s = []
    for frame in source.frames():
        if frame is not None:
            at_s.append(clock[0])
        if len(at_s) == 2:
            clock[0] += 0.7  # nothing was judged for so long
        if len(at_s) == 5:
            break
    assert at_s == pytest.approx([0.0, 0.2, 0.9, 0.9, 1.1], abs=1e-6)
    assert max(slept) <= 0.05


def test_each_trigger_gets_the_next_image(images, wants):
    source = ReplaySource(images, wanted=wants, triggered=True)
    stream = source.frames()
    assert next(stream) is None
    source.trigger(part_of(1))
    source.trigger(part_of(2))
    assert [frame.name for frame in taken(source, 2, stream)] == ["below/0.npy", "below/1.npy"]
    assert next(stream) is None


def test_dim_and_defocus_change_the_pixels(images, wants):
    dimmed = taken(ReplaySource(images, wanted=wants, triggered=False, dim=0.5), 1)[0].pixels
    assert dimmed.dtype == np.uint8
    assert np.abs(dimmed - draw_small(0) / 2).max() <= 0.5
    bright = taken(ReplaySource(images, wanted=wants, triggered=False, dim=9.0), 1)[0].pixels
    assert bright.max() == 255
    blurred = taken(ReplaySource(images, wanted=wants, triggered=False, defocus=2.0), 1)[0].pixels
    assert blurred.shape == (24, 18, 3)
    assert np.abs(np.diff(blurred.astype(int), axis=1)).sum() < np.abs(np.diff(draw_small(0).astype(int), axis=1)).sum()


def test_a_folder_without_images_is_refused_at_once(tmp_path, wants):
    with pytest.raises(UsageError, match="expected images"):
        ReplaySource(tmp_path, wanted=wants, triggered=False)
