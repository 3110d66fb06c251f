"""Cost of a threshold: by the definition, part by part."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.errors import UsageError
from goodpart_bank_builder.evaluate.costs import Costs, cost_curve


def slow_cost(defective, rejected, costs):
    rate = costs.defect_rate
    return (1 - rate) * rejected[~defective].mean() + rate * costs.escape_cost * (~rejected[defective]).mean()


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 9999), count=st.integers(2, 40), escape_cost=st.sampled_from([0.5, 10.0, 1000.0]),
    defect_rate=st.sampled_from([0.001, 0.3]), of_unknown=st.sampled_from([0.0, 0.2]),
)  # fmt: skip
def test_every_point_is_the_definition(seed, count, escape_cost, defect_rate, of_unknown):
    rng = np.random.default_rng(seed)
    defective, unknown = np.arange(count) % 2 == 0, rng.random(count) < of_unknown
    scores = rng.integers(-5, 9, count) / 2 + defective
    costs = Costs(escape_cost=escape_cost, defect_rate=defect_rate)
    curve = cost_curve(defective, scores, unknown=unknown, threshold=0.7, costs=costs)

    def cost_at(threshold):
        return pytest.approx(slow_cost(defective, (scores > threshold) | unknown, costs), abs=1e-12)

    assert [cost_at(threshold) for threshold in curve.thresholds] == list(curve.costs)
    assert curve.cost_at_threshold == cost_at(0.7)
    assert curve.best_cost == min(curve.costs) == cost_at(curve.best_threshold)
    assert list(curve.thresholds) == sorted({*scores, curve.thresholds[0]})
    assert curve.thresholds[0] < scores.min()


def test_a_long_curve_is_thinned_but_keeps_the_best_and_both_ends():
    rng = np.random.default_rng(0)
    defective = rng.random(5000) < 0.5
    scores = rng.normal(size=5000) + 2 * defective
    nothing = np.zeros(5000, bool)
    curve = cost_curve(defective, scores, unknown=nothing, threshold=1.0, costs=Costs())
    assert len(curve.thresholds) <= 200
    assert curve.best_threshold in curve.thresholds
    assert curve.best_cost == curve.costs[curve.thresholds.index(curve.best_threshold)]
    all_costs = [slow_cost(defective, scores > threshold, Costs()) for threshold in scores]
    assert curve.best_cost == pytest.approx(min(all_costs))
    assert (curve.thresholds[-1], curve.costs[-1]) == (scores.max(), pytest.approx(0.01 * 10))  # accepts all
    assert (curve.thresholds[0] < scores.min(), curve.costs[0]) == (True, pytest.approx(0.99))  # rejects all


def test_without_both_kinds_there_is_no_curve():
    for defective in (True, False):
        flags = np.full(3, defective)
        assert cost_curve(flags, np.arange(3.0), unknown=~flags & flags, threshold=1.0, costs=Costs()) is None


@pytest.mark.parametrize("number", [0.0, -1.0, math.nan, math.inf])
def test_costs_that_cannot_be_are_refused(number):
    with pytest.raises(UsageError, match="escape cost: expected a finite number above 0"):
        Costs(escape_cost=number)


@pytest.mark.parametrize("number", [0.0, 1.0, -0.1, math.nan, math.inf])
def test_defect_rates_that_cannot_be_are_refused(number):
    with pytest.raises(UsageError, match="defect rate: expected more than 0 and less than 1"):
        Costs(defect_rate=number)
