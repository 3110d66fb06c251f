"""Painted defects: they change a frame where they may, and nowhere else."""

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.facts.spec import BackboneSpec, Channels, FrameSpec, GridSpec, PixelType, Roi
from goodpart_bank_builder.paint.painter import Kind, Painter
from small_network import small_spec
from small_parts import RGB, draw_good

GRAY16 = FrameSpec(channels=Channels.GRAY, dtype=PixelType.UINT16, value_range=(100, 4000), roi=None)


def spec_of(frame: FrameSpec = RGB, *, rows: int = 8, columns: int = 8) -> BackboneSpec:
    return dataclasses.replace(small_spec(frame), grid=GridSpec(rows=rows, columns=columns, dimension=8))


def painted(painter: Painter, frame: np.ndarray, seed: int):
    found = painter.paint(frame, draw_good(99), np.random.default_rng(seed))
    assert found is not None
    return found


@settings(derandomize=True, deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1))
def test_paint_changes_the_covered_cells_and_leaves_the_good_frame_alone(seed):
    good = draw_good(1)
    before = good.copy()
    found = painted(Painter(spec_of(), None), good, seed)
    assert (good == before).all()
    assert found.frame.shape == good.shape
    assert found.frame.dtype == good.dtype
    change = np.abs(found.frame.astype(int) - good).max(axis=2)
    assert change.max() > 4
    assert (found.cover >= 0).all()
    assert (found.cover <= 1).all()
    # a cell of which nothing is covered holds no changed pixel
    seen = cv2.resize((change > 0).astype(np.float32), (8, 8), interpolation=cv2.INTER_AREA)
    assert ((found.cover > 1e-6) == (seen > 1e-6)).all()


def test_the_same_seed_paints_the_same():
    painter, good = Painter(spec_of(), None), draw_good(1)
    one, other = painted(painter, good, 5), painted(painter, good, 5)
    assert (one.frame == other.frame).all()
    assert one.kind is other.kind


def test_every_kind_is_painted_and_scratches_twice_as_often():
    painter, good = Painter(spec_of(), None), draw_good(1)
    kinds = [painted(painter, good, seed).kind for seed in range(300)]
    counts = {kind: kinds.count(kind) for kind in Kind}
    assert min(counts.values()) > 20
    assert counts[Kind.SCRATCH] == max(counts.values())


@pytest.mark.parametrize("seed", range(20))
def test_ignored_patches_are_not_painted(seed):
    ignored = np.zeros((8, 8), bool)
    ignored[:, :5] = True
    good = draw_good(1, height_px=80, width_px=80)
    found = painted(Painter(spec_of(), ignored), good, seed)
    assert (found.frame[:, :50] == good[:, :50]).all()
    assert not found.cover[ignored].any()


@pytest.mark.parametrize("seed", range(20))
def test_only_the_region_of_interest_is_painted(seed):
    roi = Roi(y_px=10, x_px=20, height_px=40, width_px=30)
    good = draw_good(1)
    found = painted(Painter(spec_of(dataclasses.replace(RGB, roi=roi)), None), good, seed)
    outside = np.ones(good.shape[:2], bool)
    outside[10:50, 20:50] = False
    assert (found.frame[outside] == good[outside]).all()
    assert found.cover.any()


@pytest.mark.parametrize("seed", range(20))
def test_sixteen_bit_frames_keep_what_lies_beyond_their_range(seed):
    good = np.asarray(np.random.default_rng(0).normal(2000, 300, (60, 60)), np.uint16)
    good[:3] = 60000
    found = Painter(spec_of(GRAY16), None).paint(good, good, np.random.default_rng(seed))
    assert found is not None
    assert found.frame.dtype == np.uint16
    changed = found.frame != good
    assert changed.any()
    assert found.frame[changed].max() <= 4000
    assert found.frame[changed].min() >= 100


def test_pieces_come_from_pictures_of_other_sizes_too():
    painter, good = Painter(spec_of(), None), draw_good(1)
    source = draw_good(2, height_px=33, width_px=121)
    kinds = {painter.paint(good, source, np.random.default_rng(seed)).kind for seed in range(60)}
    assert Kind.CUTPASTE in kinds


def test_a_frame_that_nothing_shows_on_gives_none():
    ignored = np.ones((8, 8), bool)
    assert Painter(spec_of(), ignored).paint(draw_good(1), draw_good(2), np.random.default_rng(0)) is None


def test_lengths_follow_the_frame_not_the_input():
    small, large = draw_good(1), cv2.resize(draw_good(1), None, fx=4, fy=4)
    shares = []
    for good in (small, large):
        painter = Painter(spec_of(rows=16, columns=16), None)
        shares.append(np.mean([painter.paint(good, good, np.random.default_rng(s)).cover.mean() for s in range(80)]))
    assert shares[1] == pytest.approx(shares[0], rel=0.5)
