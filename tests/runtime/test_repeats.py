"""Copies of old frames are repeats, however they were made; new frames of a part that stands still are none."""

import functools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goodpart.frames.repeats import RecentFrames, Thumbnail

SEVERAL = settings(
    max_examples=8, derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
SEEDS = st.integers(0, 2**32 - 1)
NOISES = st.floats(0.4, 4.0)
SIDE_PX = 256


@functools.lru_cache(maxsize=32)
def scene(number, *, grey=False):
    """`(256, 256, 3) float` blobs on a shaded ground, as a lens shows them; others for every number."""
    rng = np.random.default_rng(number)
    rows, columns = np.mgrid[:SIDE_PX, :SIDE_PX] / SIDE_PX
    picture = np.stack([60 + 50 * rows + 40 * columns * rng.random() for _ in range(1 if grey else 3)], axis=2)
    for _ in range(10):
        row, column, size = rng.random(), rng.random(), 0.04 + 0.1 * rng.random()
        blob = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * size**2))
        picture += blob[:, :, np.newaxis] * rng.uniform(-60, 60, picture.shape[2])
    return picture[:, :, 0] if grey else picture


def several(seed, count, noise, rng, *, grey=False, still=False):
    """So many frames, of one part or of as many."""
    return [seen(scene((seed + index * (not still)) % 12, grey=grey), noise, rng) for index in range(count)]


def seen(picture, noise, rng, dtype=np.uint8):
    """What a sensor with noise makes of a picture."""
    return np.clip(np.rint(picture + rng.normal(0, noise, picture.shape)), 0, np.iinfo(dtype).max).astype(dtype)


def compressed(frame, quality):
    """The frame as a JPEG of this quality gives it back, without its colours' coarser grid."""
    size = 8
    cosines = np.cos(np.pi * (2 * np.arange(size) + 1) * np.arange(size)[:, np.newaxis] / 16) / 2
    cosines[0] /= np.sqrt(2)
    table = np.fromfunction(lambda row, column: 12 + 6 * (row + column), (size, size))  # close to the standard's
    steps = np.maximum(1, np.rint(table * (200 - 2 * quality if quality >= 50 else 5000 / quality) / 100))
    grid = SIDE_PX // size
    blocks = frame.astype(float).reshape(grid, size, grid, size, -1).transpose(0, 2, 4, 1, 3)
    kept = np.rint(cosines @ (blocks - 128) @ cosines.T / steps) * steps
    back = (cosines.T @ kept @ cosines + 128).transpose(0, 3, 1, 4, 2).reshape(frame.shape)
    return np.clip(np.rint(back), 0, 255).astype(np.uint8)


@SEVERAL
@given(SEEDS, NOISES, st.booleans())
def test_a_part_that_stands_still_repeats_nothing(seed, noise, grey):
    rng, recent = np.random.default_rng(seed), RecentFrames(8, noise=None)
    picture = scene(seed % 12, grey=grey)
    for _ in range(12):
        assert recent.take(seen(picture, noise, rng)) == []
    # another part, under a lamp that flickers and a stand that trembles
    picture = scene((seed + 1) % 12, grey=grey)
    for _ in range(12):
        moved = np.roll(picture, rng.integers(0, 2), axis=0) * rng.uniform(0.98, 1.02)
        assert recent.take(seen(moved, noise, rng)) == []


@SEVERAL
@given(SEEDS, NOISES, st.booleans(), st.integers(1, 8), st.booleans())
def test_copies_are_repeats(seed, noise, grey, age, still):
    rng, recent = np.random.default_rng(seed), RecentFrames(8, noise=None)
    frames = several(seed, 9, noise, rng, grey=grey, still=still)
    for frame in frames:
        assert recent.take(frame) == []
    old = frames[-age]
    stamped = old.copy()
    stamped[:24, :120] = rng.integers(0, 256, stamped[:24, :120].shape)
    darker = np.where(old > 10, old - 5, old).astype(np.uint8)
    assert recent.take(old) == [age]
    assert recent.take(stamped)[0] == 1
    assert recent.take(darker)[:2] == [1, 2]


