"""Metrics of images: those of scikit-learn, and rates that say how sure they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from goodpart_bank_builder.evaluate.metrics import auprc, auroc, best_f1, mean_of, rate_of


def test_areas_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels, scores = rng.random(50) < 0.4, rng.normal(size=50)
    assert auroc(labels, scores) == roc_auc_score(labels, scores)
    assert auprc(labels, scores) == average_precision_score(labels, scores)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(seed=st.integers(0, 9999), distinct=st.integers(1, 12), count=st.integers(2, 30))
def test_best_f1_is_the_best_of_all_thresholds_and_its_threshold_gives_it(seed, distinct, count):
    rng = np.random.default_rng(seed)
    labels, scores = np.arange(count) % 3 == 0, rng.integers(0, distinct, count) / 4
    labels[-1] = False
    found = best_f1(labels, scores)
    all_f1 = [f1_score(labels, scores > threshold) for threshold in (-1.0, *scores) if threshold < scores.max()]
    assert found.value == pytest.approx(max(all_f1), abs=1e-12)
    assert f1_score(labels, scores > found.threshold) == pytest.approx(found.value, abs=1e-12)


def test_without_both_kinds_there_is_neither_area_nor_f1():
    for labels in ([True, True], [False], []):
        of = np.array(labels, bool), np.arange(len(labels), dtype=float)
        assert (auroc(*of), auprc(*of), best_f1(*of)) == (None, None, None)


def test_a_rate_of_nothing_has_no_value():
    rate = rate_of(np.array([], bool))
    assert (rate.events, rate.of, rate.value, rate.low, rate.high) == (0, 0, None, None, None)


def test_no_escape_among_twenty_parts_still_allows_a_sixth():
    rate = rate_of(np.zeros(20, bool))
    assert (rate.events, rate.of, rate.value, rate.low) == (0, 20, 0.0, 0.0)
    assert rate.high == pytest.approx(1 - 0.025 ** (1 / 20))
    everything = rate_of(np.ones(20, bool))
    assert (everything.value, everything.high) == (1.0, 1.0)
    assert everything.low == pytest.approx(0.025 ** (1 / 20))


@pytest.mark.parametrize("count", [1, 7, 20, 60])
def test_intervals_hold_the_true_rate_in_at_least_95_of_100_samples(count):
    rates = [rate_of(np.arange(count) < events) for events in range(count + 1)]
    for true_rate in np.linspace(0.001, 0.999, 97):
        holds = [events for events, rate in enumerate(rates) if rate.low <= true_rate <= rate.high]
        assert binom.pmf(holds, count, true_rate).sum() >= 0.95


def test_a_mean_leaves_out_what_could_not_be_had():
    assert mean_of([1.0, None, 0.5]) == 0.75
    assert mean_of([None]) is None
