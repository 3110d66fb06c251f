"""Random coresets: seeded, distinct, and true to where each vector came from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.errors import UsageError
from goodpart_bank_builder.coreset import random_coreset
from small_parts import unit_vectors


@settings(derandomize=True, deadline=None, max_examples=40)
@given(images=st.integers(1, 6), patches=st.integers(2, 20), size=st.integers(2, 100), seed=st.integers(0, 99))
def test_every_kept_vector_is_one_of_its_image(images, patches, size, seed):
    embeddings = unit_vectors(images, patches, 8, seed)
    coreset = random_coreset(embeddings, size=size, seed=seed)
    assert len(coreset.vectors) == min(size, images * patches)
    for vector, image in zip(coreset.vectors, coreset.images, strict=True):
        assert (embeddings[image] == vector).all(axis=1).any()
    assert len(np.unique(coreset.vectors, axis=0)) == len(coreset.vectors)


def test_the_seed_decides_which_are_kept():
    embeddings = unit_vectors(5, 50, 8)
    one, same, other = (random_coreset(embeddings, size=20, seed=seed).vectors for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_identical_vectors_are_kept_once_and_counted():
    embeddings = unit_vectors(2, 10, 8)
    embeddings[1, 3:] = embeddings[0, 0]
    coreset = random_coreset(embeddings, size=100, seed=0)
    assert len(coreset.vectors) == 13
    assert coreset.duplicates == 7


def test_a_set_without_structure_is_refused():
    with pytest.raises(UsageError, match="structure"):
        random_coreset(np.ones((3, 4, 8), np.float32), size=10, seed=0)