@SEVERAL
@given(SEEDS, st.floats(0.6, 3.0), st.booleans(), st.sampled_from([60, 75, 85, 90]), st.booleans())
def test_a_copy_that_was_compressed_again_is_a_repeat(seed, noise, grey, quality, still):
    rng, recent = np.random.default_rng(seed), RecentFrames(8, noise=None)
    frames = several(seed, 5, noise, rng, grey=grey, still=still)
    for frame in frames:
        assert recent.take(frame) == []
    assert 2 in recent.take(compressed(frames[-2], quality))


@SEVERAL
@given(SEEDS, st.floats(1.0, 3.0), st.booleans())
def test_a_copy_that_was_decoded_in_another_way_is_a_repeat(seed, noise, still):
    rng, recent = np.random.default_rng(seed), RecentFrames(8, noise=None)
    frames = several(seed, 5, noise, rng, still=still)
    for frame in frames:
        recent.take(frame)
    rounded = frames[-1] + rng.choice([-1, 0, 1], frames[-1].shape, p=[0.1, 0.8, 0.1])
    assert recent.take(np.clip(rounded, 0, 255).astype(np.uint8)) == [1]


def test_a_rough_surface_teaches_that_the_noise_is_lower():
    rng, recent = np.random.default_rng(0), RecentFrames(8, noise=None)
    surface = scene(0) + rng.normal(0, 12, (SIDE_PX, SIDE_PX, 3))
    told = [bool(recent.take(seen(surface, 1.0, rng))) for _ in range(12)]
    # the second one cannot be known yet
    assert told == [False, True] + 10 * [False]
    assert not any(RecentFrames(8, noise=1.0).take(seen(surface, 1.0, rng)) for _ in range(3))


def test_a_given_noise_is_believed():
    rng, surface = np.random.default_rng(0), scene(0) + np.random.default_rng(1).normal(0, 12, (SIDE_PX, SIDE_PX, 3))
    frames = [seen(surface, 1.0, rng) for _ in range(3)]
    for noise, repeats in ((1.0, []), (0.0, []), (4.0, [1, 2])):
        recent = RecentFrames(8, noise=noise)
        assert [recent.take(frame) for frame in frames][-1] == repeats
    exact = RecentFrames(8, noise=0.0)
    exact.take(frames[0])
    assert exact.take(compressed(frames[0], 75)) == []
    assert exact.take(frames[0]) == [2]


def test_thermal_frames_of_sixteen_bits():
    rng, recent = np.random.default_rng(0), RecentFrames(8, noise=None)
    picture = 20000 + 30 * scene(0, grey=True)
    frames = [seen(picture, 8.0, rng, np.uint16) for _ in range(6)]
    assert [recent.take(frame) for frame in frames] == [[]] * 6
    assert recent.take(frames[3]) == [3]


def test_clipped_patches_say_nothing():
    """A part before a lamp: nine tenths of the frame are white and equal in every frame."""
    rng, recent = np.random.default_rng(0), RecentFrames(8, noise=None)
    picture = np.full((SIDE_PX, SIDE_PX, 3), 400.0)
    picture[96:176, 96:176] = scene(0)[96:176, 96:176]
    frames = [seen(picture, 1.0, rng) for _ in range(6)]
    assert [recent.take(frame) for frame in frames] == [[]] * 6
    assert recent.take(frames[0]) == [6]


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1), (2, 3), (3, 9, 3), (5, 400), (700, 6, 3), (33, 31)])
def test_frames_of_any_size(shape):
    rng, recent = np.random.default_rng(0), RecentFrames(4, noise=None)
    frames = [rng.integers(0, 256, shape).astype(np.uint8) for _ in range(3)]
    assert [recent.take(frame) for frame in (*frames, frames[1])] == [[], [], [], [2]]
    assert recent.take(frames[0].astype(np.uint16)) == []


def test_a_thumbnail_keeps_nothing_of_the_buffer():
    buffer = seen(scene(0), 1.0, np.random.default_rng(0))
    thumbnail = Thumbnail.of(buffer, None)
    kept = [value.copy() for value in vars(thumbnail).values() if isinstance(value, np.ndarray)]
    buffer[:] = 0
    now = [value for value in vars(thumbnail).values() if isinstance(value, np.ndarray)]
    assert all(np.array_equal(one, other) for one, other in zip(kept, now, strict=True))
    assert all(value.base is None or value.base.nbytes < 64_000 for value in now)
