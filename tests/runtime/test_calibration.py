"""Threshold and p-value: what held-out scores promise, and what they cannot."""

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.calibration import STD_FLOOR, quantile_rank, threshold_for
from goodpart.errors import UsageError
from small_parts import CALIBRATION


@pytest.mark.parametrize(
    ("count", "rate", "rank"),
    [(20, 0.05, 20), (19, 0.05, 19), (20, 0.1, 19), (209, 0.05, 200), (99, 0.01, 99), (9, 0.5, 5), (3, 0.99, 1)],
)
def test_the_threshold_is_the_conformal_quantile(count, rate, rank):
    assert quantile_rank(count, rate) == rank
    assert threshold_for(tuple(float(at) for at in range(1, count + 1)), rate) == rank


@pytest.mark.parametrize(("count", "rate"), [(18, 0.05), (98, 0.01), (0, 0.5)])
def test_a_rate_that_too_few_images_support_names_the_best_one(count, rate):
    with pytest.raises(UsageError, match=f"no rate below {1 / (count + 1):.4g}"):
        quantile_rank(count, rate)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 1.1, float("nan"), float("inf")])
def test_a_rate_out_of_range(rate):
    with pytest.raises(UsageError, match="more than 0 and less than 1"):
        quantile_rank(100, rate)


def test_p_values_count_good_scores_at_least_as_high():
    assert CALIBRATION.p_value(20.5) == 1 / 21
    assert CALIBRATION.p_value(20.0) == 2 / 21
    assert CALIBRATION.p_value(0.0) == 1.0
    assert CALIBRATION.p_value(float("-inf")) == 1.0


def test_equal_scores_share_a_p_value():
    tied = dataclasses.replace(CALIBRATION, scores=(1.0, 2.0, 2.0, 2.0, 3.0), threshold=2.0, false_reject_rate=0.5)
    assert tied.p_value(2.0) == 5 / 6
    assert tied.p_value(math.nextafter(2.0, 3.0)) == 2 / 6
    assert tied.p_value(3.0) == 2 / 6


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.lists(st.floats(-9, 9), min_size=9, max_size=40), st.floats(-10, 10), st.floats(-10, 10))
def test_a_p_value_is_a_share_that_falls_as_the_score_rises(scores, one, other):
    held_out = tuple(sorted(scores))
    made = dataclasses.replace(CALIBRATION, scores=held_out, threshold=threshold_for(held_out, 0.1))
    low, high = sorted((one, other))
    assert 1 / (len(scores) + 1) <= made.p_value(high) <= made.p_value(low) <= 1
    assert made.p_value(low) == (1 + sum(score >= low for score in scores)) / (len(scores) + 1)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.integers(1, 2000), st.integers(1, 999))
def test_the_rank_is_that_of_exact_arithmetic(count, thousandths):
    """Rounding must not push an exact product, such as 20 * 0.95, to the next rank."""
    rank = math.ceil((count + 1) * (1 - Fraction(thousandths, 1000)))
    if rank > count:
        with pytest.raises(UsageError, match="photograph more good parts"):
            quantile_rank(count, thousandths / 1000)
    else:
        assert quantile_rank(count, thousandths / 1000) == max(rank, 1)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(st.floats(-9, 9), min_size=19, max_size=60), st.floats(0.05, 0.95))
def test_at_most_the_promised_share_of_the_held_out_scores_lies_above(scores, rate):
    threshold = threshold_for(tuple(sorted(scores)), rate)
    assert sum(score > threshold for score in scores) <= rate * (len(scores) + 1)
    assert threshold in scores


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"threshold": 18.0}, "threshold"),
        ({"threshold": math.nan}, "finite"),
        ({"mean": math.inf}, "finite"),
        ({"std": math.nan}, "finite"),
        ({"std": STD_FLOOR / 2}, "std"),
        ({"std": -0.05}, "std"),
        ({"scores": (1.0, math.nan)}, "finite"),
        ({"scores": (2.0, 1.0)}, "ascending"),
        ({"scores": ()}, "support no rate below"),
        ({"false_reject_rate": 0.04}, "support no rate below 0.04762"),
        ({"false_reject_rate": math.nan}, "more than 0"),
        ({"method": "guess"}, "leave-one-image-out"),
    ],
    ids=str,
)
def test_a_calibration_that_cannot_be_is_refused(change, words):
    with pytest.raises(UsageError, match=words):
        dataclasses.replace(CALIBRATION, **change)


def test_exchangeable_good_parts_are_rejected_at_most_at_the_promised_rate():
    rng = np.random.default_rng(0)
    for rate in (0.05, 0.1, 0.3):
        rejected = []
        for _ in range(400):
            scores = rng.gumbel(size=60)
            threshold = threshold_for(tuple(sorted(scores[:30])), rate)
            rejected.append((scores[30:] > threshold).mean())
        assert np.mean(rejected) <= rate + 3 * np.std(rejected) / np.sqrt(len(rejected))
        assert np.mean(rejected) >= rate - 1 / 31 - 0.02  # and not by rejecting nothing
