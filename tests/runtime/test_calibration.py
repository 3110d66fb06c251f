"""Threshold and p-value: what held-out scores promise, and what they cannot."""

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.errors import UsageError
from goodpart.facts.calibration import STD_FLOOR, CalibrationMethod, promise_of, quantile_rank, threshold_for
from small_parts import CALIBRATION


@pytest.mark.parametrize(
    ("count", "rate", "rank"),
    [(20, 0.05, 20), (19, 0.05, 19), (20, 0.1, 19), (209, 0.05, 200), (99, 0.01, 99), (9, 0.5, 5), (3, 0.99, 1)],
)
def test_the_threshold_is_the_conformal_quantile(count, rate, rank):
    assert quantile_rank(count, rate) == rank
    assert threshold_for(tuple(float(index) for index in range(1, count + 1)), rate) == rank


@pytest.mark.parametrize(("count", "rate"), [(18, 0.05), (98, 0.01), (0, 0.5)])
def test_a_rate_that_too_few_images_support_names_the_best_one(count, rate):
    with pytest.raises(UsageError, match=f"no rate below {1 / (count + 1):.4g}"):
        quantile_rank(count, rate)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 1.1, float("nan"), float("inf")])
def test_a_rate_out_of_range(rate):
    with pytest.raises(UsageError, match="more than 0 and less than 1"):
        quantile_rank(100, rate)


def held_out_at(scores, rate):
    """A calibration of these scores."""
    threshold = threshold_for(scores, rate)
    return dataclasses.replace(
        CALIBRATION,
        scores=scores,
        peaks=scores,
        false_reject_rate=rate,
        threshold=threshold,
        pixel_threshold=threshold,
    )


def test_p_values_count_good_scores_at_least_as_high():
    assert CALIBRATION.p_value(20.5) == 1 / 21
    assert CALIBRATION.p_value(20.0) == 2 / 21
    assert CALIBRATION.p_value(0.0) == 1.0
    assert CALIBRATION.p_value(float("-inf")) == 1.0


def test_equal_scores_share_a_p_value():
    tied = held_out_at((1.0, 2.0, 2.0, 2.0, 3.0), 0.5)
    assert tied.p_value(2.0) == 5 / 6
    assert tied.p_value(math.nextafter(2.0, 3.0)) == 2 / 6
    assert tied.p_value(3.0) == 2 / 6


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.lists(st.floats(-9, 9), min_size=9, max_size=40), st.floats(-10, 10), st.floats(-10, 10))
def test_a_p_value_is_a_share_that_falls_as_the_score_rises(scores, one, other):
    made = held_out_at(tuple(sorted(scores)), 0.1)
    low, high = sorted((one, other))
    assert 1 / (len(scores) + 1) <= made.p_value(high) <= made.p_value(low) <= 1
    assert made.p_value(low) == (1 + sum(score >= low for score in scores)) / (len(scores) + 1)


def test_a_threshold_supports_the_rate_that_its_scores_allow():
    assert CALIBRATION.rate_of(20.0) == CALIBRATION.rate_of(1e9) == 1 / 21  # no held-out score above
    assert CALIBRATION.rate_of(19.5) == CALIBRATION.rate_of(19.0) == 2 / 21
    assert CALIBRATION.rate_of(1.0) == 20 / 21
    assert CALIBRATION.rate_of(0.9) == CALIBRATION.rate_of(-1e9) == 1.0


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.lists(st.integers(-4, 4).map(float), min_size=9, max_size=40), st.floats(-5, 5))
def test_the_rate_of_a_threshold_is_the_lowest_that_gives_none_higher(scores, threshold):
    made = held_out_at(tuple(sorted(scores)), 0.1)
    rate, count = made.rate_of(threshold), len(scores)
    for above in range(1, count + 1):  # the rates at which thresholds change
        supported = threshold_for(made.scores, above / (count + 1)) <= threshold
        assert supported == (above / (count + 1) >= rate)
    assert rate == (1 + sum(score > threshold for score in scores)) / (count + 1)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.lists(st.floats(-9, 9), min_size=19, max_size=40), st.floats(0.05, 0.95))
