"""Calibration on held-out parts: one score per part."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.errors import UsageError
from goodpart.facts.calibration import STD_FLOOR, CalibrationMethod, RateUnit, promise_of
from goodpart.scoring.scores import calibrate, image_score
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.learn.calibrate import make_calibration

CROSS = CalibrationMethod.CROSS_CONFORMAL


def calibration(distances, parts=None, *, top_k=2, rate=0.1, method=CROSS, unit=RateUnit.PART):
    """From `(images, P)` distances; every image its own part unless told otherwise."""
    paths = [Path(f"{index:03}.png") for index in range(len(distances))]
    return make_calibration(
        dict(zip(paths, distances, strict=True)),
        dict(zip(paths, parts or map(str, paths), strict=True)),
        LearnSettings(calibration=method, false_reject_rate=rate, rate_per=unit),
        top_k=top_k,
    )


def test_mean_and_deviation_are_those_of_all_patches_and_scores_are_top_k_means():
    distances = np.random.default_rng(0).uniform(0, 1, (30, 9))
    made = calibration(distances)
    assert made.mean == pytest.approx(distances.mean())
    assert made.std == pytest.approx(distances.std())
    calibrated = (distances - distances.mean()) / distances.std()
    np.testing.assert_allclose(made.scores, np.sort(np.sort(calibrated, axis=1)[:, -2:].mean(axis=1)))
    np.testing.assert_allclose(made.peaks, np.sort(calibrated.max(axis=1)))
    assert made.threshold == made.scores[27]  # ceil(31 * 0.9) = 28th of 30
    assert made.pixel_threshold == made.peaks[27]


def test_a_part_counts_once_with_its_worst_image():
    distances = np.random.default_rng(0).uniform(0, 1, (60, 9))
    parts = [f"part {index // 3}" for index in range(60)]
    made = calibration(distances, parts)
    calibrated = ((distances - distances.mean()) / distances.std()).reshape(20, 3, 9)
    worst = np.sort(calibrated, axis=2)[:, :, -2:].mean(axis=2).max(axis=1)
    np.testing.assert_allclose(made.scores, np.sort(worst))
    np.testing.assert_allclose(made.peaks, np.sort(calibrated.max(axis=(1, 2))))
    assert made.mean == pytest.approx(distances.mean())  # patches count one by one


def test_which_images_are_worst_may_differ_between_score_and_peak():
    distances = np.array([[0.9, 0.0, 0.0], [0.6, 0.6, 0.0], [0.1, 0.1, 0.1]])
    made = calibration(distances, ["one", "one", "other"], rate=0.5)
    sigmas = (np.array([0.6, 0.9]) - distances.mean()) / distances.std()
    assert made.scores[-1] == pytest.approx(sigmas[0])  # mean of the two worst patches of the second image
    assert made.peaks[-1] == pytest.approx(sigmas[1])  # the worst patch of the first


def test_the_order_of_images_makes_no_difference():
    distances = np.random.default_rng(0).uniform(0, 1, (12, 5))
    parts = [str(index % 6) for index in range(12)]
    forward, backward = (calibration(distances[::step], parts[::step], rate=0.3) for step in (1, -1))
    assert forward.scores == pytest.approx(backward.scores)
    assert forward.threshold == pytest.approx(backward.threshold)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(10, 25), st.integers(1, 3), st.sampled_from([0.1, 0.2, 0.5]), st.integers(0, 999))
def test_a_split_rejects_at_most_the_promised_share_of_exchangeable_parts(count, images, rate, seed):
    """The whole way from distances to a verdict; on the line a part is rejected when any of its images is.

    Each of n + 1 parts is the new one in turn, which for exchangeable parts is all that chance can do.
    """
    every = np.random.default_rng(seed).gumbel(size=(count, images, 6))
    rejected = 0
    for new in range(count):
        held_out = np.delete(every, new, axis=0).reshape(-1, 6)
        parts = [str(part) for part in range(count - 1) for _ in range(images)]
        made = calibration(held_out, parts, rate=rate, method=CalibrationMethod.SPLIT)
        scores = [image_score(calibrate(distances, made), 2) for distances in every[new]]
        rejected += any(not score <= made.threshold for score in scores)
    assert rejected <= rate * count + 1e-9
    assert rejected >= math.floor(rate * count + 1e-9)  # and not by rejecting nothing


def test_images_taken_for_parts_would_break_the_promise():
    """Why parts count once: of parts with many images far more than promised would be rejected."""
    rng = np.random.default_rng(0)
    every = rng.gumbel(size=(200, 5, 6))
    as_parts, as_images = (
        calibration(every[:100].reshape(-1, 6), parts, rate=0.1)
        for parts in ([str(index // 5) for index in range(500)], None)
    )

    def rejected(made):
        scores = np.array([[image_score(calibrate(image, made), 2) for image in part] for part in every[100:]])
        return (scores.max(axis=1) > made.threshold).mean()

    assert rejected(as_parts) < 0.2 < rejected(as_images)


def test_parts_and_not_images_support_the_rate():
    distances = np.random.default_rng(0).uniform(0, 1, (20, 5))
    calibration(distances, rate=0.05)
    with pytest.raises(UsageError, match="10 held-out good parts support no rate below"):
        calibration(distances, [str(index // 2) for index in range(20)], rate=0.05)


def test_identical_images_do_not_make_the_scale_vanish():
    made = calibration(np.full((20, 4), 0.25), top_k=1)
    assert made.std == STD_FLOOR
    assert made.threshold == made.pixel_threshold == pytest.approx(0.0)


@pytest.mark.parametrize("method", CalibrationMethod)
def test_the_calibration_says_what_it_promises(method):
    made = calibration(np.random.default_rng(0).uniform(0, 1, (20, 4)), rate=0.25, method=method)
    assert (made.method, made.false_reject_rate) == (method, 0.25)
    assert made.promise == promise_of(method, 0.25)
