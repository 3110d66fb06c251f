"""Pixel metrics from counts: what all pixels give, by scikit-learn and by definitions looped over thresholds."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from goodpart_bank_builder.evaluate.pixel_counts import PixelCounts

MANY = settings(derandomize=True, deadline=None, max_examples=60)


def draw_maps(seed, *, images=3, shape=(9, 8), share=0.25, distinct=17):
    """Maps with many equal scores that the bins tell apart exactly, masks with ragged regions, and what counts."""
    rng = np.random.default_rng(seed)
    maps = []
    for _ in range(images):
        mask = rng.random(shape) < share
        scores = ((rng.integers(0, distinct, shape) - distinct // 2 + 3 * mask) / 8).astype(np.float32)
        maps.append((scores, mask, rng.random(shape) < 0.8))
    return maps


def count(maps):
    counts = PixelCounts()
    for scores, mask, counted in maps:
        counts.add(scores, mask, counted)
    return counts


def flat(maps):
    scores = np.concatenate([scores[counted] for scores, _, counted in maps])
    return scores, np.concatenate([mask[counted] for _, mask, counted in maps])


def regions_of(mask):
    """Sets of pixels that touch over sides or corners, by flooding."""
    left, found = {tuple(pixel) for pixel in np.argwhere(mask)}, []
    while left:
        region, waiting = set(), [left.pop()]
        while waiting:
            row, column = waiting.pop()
            region.add((row, column))
            near = {(row + down, column + right) for down, right in itertools.product((-1, 0, 1), repeat=2)} & left
            left -= near
            waiting += near
        found.append(region)
    return found


def slow_aupro(maps, limit):
    """The definition: mean overlap of regions against false positives, trapezoids from threshold to threshold."""
    good = np.concatenate([scores[counted & ~mask] for scores, mask, counted in maps])
    regions = [
        np.array([scores[pixel] for pixel in region if counted[pixel]])
        for scores, mask, counted in maps
        for region in regions_of(mask)
    ]
    regions = [region for region in regions if len(region)]
    points = [(0.0, 0.0)]
    for threshold in sorted({score for scores, _, _ in maps for score in scores.ravel()}, reverse=True):
        points.append(((good >= threshold).mean(), np.mean([(region >= threshold).mean() for region in regions])))
    area = 0.0
    for (left, low), (right, high) in itertools.pairwise(points):
        if left >= limit:
            break
        if right > limit:
            right, high = limit, low + (high - low) * (limit - left) / (right - left)
        area += (right - left) * (low + high) / 2
    return area / limit


def slow_auprc(scores, mask):
    area, recall_before = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        called = scores >= threshold
        recall = (called & mask).sum() / mask.sum()
        area += (recall - recall_before) * (called & mask).sum() / called.sum()
        recall_before = recall
    return area


def f1_of(called, mask):
    return 2 * (called & mask).sum() / (called.sum() + mask.sum())


@MANY
@given(seed=st.integers(0, 9999), share=st.sampled_from([0.02, 0.1, 0.4]), limit=st.sampled_from([0.05, 0.3, 0.9, 1.0]))
def test_overlap_is_that_of_the_definition(seed, share, limit):
    maps = draw_maps(seed, share=share)
    found = count(maps).aupro(limit)
    if not flat(maps)[1].any():
        assert found is None
    else:
        assert found == pytest.approx(slow_aupro(maps, limit), abs=1e-12)
        assert 0.0 <= found <= 1.0 + 1e-12


@MANY
@given(seed=st.integers(0, 9999), share=st.sampled_from([0.1, 0.5]), distinct=st.integers(1, 40))
def test_precision_and_f1_are_those_of_the_definitions(seed, share, distinct):
    maps = draw_maps(seed, share=share, distinct=distinct)
    counts, (scores, mask) = count(maps), flat(maps)
    assert counts.auprc() == pytest.approx(slow_auprc(scores, mask), abs=1e-12)
    best = counts.best_f1()
    assert best.value == pytest.approx(max(f1_of(scores >= threshold, mask) for threshold in set(scores)), abs=1e-12)
    assert f1_of(scores > best.threshold, mask) == pytest.approx(best.value, abs=1e-12)


@MANY
@given(seed=st.integers(0, 999), scale=st.sampled_from([0.3, 1.0, 50.0]), shift=st.sampled_from([-3.0, 0.0, 10.0]))
def test_counted_pixels_give_the_areas_of_all_pixels(seed, scale, shift):
    rng = np.random.default_rng(seed)
    maps = []
    for _ in range(3):
        mask = rng.random((40, 30)) < 0.1
        scores = (rng.normal(size=(40, 30)) * scale + shift + mask * scale).astype(np.float32)
        maps.append((scores, mask, np.ones_like(mask)))
    counts, (scores, mask) = count(maps), flat(maps)
    assert counts.auroc() == pytest.approx(roc_auc_score(mask, scores), abs=5e-4)
    assert counts.auprc() == pytest.approx(average_precision_score(mask, scores), abs=5e-3)


def test_pixels_that_do_not_count_change_nothing():
    maps = draw_maps(4)
    changed = [(np.where(counted, scores, np.float32(99)), mask, counted) for scores, mask, counted in maps]
    for figure in (PixelCounts.auroc, PixelCounts.auprc, PixelCounts.best_f1, lambda counts: counts.aupro(0.3)):
        assert figure(count(maps)) == figure(count(changed))


def test_a_small_region_weighs_as_much_as_a_large_one():
    mask, scores = np.zeros((20, 20), bool), np.zeros((20, 20), np.float32)
    mask[1:11, 1:11] = mask[15, 15] = True
    scores[1:11, 1:11] = 2.0
    scores[15, 15] = -1.0
    counts = PixelCounts()
    counts.add(scores, mask)
    # the large region stands alone until all good pixels are false positives
    assert counts.aupro(0.3) == pytest.approx(0.5)


def test_pixels_that_touch_at_a_corner_are_one_region():
    mask, scores = np.eye(4, dtype=bool), np.zeros((4, 4), np.float32)
    scores[0, 0] = 1.0
    counts = PixelCounts()
    counts.add(scores, mask)
    assert counts.aupro(1e-6) == pytest.approx(0.25, abs=1e-5)


def test_parts_add_up():
    maps = draw_maps(1, images=4)
    parts = PixelCounts.sum_of([count(maps[:1]), count(maps[1:])])
    whole = count(maps)
    assert (parts.auroc(), parts.auprc(), parts.best_f1()) == (whole.auroc(), whole.auprc(), whole.best_f1())
    assert parts.aupro(0.3) == pytest.approx(whole.aupro(0.3), abs=1e-12)


def test_order_is_kept_across_zero_and_there_is_one_zero():
    counts = PixelCounts()
    counts.add(
        np.array([[-5.0, -1.0, -1e-3, -0.0, 0.0, 1e-3, 7.0]], np.float32),
        np.array([[False, False, False, True, True, True, True]]),
    )
    assert counts.auroc() == 1.0
    assert counts.best_f1().value == 1.0
    assert -1e-3 < counts.best_f1().threshold < 0.0
    zeros = PixelCounts()
    zeros.add(np.array([[-0.0, 0.0]], np.float32), np.array([[False, True]]))
    assert zeros.auroc() == 0.5


@pytest.mark.parametrize("defective", [False, True])
def test_without_both_kinds_there_is_no_figure(defective):
    counts = PixelCounts()
    for _ in range(2):
        assert (counts.auroc(), counts.auprc(), counts.best_f1(), counts.aupro(0.3)) == (None,) * 4
        counts.add(np.zeros((4, 4), np.float32), np.full((4, 4), defective))
    counts.add(np.zeros((4, 4), np.float32), np.full((4, 4), not defective), np.zeros((4, 4), bool))
    assert counts.aupro(0.3) is None
