"""Calibration: exact, and blind to an image's own patches."""

import numpy as np
import pytest

from goodpart.calibration import STD_FLOOR
from goodpart.errors import UsageError
from goodpart.profile import CoresetMethod
from goodpart_bank_builder.calibrate import held_out_distances, make_calibration
from goodpart_bank_builder.coreset import choose_coreset
from small_parts import unit_vectors


def brute_force(embeddings, coreset, neighbours):
    """The definition, in float64, one patch at a time."""
    distances = np.empty(embeddings.shape[:2])
    for image, patches in enumerate(embeddings):
        others = coreset.vectors[coreset.images != image].astype(np.float64)
        for at, patch in enumerate(patches):
            distances[image, at] = np.sort(1.0 - others @ patch.astype(np.float64))[:neighbours].mean()
    return distances


@pytest.mark.parametrize("neighbours", [1, 5])
def test_distances_are_those_of_brute_force_without_the_own_patches(neighbours):
    embeddings = unit_vectors(6, 70, 16)
    coreset = choose_coreset(embeddings, method=CoresetMethod.RANDOM, size=300, seed=0)
    found = held_out_distances(embeddings, coreset, neighbours=neighbours)
    np.testing.assert_allclose(found, brute_force(embeddings, coreset, neighbours), atol=1e-7)


def test_own_patches_would_make_the_statistics_too_small():
    embeddings = unit_vectors(6, 30, 16)
    coreset = choose_coreset(embeddings, method=CoresetMethod.RANDOM, size=1000, seed=0)
    assert held_out_distances(embeddings, coreset, neighbours=1).min() > 0.01  # with its own patches: all 0


def test_a_shared_background_is_no_surprise_to_any_image():
    """Every image has the same flat background: none may find it missing in a bank without itself."""
    embeddings = unit_vectors(6, 30, 16)
    embeddings[:, 10:] = embeddings[0, 10]
    coreset = choose_coreset(embeddings, method=CoresetMethod.RANDOM, size=1000, seed=0)
    distances = held_out_distances(embeddings, coreset, neighbours=1)
    np.testing.assert_allclose(distances[:, 10:], 0.0, atol=1e-6)


def test_too_few_other_images_are_refused():
    embeddings = unit_vectors(1, 30, 16)
    with pytest.raises(UsageError, match="more good images"):
        held_out_distances(
            embeddings, choose_coreset(embeddings, method=CoresetMethod.RANDOM, size=1000, seed=0), neighbours=3
        )


def test_mean_and_deviation_are_those_of_all_patches_and_scores_are_top_k_means():
    distances = np.random.default_rng(0).uniform(0, 1, (30, 9))
    calibration = make_calibration(distances, top_k=2, false_reject_rate=0.1)
    assert calibration.mean == pytest.approx(distances.mean())
    assert calibration.std == pytest.approx(distances.std())
    expected = np.sort((np.sort(distances, axis=1)[:, -2:].mean(axis=1) - distances.mean()) / distances.std())
    np.testing.assert_allclose(calibration.scores, expected)
    assert calibration.threshold == calibration.scores[27]  # ceil(31 * 0.9) = 28th of 30


def test_identical_images_do_not_make_the_scale_vanish():
    calibration = make_calibration(np.full((20, 4), 0.25), top_k=1, false_reject_rate=0.1)
    assert calibration.std == STD_FLOOR
    assert calibration.threshold == pytest.approx(0.0)
