"""Compare: McNemar's test, the paired bootstrap, and the ratio of latencies, against known values."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from goodpart_bank_builder.compare.paired import area_change, mcnemar
from goodpart_bank_builder.compare.speed import ratio_of


def events(both, only_old, only_new, neither):
    old = [True] * (both + only_old) + [False] * (only_new + neither)
    new = [True] * both + [False] * only_old + [True] * only_new + [False] * neither
    return old, new


@pytest.mark.parametrize(
    ("only_old", "only_new", "p_value"),
    # 2 * (C(10, 0) + C(10, 1)) / 2^10 and so on; 59 and 6 are Agresti's, Categorical Data Analysis
    [(0, 0, 1.0), (5, 5, 1.0), (1, 9, 22 / 1024), (0, 6, 2 / 64), (6, 0, 2 / 64), (0, 5, 2 / 32)],
)
def test_mcnemar_is_the_exact_binomial_test_of_the_pairs_that_differ(only_old, only_new, p_value):
    change = mcnemar(*events(7, only_old, only_new, 11))
    assert change.p_value == pytest.approx(p_value)
    assert (change.of, change.only_old, change.only_new) == (18 + only_old + only_new, only_old, only_new)
    assert (change.old, change.new) == (7 + only_old, 7 + only_new)
    assert change.rise == pytest.approx((only_new - only_old) / change.of)


def test_the_areas_are_those_of_scikit_learn_and_the_interval_that_of_all_resamples():
    # two parts of each kind, so that all draws of parts can be enumerated
    defective = np.array([True, True, False, False])
    old, new = np.array([3.0, 1.0, 2.0, 0.0]), np.array([3.0, 2.5, 2.0, 0.0])
    parts = ["a", "b", "c", "d"]
    change = area_change(defective, old, new, parts, replicates=4000)
    assert (change.old, change.new) == (roc_auc_score(defective, old), roc_auc_score(defective, new)) == (0.75, 1.0)
    differences = []
    for bad, good in itertools.product(itertools.product((0, 1), repeat=2), itertools.product((2, 3), repeat=2)):
        rows = [*bad, *good]
        differences.append(roc_auc_score(defective[rows], new[rows]) - roc_auc_score(defective[rows], old[rows]))
    assert (change.low, change.high) == pytest.approx(tuple(np.percentile(np.repeat(differences, 250), [2.5, 97.5])))


def test_images_of_one_part_are_drawn_together():
    rng = np.random.default_rng(0)
    defective = np.repeat([True, False], 60)
    old = rng.normal(size=120) + defective
    new = old + np.repeat(rng.normal(size=24), 5)
    alone = area_change(defective, old, new, [str(number) for number in range(120)])
    together = area_change(defective, old, new, [str(number // 5) for number in range(120)])
    assert together.high - together.low > 1.3 * (alone.high - alone.low)
    assert together.difference == alone.difference


def test_the_bootstrap_is_the_same_every_time_and_follows_its_seed():
    rng = np.random.default_rng(1)
    defective = np.repeat([True, False], 20)
    old, new = rng.normal(size=(2, 40))
    parts = [str(number) for number in range(40)]
    assert area_change(defective, old, new, parts) == area_change(defective, old, new, parts)
    assert area_change(defective, old, new, parts, seed=1).low != area_change(defective, old, new, parts).low


def test_the_scale_of_a_bank_does_not_count():
    rng = np.random.default_rng(2)
    defective = np.repeat([True, False], 20)
    old, new = rng.normal(size=(2, 40))
    parts = [str(number) for number in range(40)]
    assert area_change(defective, old, 7 * new + 3, parts) == area_change(defective, old, new, parts)


def test_one_kind_of_images_alone_has_no_area():
    scores = np.arange(4.0)
    assert area_change(np.zeros(4, bool), scores, scores, list("abcd")) is None


def test_one_slow_frame_is_no_slow_bundle_but_all_slow_frames_are():
    rng = np.random.default_rng(3)
    least_s = np.stack([0.02 + rng.uniform(0, 0.001, 40)] * 2, axis=1)
    noisy = least_s.copy()
    noisy[7, 1] = 0.05
    found = ratio_of(noisy, rounds=3)
    assert found.ratio > 1.1
    assert not found.is_slower
    slow = ratio_of(least_s * [1.0, 1.3], rounds=3)
    assert slow.ratio == pytest.approx(1.3, abs=0.001)
    assert slow.is_slower
    assert (slow.frames, slow.rounds) == (40, 3)
