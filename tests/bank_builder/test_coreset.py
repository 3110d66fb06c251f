"""Coresets: seeded, distinct, true to where each vector came from; the greedy one is that of the plain loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.errors import UsageError
from goodpart.profile import CoresetMethod
from goodpart_bank_builder import coreset as coreset_module
from goodpart_bank_builder.coreset import choose_coreset, farthest_first
from small_parts import unit_vectors

RANDOM, GREEDY = CoresetMethod.RANDOM, CoresetMethod.GREEDY
both = pytest.mark.parametrize("method", CoresetMethod)


@both
@settings(derandomize=True, deadline=None, max_examples=40)
@given(images=st.integers(1, 6), patches=st.integers(2, 20), size=st.integers(2, 100), seed=st.integers(0, 99))
def test_every_kept_vector_is_one_of_its_image(method, images, patches, size, seed):
    embeddings = unit_vectors(images, patches, 8, seed)
    coreset = choose_coreset(embeddings, method=method, size=size, seed=seed)
    assert len(coreset.vectors) == min(size, images * patches)
    for vector, image in zip(coreset.vectors, coreset.images, strict=True):
        assert (embeddings[image] == vector).all(axis=1).any()
    assert len(np.unique(coreset.vectors, axis=0)) == len(coreset.vectors)


@both
def test_the_seed_decides_which_are_kept(method):
    embeddings = unit_vectors(5, 50, 8)
    one, same, other = (choose_coreset(embeddings, method=method, size=20, seed=seed).vectors for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@both
def test_identical_vectors_are_kept_once_and_counted(method):
    embeddings = unit_vectors(2, 10, 8)
    embeddings[1, 3:] = embeddings[0, 0]
    coreset = choose_coreset(embeddings, method=method, size=100, seed=0)
    assert len(coreset.vectors) == 13
    assert coreset.duplicates == 7


def test_a_vector_that_several_images_have_belongs_to_none():
    embeddings = unit_vectors(3, 10, 8)
    embeddings[2, 4] = embeddings[0, 0]
    embeddings[1, 5] = embeddings[1, 6]
    coreset = choose_coreset(embeddings, method=RANDOM, size=100, seed=0)
    owner = {vector.tobytes(): image for vector, image in zip(coreset.vectors, coreset.images, strict=True)}
    assert owner[embeddings[0, 0].tobytes()] == -1
    assert owner[embeddings[1, 5].tobytes()] == 1
    assert sorted(np.unique(coreset.images)) == [-1, 0, 1, 2]


@both
def test_a_set_without_structure_is_refused(method):
    with pytest.raises(UsageError, match="structure"):
        choose_coreset(np.ones((3, 4, 8), np.float32), method=method, size=10, seed=0)


def plain_loop(points, size, first):
    """Greedy k-centre by its definition, in float64."""
    points = points.astype(np.float64)
    chosen, distances = [first], ((points - points[first]) ** 2).sum(axis=1)
    while len(chosen) < size:
        chosen.append(int(distances.argmax()))
        distances = np.minimum(distances, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return chosen


@pytest.mark.parametrize("pool", [2, 7, 50, 10_000])
@pytest.mark.parametrize("dimension", [2, 16])
def test_rounds_choose_what_the_plain_loop_chooses(monkeypatch, pool, dimension):
    monkeypatch.setattr(coreset_module, "_POOL", pool)
    monkeypatch.setattr(coreset_module, "_ROWS", 64)
    points = np.random.default_rng(pool).normal(size=(500, dimension)).astype(np.float32)
    np.testing.assert_array_equal(farthest_first(points, 120, first=3), plain_loop(points, 120, 3))


def test_every_point_is_chosen_once_when_all_are_wanted(monkeypatch):
    monkeypatch.setattr(coreset_module, "_POOL", 5)
    points = np.repeat(np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32), 2, axis=0)
    assert sorted(farthest_first(points, 40, first=0)) == list(range(40))


def test_greedy_covers_a_rare_corner_that_random_misses():
    rng = np.random.default_rng(0)
    common = np.tile([1.0, 0, 0, 0], (3000, 1)) + rng.normal(0, 0.01, (3000, 4))
    rare = np.array([[0.0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    vectors = np.concatenate([common, rare])
    embeddings = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)[np.newaxis]

    def uncovered(method):
        kept = choose_coreset(embeddings, method=method, size=30, seed=0).vectors
        return (1.0 - (rare @ kept.T).max(axis=1)).max()

    assert uncovered(GREEDY) < 1e-6
    assert uncovered(RANDOM) > 0.5
