"""Coresets: seeded, distinct, mergeable; the greedy one is that of the plain loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.errors import UsageError
from goodpart.facts.profile import CoresetMethod
from goodpart_bank_builder.learn import coreset as coreset_module
from goodpart_bank_builder.learn.coreset import Chooser, Coreset, farthest_first, require_structure
from small_parts import unit_vectors

RANDOM, GREEDY = CoresetMethod.RANDOM, CoresetMethod.GREEDY
PLACE = (1, 0, 0)
"""Fold, batch, and embeddings before."""

both = pytest.mark.parametrize("method", CoresetMethod)


def rows(count, dimension, seed=0):
    """`(count, dimension) float32` random unit vectors."""
    return unit_vectors(1, count, dimension, seed)[0]


def as_set(vectors):
    return {vector.tobytes() for vector in vectors}


def merged_in_chunks(embeddings, cuts, *, method, size, seed):
    """The coreset of embeddings that arrive piece by piece."""
    chooser = Chooser(method, size=size, seed=seed)
    # cuts beyond the end give empty chunks, which are left out
    chunks = zip([0, *sorted(cuts)], np.split(embeddings, sorted(cuts)), strict=True)
    return chooser.merged(
        [chooser.of(chunk, place=(1, 0, before)) for before, chunk in chunks if len(chunk)], name="all"
    )


@both
@settings(derandomize=True, deadline=None, max_examples=40)
@given(count=st.integers(1, 120), size=st.integers(2, 100), seed=st.integers(0, 99))
def test_as_many_as_asked_for_are_kept_and_every_one_was_given(method, count, size, seed):
    embeddings = rows(count, 8, seed)
    coreset = Chooser(method, size=size, seed=seed).of(embeddings, place=PLACE)
    assert len(coreset.vectors) == len(coreset.keys) == min(size, count)
    assert as_set(coreset.vectors) <= as_set(embeddings)
    assert len(as_set(coreset.vectors)) == len(coreset.vectors)
    assert coreset.vectors.dtype == np.float32


@both
@pytest.mark.parametrize("dimension", [8, 200])  # 200 is projected
def test_the_seed_decides_which_are_kept(method, dimension):
    embeddings = rows(250, dimension)
    one, same, other = (Chooser(method, size=20, seed=seed).of(embeddings, place=PLACE).vectors for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert as_set(one) != as_set(other)


@both
def test_identical_vectors_are_kept_once_and_counted(method):
    embeddings = rows(20, 8)
    embeddings[13:] = embeddings[0]
    coreset = Chooser(method, size=100, seed=0).of(embeddings, place=PLACE)
    assert as_set(coreset.vectors) == as_set(embeddings)
    assert (len(coreset.vectors), coreset.duplicates) == (13, 7)


@both
def test_identical_vectors_of_two_coresets_are_kept_once_and_counted(method):
    chooser = Chooser(method, size=100, seed=0)
    shared, own, others = rows(4, 8, 1), rows(5, 8, 2), rows(6, 8, 3)
    coreset = chooser.merged(
        [
            chooser.of(np.concatenate([shared, shared[:2], own]), place=(1, 0, 0)),
            chooser.of(np.concatenate([others, shared]), place=(1, 0, 1)),
        ],
        name="all",
    )
    assert as_set(coreset.vectors) == as_set(np.concatenate([shared, own, others]))
    assert (len(coreset.vectors), coreset.duplicates) == (15, 2 + 4)


@both
def test_a_single_coreset_is_merged_as_it_is(method):
    chooser = Chooser(method, size=5, seed=0)
    only = chooser.of(rows(30, 8), place=PLACE)
    assert chooser.merged([only], name="all") is only


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    count=st.integers(1, 200),
    cuts=st.lists(st.integers(0, 200), max_size=6),
    size=st.integers(1, 60),
    seed=st.integers(0, 99),
)
def test_a_random_coreset_holds_the_lowest_keys_of_all_however_it_was_chunked(count, cuts, size, seed):
    embeddings = rows(count, 8, seed)[np.random.default_rng(seed).integers(0, count, count)]  # some stand there twice
    merged = merged_in_chunks(embeddings, cuts, method=RANDOM, size=size, seed=seed)
    keys = np.random.default_rng(np.random.SeedSequence([seed, 1, 0])).random(count)
    lowest = {}
    for index in np.argsort(keys):
        lowest.setdefault(embeddings[index].tobytes(), index)
    expected = sorted(list(lowest.values())[:size])
    np.testing.assert_array_equal(merged.vectors, embeddings[expected])
    np.testing.assert_array_equal(merged.keys, keys[expected])


def test_a_random_coreset_favours_no_chunk():
    """Of 900 and 100 vectors, about nine tenths of those that are kept are of the first."""
    embeddings = rows(1000, 8)
    first = as_set(embeddings[:900])
    kept = [
        sum(
            vector.tobytes() in first
            for vector in merged_in_chunks(embeddings, [900], method=RANDOM, size=50, seed=seed).vectors
        )
        for seed in range(40)
    ]
    assert np.mean(kept) == pytest.approx(45, abs=1.5)


def plain_loop(points, size, first):
    """Greedy k-centre by its definition, in float64."""
    points = points.astype(np.float64)
    chosen, distances = [first], ((points - points[first]) ** 2).sum(axis=1)
    while len(chosen) < size:
        chosen.append(int(distances.argmax()))
        distances = np.minimum(distances, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return chosen


@pytest.mark.parametrize("seed", range(5))
def test_a_greedy_coreset_is_that_of_the_plain_loop_from_some_first_vector(seed):
    embeddings = rows(60, 8, seed)
    kept = as_set(Chooser(GREEDY, size=15, seed=seed).of(embeddings, place=PLACE).vectors)
    assert any(kept == as_set(embeddings[plain_loop(embeddings, 15, first)]) for first in range(60))


@pytest.mark.parametrize("pool", [2, 7, 50, 10_000])
@pytest.mark.parametrize("dimension", [2, 16])
def test_rounds_choose_what_the_plain_loop_chooses(monkeypatch, pool, dimension):
    monkeypatch.setattr(coreset_module, "_POOL", pool)
    monkeypatch.setattr(coreset_module, "_ROWS", 64)
    points = np.random.default_rng(pool).normal(size=(500, dimension)).astype(np.float32)
    np.testing.assert_array_equal(farthest_first(points, 120, first=3), plain_loop(points, 120, 3))


def test_every_distinct_point_is_chosen_once_when_all_are_wanted(monkeypatch):
    monkeypatch.setattr(coreset_module, "_POOL", 5)
    points = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    assert sorted(farthest_first(points, 40, first=0)) == list(range(20))


@pytest.mark.parametrize("pool", [3, 1000])
def test_no_point_near_a_chosen_one_is_chosen(monkeypatch, pool):
    monkeypatch.setattr(coreset_module, "_POOL", pool)
    points = np.random.default_rng(0).uniform(size=(400, 2)).astype(np.float32)
    chosen = points[farthest_first(points, 400, first=0, near=0.01)]
    apart = ((chosen[:, np.newaxis] - chosen) ** 2).sum(axis=2)
    assert apart[~np.eye(len(chosen), dtype=bool)].min() > 0.01
    to_chosen = ((points[:, np.newaxis] - chosen) ** 2).sum(axis=2).min(axis=1)
    assert to_chosen.max() <= 0.01 + 1e-6  # and all others are near one
    assert 10 < len(chosen) < 400


def near_and_far(seed=0):
    """Ten vectors, and for each a near-duplicate at a cosine distance of about 3e-5."""
    rng = np.random.default_rng(seed + 1)
    one = rows(10, 16, seed).astype(np.float64)
    other = one + rng.normal(0, 0.002, one.shape)
    return np.concatenate([one, other / np.linalg.norm(other, axis=1, keepdims=True)]).astype(np.float32)


def test_near_duplicates_are_not_kept_twice_by_greedy_choice():
    embeddings = near_and_far()
    kept = Chooser(GREEDY, size=20, seed=0).of(embeddings, place=PLACE).vectors
    assert len(kept) == 10
    assert (kept @ kept.T - np.eye(10)).max() < 0.999
    chooser = Chooser(GREEDY, size=20, seed=0)
    halves = [
        chooser.of(half, place=(1, 0, before)) for before, half in zip((0, 10), np.split(embeddings, [10]), strict=True)
    ]
    assert len(chooser.merged(halves, name="all").vectors) == 10
    assert len(Chooser(RANDOM, size=20, seed=0).of(embeddings, place=PLACE).vectors) == 20


def test_greedy_covers_a_rare_corner_that_random_misses():
    rng = np.random.default_rng(0)
    common = np.tile([1.0, 0, 0, 0], (3000, 1)) + rng.normal(0, 0.01, (3000, 4))
    rare = np.array([[0.0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    vectors = np.concatenate([common, rare])
    embeddings = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def uncovered(method):
        kept = Chooser(method, size=30, seed=0).of(embeddings, place=PLACE).vectors
        return (1.0 - (rare @ kept.T).max(axis=1)).max()

    assert uncovered(GREEDY) < 1e-6
    assert uncovered(RANDOM) > 0.5


def radius(embeddings, kept):
    """The longest way from a vector to the nearest kept one, Euclidean."""
    return np.sqrt(np.maximum(2 - 2 * (embeddings @ kept.T).max(axis=1), 0)).max()


@pytest.mark.parametrize("dimension", [16, 300])
@pytest.mark.parametrize("seed", range(3))
def test_a_merged_greedy_coreset_covers_nearly_as_well_as_a_direct_one(dimension, seed):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(40, dimension))[rng.integers(0, 40, 3000)]
    vectors = centres + rng.normal(0, 0.1, centres.shape)
    embeddings = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    embeddings = embeddings[np.argsort(embeddings[:, 0])]  # every chunk has clusters of its own
    direct = Chooser(GREEDY, size=150, seed=seed).of(embeddings, place=PLACE)
    merged = merged_in_chunks(embeddings, range(300, 3000, 300), method=GREEDY, size=150, seed=seed)
    assert len(merged.vectors) == 150
    assert radius(embeddings, merged.vectors) <= 3 * radius(embeddings, direct.vectors)


few_values = st.lists(st.tuples(*[st.sampled_from([-1.0, -0.0, 0.0, 0.5])] * 2), min_size=1, max_size=30)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(few_values, st.sampled_from([None, 1, 2, 3]))
def test_distinct_rows_are_those_of_comparing_all_also_when_hashes_collide(values, hashes):
    vectors = np.array(values, np.float32)
    # -0 and 0 are one value
    expected = sorted({row: index for index, row in reversed(list(enumerate(values)))}.values())
    with pytest.MonkeyPatch.context() as patch:
        if hashes is not None:
            honest = coreset_module._hashes
            patch.setattr(coreset_module, "_hashes", lambda vectors: honest(vectors) % np.uint64(hashes))
        np.testing.assert_array_equal(coreset_module._distinct(vectors), expected)


@pytest.mark.parametrize(("count", "neighbours", "needed"), [(1, 1, 2), (2, 3, 3), (4, 5, 5)])
def test_a_bank_that_cannot_answer_is_refused(count, neighbours, needed):
    def bank(count):
        return Coreset(vectors=rows(count, 8), keys=np.zeros(count), duplicates=0, origins=np.arange(count))

    with pytest.raises(UsageError, match=f"at least {needed} distinct patches, .* found {count}; .* structure"):
        require_structure(bank(count), neighbours=neighbours)
    require_structure(bank(needed), neighbours=neighbours)