def test_a_calibrations_own_threshold_supports_its_rate(scores, rate):
    assert held_out_at(tuple(sorted(scores)), rate).rate_of(threshold_for(tuple(sorted(scores)), rate)) <= rate + 1e-9


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.lists(st.floats(-9, 9), min_size=9, max_size=40), st.floats(0.1, 0.95), st.floats(-10, 10))
def test_a_score_is_rejected_when_its_p_value_is_at_most_the_rate(scores, rate, score):
    """The two ways to say it agree, but for a rate that ends exactly between two ranks."""
    made = held_out_at(tuple(sorted(scores)), rate)
    if score > made.threshold:
        assert made.p_value(score) <= rate + 1e-9
    else:
        assert made.p_value(score) > rate - 1e-9


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (CalibrationMethod.SPLIT, ("proven", "probability at most 0.05", "exchangeable")),
        (CalibrationMethod.CROSS_CONFORMAL, ("target", "about 0.05", "exchangeable", "no finite-sample proof")),
    ],
)
def test_a_promise_says_no_more_than_the_method_keeps(method, words):
    for word in words:
        assert word in promise_of(method, 0.05)
    assert ("proven" in promise_of(method, 0.05)) == (method is CalibrationMethod.SPLIT)


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
        ({"threshold": 18.0}, "^threshold: expected the one that scores"),
        ({"pixel_threshold": 28.0}, "^pixel_threshold: expected the one that peaks"),
        ({"threshold": math.nan}, "finite"),
        ({"pixel_threshold": math.nan}, "finite"),
        ({"mean": math.inf}, "finite"),
        ({"std": math.nan}, "finite"),
        ({"std": STD_FLOOR / 2}, "std"),
        ({"std": -0.05}, "std"),
        ({"scores": (1.0, math.nan)}, "finite"),
        ({"peaks": (1.0, math.inf)}, "finite"),
        ({"scores": (2.0, 1.0)}, "ascending"),
        ({"peaks": (*CALIBRATION.peaks[1:], 0.0)}, "ascending"),
        ({"peaks": CALIBRATION.peaks[1:]}, "peaks: expected 20 as there are scores, found 19"),
        ({"scores": (), "peaks": ()}, "support no rate below"),
        ({"false_reject_rate": 0.04}, "support no rate below 0.04762"),
        ({"false_reject_rate": math.nan}, "more than 0"),
    ],
    ids=str,
)
def test_a_calibration_that_cannot_be_is_refused(change, words):
    with pytest.raises(UsageError, match=words):
        dataclasses.replace(CALIBRATION, **change)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(st.floats(-9, 9) | st.integers(-2, 2).map(float), min_size=5, max_size=40), st.floats(0.01, 0.99))
def test_the_split_bound_holds_exactly_for_exchangeable_scores(scores, rate):
    """Any of n + 1 exchangeable scores is as likely as another to be the new one; at most a share of `rate` lies above.

    Whatever the scores are and wherever they come from; this is the proof itself (Papadopoulos et al., 2002), by count.
    """
    others = [tuple(sorted(scores[:index] + scores[index + 1 :])) for index in range(len(scores))]
    if rate * len(scores) < 1 - 1e-9:
        with pytest.raises(UsageError, match="support no rate below"):
            threshold_for(others[0], rate)
        return
    rejected = sum(score > threshold_for(held_out, rate) for score, held_out in zip(scores, others, strict=True))
    assert rejected <= rate * len(scores) + 1e-9


@pytest.mark.parametrize(("count", "rate"), [(19, 0.05), (20, 0.05), (39, 0.05), (59, 0.1), (10, 0.33)])
def test_the_split_bound_is_nearly_reached(count, rate):
    """For different scores the rejected share is the highest multiple of 1 / (n + 1) that the rate allows."""
    scores = [float(number) for number in range(count + 1)]
    rejected = [score > threshold_for(tuple(other for other in scores if other != score), rate) for score in scores]
    assert sum(rejected) == math.floor(rate * (count + 1) + 1e-9)


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
