"""Training of the head on vectors whose difference is known."""

import numpy as np
import pytest

from goodpart_bank_builder.learn.head import train_head


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(0)
    good = rng.normal(1, 0.1, (3000, 16)).astype(np.float32)
    painted = rng.normal(1, 0.1, (600, 16)).astype(np.float32)
    painted[:, 3] += 0.5
    return painted, good


@pytest.fixture(scope="module")
def head(vectors):
    return train_head(*vectors, seed=7)


def test_painted_vectors_get_the_higher_logits(vectors, head):
    rng = np.random.default_rng(1)
    new = rng.normal(1, 0.1, (500, 16)).astype(np.float32)
    bad = new.copy()
    bad[:, 3] += 0.5
    assert np.median(head.logits(bad)) > np.quantile(head.logits(new), 0.95)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(vectors, head):
    assert train_head(*vectors, seed=7).flat.tobytes() == head.flat.tobytes()
    assert train_head(*vectors, seed=8).flat.tobytes() != head.flat.tobytes()
