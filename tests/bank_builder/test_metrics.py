"""Metrics: those of scikit-learn, and counted pixels that give the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from goodpart_bank_builder.metrics import PixelCounts, auprc, auroc, mean_of


@settings(derandomize=True, deadline=None, max_examples=60)
@given(seed=st.integers(0, 999), scale=st.sampled_from([0.3, 1.0, 50.0]), shift=st.sampled_from([-3.0, 0.0, 10.0]))
def test_counted_pixels_give_the_area_of_all_pixels(seed, scale, shift):
    rng = np.random.default_rng(seed)
    counts, all_scores, all_masks = PixelCounts(), [], []
    for _ in range(3):
        mask = rng.random((40, 30)) < 0.1
        scores = (rng.normal(size=(40, 30)) * scale + shift + mask * scale).astype(np.float32)
        counts.add(scores, mask)
        all_scores.append(scores.ravel())
        all_masks.append(mask.ravel())
    assert counts.auroc() == pytest.approx(
        roc_auc_score(np.concatenate(all_masks), np.concatenate(all_scores)), abs=2e-4
    )


def test_order_is_kept_across_zero():
    counts = PixelCounts()
    scores = np.array([[-5.0, -1.0, -0.0, 0.0, 1e-3, 7.0]], np.float32)
    counts.add(scores, np.array([[False, False, False, True, True, True]]))
    assert counts.auroc() == 1.0


def test_without_both_kinds_there_is_no_area():
    counts = PixelCounts()
    assert counts.auroc() is None
    counts.add(np.zeros((4, 4), np.float32), np.zeros((4, 4), bool))
    assert counts.auroc() is None
    assert auroc(np.array([True, True]), np.array([1.0, 2.0])) is None
    assert auprc(np.array([False]), np.array([1.0])) is None


def test_image_metrics_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels, scores = rng.random(50) < 0.4, rng.normal(size=50)
    assert auroc(labels, scores) == roc_auc_score(labels, scores)
    assert auprc(labels, scores) == average_precision_score(labels, scores)


def test_a_mean_leaves_out_what_could_not_be_had():
    assert mean_of([1.0, None, 0.5]) == 0.75
    assert mean_of([None]) is None
