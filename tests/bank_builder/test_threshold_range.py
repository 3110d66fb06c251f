"""How far a build lets a device move the threshold."""

import pytest

from goodpart.facts.calibration import Calibration, CalibrationMethod, RateUnit, promise_of, threshold_for
from goodpart_bank_builder.build.allowed import threshold_range
from goodpart_bank_builder.build.golden import TOLERANCE_SIGMAS


def calibration(scores, rate=0.05):
    scores = tuple(map(float, scores))
    return Calibration(
        method=CalibrationMethod.CROSS_CONFORMAL,
        promise=promise_of(CalibrationMethod.CROSS_CONFORMAL, rate),
        mean=0.1,
        std=0.01,
        scores=scores,
        peaks=scores,
        false_reject_rate=rate,
        threshold=threshold_for(scores, rate),
        pixel_threshold=threshold_for(scores, rate),
        unit=RateUnit.IMAGE,
    )


def test_many_parts_reach_from_half_to_one_in_a_thousand():
    scores = [index / 100 for index in range(2000)]
    found = threshold_range(calibration(scores), defect_score=1e3)
    assert (found.lowest, found.highest) == (threshold_for(tuple(scores), 0.5), threshold_for(tuple(scores), 0.001))


def test_few_parts_end_two_sigmas_above_their_highest_score():
    found = threshold_range(calibration(range(30)), defect_score=1e3)
    assert (found.lowest, found.highest) == (15.0, 31.0)


def test_the_golden_defect_stays_a_defect():
    found = threshold_range(calibration(range(30)), defect_score=29.5)
    assert found.highest == pytest.approx(29.5 - TOLERANCE_SIGMAS)


def test_the_bundles_own_threshold_always_lies_in_the_range():
    assert threshold_range(calibration(range(30)), defect_score=5.0).highest == 29.0
    assert threshold_range(calibration(range(30), rate=0.9), defect_score=1e3).lowest == 3.0
