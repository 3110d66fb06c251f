"""Training of the head on vectors whose difference is known."""

import numpy as np
import pytest

from goodpart_bank_builder.learn.head import rescaled, standardised, train_head


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(0)
    good = rng.normal(1, 0.1, (3000, 16)).astype(np.float32)
    painted = rng.normal(1, 0.1, (600, 16)).astype(np.float32)
    painted[:, 3] += 0.5
    return painted, good


@pytest.fixture(scope="module")
def head(vectors):
    return train_head(*vectors, weight=1.0, seed=7)


def test_painted_vectors_get_the_higher_terms(vectors, head):
    rng = np.random.default_rng(1)
    new = rng.normal(1, 0.1, (500, 16)).astype(np.float32)
    bad = new.copy()
    bad[:, 3] += 0.5
    assert np.median(head.terms(bad)) > np.quantile(head.terms(new), 0.95)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(vectors, head):
    assert train_head(*vectors, weight=1.0, seed=7).flat.tobytes() == head.flat.tobytes()
    assert train_head(*vectors, weight=1.0, seed=8).flat.tobytes() != head.flat.tobytes()


def test_standardised_terms_have_the_weight_as_their_deviation(vectors, head):
    good = [vectors[1][:1000], vectors[1][1000:1500]]
    terms = standardised(head, good, weight=0.25).terms(np.concatenate(good))
    assert terms.mean() == pytest.approx(0, abs=1e-4)
    assert terms.std() == pytest.approx(0.25, rel=1e-4)


def test_rescaling_keeps_the_order(vectors, head):
    changed = rescaled(head, mean=2.0, deviation=0.5, weight=0.1)
    np.testing.assert_allclose(
        changed.terms(vectors[1]), (head.terms(vectors[1]) - 2.0) / 0.5 * 0.1, rtol=1e-4, atol=1e-4
    )
