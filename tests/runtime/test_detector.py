"""The e-detector: evidence has no reason to grow as long as nothing changes, and does not with a reference of 150."""

import numpy as np
import pytest

from goodpart.watch.detector import Detector
from goodpart.watch.reference import REFERENCE_BLOCKS, Reference, band, lag_one

NAMES = ("one", "other")


def with_reference(rng, **options):
    """A detector whose reference are drawn normal blocks."""
    detector = Detector(NAMES, block=1, seed=0, **options)
    means = rng.normal(size=(len(NAMES), REFERENCE_BLOCKS)).astype(np.float32)
    detector.reference = Reference(means, block=1)
    return detector


def mean_evidence(*, band_width=None, blocks=60, repeats=150):
    """The mean of D after so many unchanged blocks."""
    found = []
    for repeat in range(repeats):
        rng = np.random.default_rng(repeat)
        detector = with_reference(rng)
        if band_width is not None:
            detector._band = band_width
        for number, row in enumerate(rng.normal(size=(blocks, len(NAMES)))):
            detector.add(row, number)
        found.append(detector.evidence)
    return float(np.mean(found))


def test_evidence_less_time_has_a_mean_of_at_most_0_without_a_change():
    assert mean_evidence() <= 60


def test_without_the_band_it_has_not():
    """A fault that is planted: a reference of 150 taken for the truth."""
    assert mean_evidence(band_width=0.0) > 60


def test_a_side_that_bets_against_nothing_keeps_its_promise_exactly():
    """Bets on true shares: D - t is a martingale, so its mean is t."""
    rng = np.random.default_rng(1)
    detectors = [Detector(("one",), block=1, seed=seed) for seed in range(400)]
    for detector in detectors:
        detector.reference = Reference(np.zeros((1, REFERENCE_BLOCKS), np.float32), block=1)
        detector._band = 0.0
        detector.reference.shares = lambda means, ties: (ties(), 1.0 - ties())  # uniform, as true shares are
    for number in range(20):
        for detector in detectors:
            detector.add([rng.normal()], number)
    evidence = [detector.evidence for detector in detectors]
    assert np.mean(evidence) == pytest.approx(20, abs=4 * np.std(evidence) / 20)


def test_no_false_alarm_in_20000_independent_blocks():
    rng = np.random.default_rng(0)
    for _ in range(10):
        detector = with_reference(rng)
        highest = 0.0
        for number, row in enumerate(rng.normal(size=(2000, len(NAMES)))):
            detector.add(row, number)
            highest = max(highest, detector.evidence)
        assert highest < 6250


def test_equal_blocks_are_no_evidence_either_way():
    detector = Detector(("rate",), block=1, seed=0)
    for number in range(REFERENCE_BLOCKS + 3000):
        detector.add([0.0], number)
        assert detector.evidence < 6250


def test_the_band_is_that_of_massart():
    assert band(12) == pytest.approx(0.1352, abs=1e-4)
    assert band(1) == pytest.approx(0.0999, abs=1e-4)


def test_correlation_of_neighbours():
    swinging = np.tile([1.0, -1.0], 75)
    means = np.array([np.arange(150.0), swinging, np.zeros(150)], np.float32)
    rising, alternating, constant = lag_one(means)
    assert rising > 0.95
    assert alternating < -0.95
    assert constant == 0.0


def test_shares_count_equal_blocks_by_the_tie():
    reference = Reference(np.array([[1.0, 2.0, 2.0, 3.0]], np.float32), block=1)
    above, below = reference.shares(np.array([2.0]), lambda: np.array([0.25]))
    assert (above[0], below[0]) == (0.25 + 0.125, 0.625)
    above, below = reference.shares(np.array([9.0]), lambda: np.array([0.25]))
    assert (above[0], below[0]) == (0.0, 1.0)


def test_a_rise_is_no_evidence_of_a_fall():
    rng = np.random.default_rng(0)
    detector = with_reference(rng, rise_only=True)
    for number in range(300):
        detector.add([-9.0, -9.0], number)
    assert detector.evidence < 100


def test_memory_does_not_grow():
    rng = np.random.default_rng(0)
    detector = with_reference(rng)
    before = detector.to_state()
    for number, row in enumerate(rng.normal(size=(500, len(NAMES)))):
        detector.add(row, number)
    after = detector.to_state()
    assert [len(row) for row in after.reference] == [len(row) for row in before.reference]
    six = Detector(tuple("abcdef"), block=1, seed=0)
    six.reference = Reference(np.zeros((6, REFERENCE_BLOCKS), np.float32), block=1)
    arrays = [six.reference.means, six._wealth, six._dating, six._since]
    assert sum(array.nbytes for array in arrays) < 5000
