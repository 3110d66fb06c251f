"""Certified search: the worst patches are exact, whatever HNSW missed."""

import hnswlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart._host.inner_products import inner_products
from goodpart.bank.exact import nearest_distances
from goodpart.bank.graph import Graph
from goodpart.bank.search import Bank
from goodpart.errors import ContractError, InferenceError, UsageError
from goodpart.facts.manifest import SearchMethod
from goodpart.facts.profile import IndexSpec
from small_banks import brute_force, make_bank, make_graph, scenes, unit

SIGMA = 0.02


def check_certified(bank, queries, neighbours, top_k):
    true = brute_force(bank.vectors, queries, neighbours)
    found = bank.search(queries, top_k=top_k)
    worst = np.sort(true)[-top_k:]
    np.testing.assert_allclose(np.sort(found.distances)[-top_k:], worst, atol=1e-7)
    assert abs(np.sort(found.distances)[-top_k:].mean() - worst.mean()) / SIGMA < 1e-5
    assert (found.distances >= true - 1e-6).all()  # what was not recomputed is an upper bound
    assert (found.distances <= np.maximum(true, worst[0]) + 1e-6).all()  # ... that stays below the k-th worst
    assert top_k <= found.recomputed <= len(queries)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(scenes())
def test_the_worst_patches_are_those_of_brute_force(scene):
    vectors, queries, neighbours, top_k, graph = scene
    check_certified(make_bank(vectors, neighbours, **graph), queries, neighbours, top_k)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(scenes(), st.floats(-0.05, 1.05))
def test_every_patch_above_a_limit_is_that_of_brute_force(scene, share):
    vectors, queries, neighbours, top_k, graph = scene
    bank = make_bank(vectors, neighbours, **graph)
    true = brute_force(bank.vectors, queries, neighbours)
    limit = true.min() + share * (true.max() - true.min())  # from below all to above all
    found = bank.search(queries, top_k=top_k, exact_above=limit)
    above = true > limit + 2e-7
    np.testing.assert_allclose(found.distances[above], true[above], atol=1e-7)
    assert (found.distances[true <= limit - 2e-7] <= limit).all()  # none is taken for one
    assert found.recomputed >= above.sum()
    np.testing.assert_allclose(np.sort(found.distances)[-top_k:], np.sort(true)[-top_k:], atol=1e-7)


def test_a_limit_that_rounding_hides_is_seen():
    """HNSW's float32 distances are upper bounds but for rounding."""
    rng = np.random.default_rng(0)
    vectors, queries = unit(rng.normal(size=(400, 64))), unit(rng.normal(size=(200, 64)))
    bank = make_bank(vectors, ef_search=400, links=16, ef_construction=200)
    true, bounds = brute_force(bank.vectors, queries, 3), bank.upper_bounds(queries)
    hidden = np.flatnonzero((bounds < true) & (bounds < np.median(bounds)))
    assert len(hidden) > 3
    for row in hidden:
        found = bank.search(queries, top_k=1, exact_above=bounds[row]).distances[row]
        assert found > bounds[row]
        assert found == pytest.approx(true[row], abs=1e-12)


def test_no_more_than_needed_is_recomputed_for_a_limit():
    rng = np.random.default_rng(0)
    vectors = unit(rng.normal(size=(2000, 16)))
    queries = unit(np.concatenate([vectors[:900] + rng.normal(0, 0.01, (900, 16)), rng.normal(size=(100, 16))]))
    bank = make_bank(vectors, neighbours=1, ef_search=64, links=16, ef_construction=100)
    few, some = (bank.search(queries, top_k=5, exact_above=limit).recomputed for limit in (np.inf, 0.02))
    assert few < 100 <= some < 250
    assert bank.search(queries, top_k=5, exact_above=-1.0).recomputed == 1000


@pytest.mark.parametrize("limit", [np.nan, -np.inf])
def test_a_limit_that_is_none_makes_everything_exact(limit):
    rng = np.random.default_rng(0)
    vectors, queries = unit(rng.normal(size=(300, 16))), unit(rng.normal(size=(90, 16)))
    found = make_bank(vectors).search(queries, top_k=1, exact_above=limit)
    assert found.recomputed == 90
    np.testing.assert_allclose(found.distances, brute_force(vectors, queries, 3), atol=1e-7)


def test_plain_hnsw_would_have_been_wrong():
    rng = np.random.default_rng(0)
    vectors, queries = unit(rng.normal(size=(3000, 16))), unit(rng.normal(size=(200, 16)))
    bank = make_bank(vectors)
    plain = bank.upper_bounds(queries)
    assert (plain - brute_force(vectors, queries, 3)).max() > 0.05
    check_certified(bank, queries, 3, 10)


def test_a_good_graph_needs_few_recomputed_patches():
    rng = np.random.default_rng(0)
    vectors = unit(rng.normal(size=(2000, 16)))
    queries = unit(np.concatenate([vectors[:990] + rng.normal(0, 0.01, (990, 16)), rng.normal(size=(10, 16))]))
    found = make_bank(vectors, ef_search=64, links=16, ef_construction=100).search(queries, top_k=5)
    assert found.recomputed < 200


def test_many_identical_vectors_are_searched_exactly():
    vectors = unit(np.repeat(np.eye(4), 100, axis=0) + 1e-9)
    queries = unit(np.random.default_rng(0).normal(size=(30, 4)))
    check_certified(make_bank(vectors, neighbours=5), queries, 5, 4)


@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_a_disconnected_graph_falls_back_to_exact_search(tmp_path, kept):
    """hnswlib gives up on the whole frame when one patch has fewer than K neighbours within reach."""
    rng = np.random.default_rng(0)
    vectors, queries = unit(rng.normal(size=(300, 8))), unit(rng.normal(size=(40, 8)))
    index = hnswlib.Index("cosine", 8)
    index.init_index(300, M=4, ef_construction=20, random_seed=0)
    index.add_items(vectors, np.arange(300), num_threads=1)
    index.save_index(str(tmp_path / "bank.hnsw"))
    data = np.fromfile(tmp_path / "bank.hnsw", np.uint8)
    elements = data[96 : 96 + 300 * 76].reshape(300, 76)
    elements[rng.random(300) >= kept, :4] = 0  # no links on level 0
    data.tofile(tmp_path / "bank.hnsw")
    spec = IndexSpec(directions=8, links=4, ef_construction=20, ef_search=5, candidates=1)
    graph = Graph.load(tmp_path / "bank.hnsw", vectors=vectors, projection=np.eye(8, dtype=np.float32), index=spec)
    assert graph.candidates(queries, 5) is None
    bank = Bank(vectors, graph, neighbours=5, candidates=1)
    check_certified(bank, queries, 5, 4)
    assert bank.search(queries, top_k=4).recomputed == 40


@pytest.mark.parametrize(
    ("embeddings", "words"),
    [
        (np.zeros((5, 7), np.float32), r"\(P, 8\), found \(5, 7\)"),
        (np.zeros((0, 8), np.float32), r"found \(0, 8\)"),
        (np.zeros(8, np.float32), r"found \(8,\)"),
        (np.full((2, 8), np.nan, np.float32), "NaN"),
        (np.full((2, 8), np.inf, np.float32), "infinity"),
    ],
)
def test_embeddings_that_hnswlib_must_not_see(embeddings, words):
    bank = make_bank(unit(np.random.default_rng(0).normal(size=(20, 8))))
    with pytest.raises(InferenceError, match=words):
        bank.search(embeddings, top_k=1)
    with pytest.raises(InferenceError, match=words):
        bank.exact_distances(embeddings)


@pytest.mark.parametrize("neighbours", [0, 21])
def test_more_neighbours_than_vectors(neighbours):
    with pytest.raises(UsageError, match="K from 1 to 20"):
        make_bank(unit(np.random.default_rng(0).normal(size=(20, 8))), neighbours=neighbours)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(count=st.integers(7, 900), rows=st.integers(1, 9), neighbours=st.integers(1, 6), seed=st.integers(0, 99))
def test_nearest_distances_are_those_of_sorting(count, rows, neighbours, seed):
    rng = np.random.default_rng(seed)
    vectors, queries = unit(rng.normal(size=(count, 12))), unit(rng.normal(size=(rows, 12)))
    similarities = inner_products(vectors, queries)
    excluded = rng.random(count) < 0.1
    excluded[np.flatnonzero(excluded)[: max(0, excluded.sum() - (count - neighbours))]] = False
    similarities[excluded] = -np.inf
    found = nearest_distances(similarities, vectors, queries, neighbours=neighbours)
    np.testing.assert_allclose(found, brute_force(vectors[~excluded], queries, neighbours), atol=1e-7)


def test_exact_distances_need_no_graph():
    rng = np.random.default_rng(3)
    vectors, queries = unit(rng.normal(size=(500, 8))), unit(rng.normal(size=(150, 8)))
    np.testing.assert_allclose(make_bank(vectors).exact_distances(queries), brute_force(vectors, queries, 3), atol=1e-7)


def test_ef_search_survives_loading(tmp_path):
    """hnswlib falls back to 10 when it loads a file."""
    rng = np.random.default_rng(0)
    vectors, queries = unit(rng.normal(size=(1500, 32))), unit(rng.normal(size=(200, 32)))
    projection = np.eye(32, dtype=np.float32)
    index = hnswlib.Index("cosine", 32)
    index.init_index(1500, M=8, ef_construction=40, random_seed=0)
    index.add_items(vectors, np.arange(1500), num_threads=1)
    index.save_index(str(tmp_path / "bank.hnsw"))
    found = {}
    for ef_search in (10, 1500):
        spec = IndexSpec(directions=32, links=8, ef_construction=40, ef_search=ef_search, candidates=3)
        graph = Graph.load(tmp_path / "bank.hnsw", vectors=vectors, projection=projection, index=spec)
        found[ef_search] = Bank(vectors, graph, neighbours=3, candidates=3).search(queries, top_k=1).distances.mean()
    assert found[1500] < found[10]
    assert found[1500] == pytest.approx(brute_force(vectors, queries, 3).mean(), abs=1e-6)


def test_exact_search_needs_no_candidates():
    rng = np.random.default_rng(0)
    vectors, queries = unit(rng.normal(size=(300, 16))), unit(rng.normal(size=(90, 16)))
    graph = make_graph(vectors, np.eye(16, dtype=np.float32))
    bank = Bank(vectors, graph, neighbours=3, candidates=1, search=SearchMethod.EXACT)
    found = bank.search(queries, top_k=2)
    assert found.recomputed == 90
    np.testing.assert_array_equal(found.distances, bank.exact_distances(queries))


def test_more_candidates_give_tighter_bounds():
    rng = np.random.default_rng(0)
    vectors, queries = unit(rng.normal(size=(900, 32))), unit(rng.normal(size=(300, 32)))
    facts = {"ef_search": 64, "links": 16, "ef_construction": 100, "directions": 12}
    few, many = (make_bank(vectors, 1, candidates=count, **facts).upper_bounds(queries) for count in (1, 16))
    assert (many <= few + 1e-6).all()
    assert (many < few - 1e-3).mean() > 0.2
    assert (many >= brute_force(vectors, queries, 1) - 1e-6).all()


def test_the_graph_of_another_bank(tmp_path):
    rng = np.random.default_rng(0)
    vectors, others = unit(rng.normal(size=(60, 8))), unit(rng.normal(size=(60, 8)))
    projection = np.ascontiguousarray(np.eye(8, dtype=np.float32)[:, :4])
    make_graph(vectors, projection, links=4, ef_construction=8)._index.save_index(str(tmp_path / "bank.hnsw"))
    spec = IndexSpec(directions=4, links=4, ef_construction=8, ef_search=4, candidates=1)
    assert len(Graph.load(tmp_path / "bank.hnsw", vectors=vectors, projection=projection, index=spec)) == 60
    with pytest.raises(ContractError, match=r"bank\.hnsw: expected the graph of bank\.npy, found that of another"):
        Graph.load(tmp_path / "bank.hnsw", vectors=others, projection=projection, index=spec)
    with pytest.raises(UsageError, match="expected a graph of 59 vectors, found one of 60"):
        Bank(vectors[:59].copy(), make_graph(vectors, projection), neighbours=1, candidates=1)


@pytest.mark.parametrize("neighbours", [1, 3])
@pytest.mark.parametrize("width", [1e-4, 3e-5, 1e-5])
def test_rounding_does_not_choose_the_neighbours(width, neighbours):
    """In a tight cluster float32 takes many vectors for equally near, and some of those are not."""
    rng = np.random.default_rng(0)
    vectors = unit(unit(rng.normal(size=(5, 448)))[rng.integers(0, 5, 2000)] + rng.normal(0, width, (2000, 448)))
    queries = unit(vectors[:60] + rng.normal(0, width, (60, 448)))
    plain = np.argsort(-(queries @ vectors.T), axis=1)[:, :neighbours]
    chosen = 1.0 - np.einsum("qkd,qd->qk", vectors[plain].astype(np.float64), queries.astype(np.float64)).mean(axis=1)
    true = brute_force(vectors, queries, neighbours)
    assert width > 3e-5 or np.abs(chosen - true).max() > 1e-9
    found = make_bank(vectors, neighbours, links=8, ef_construction=50).search(queries, top_k=60)
    np.testing.assert_allclose(found.distances, true, atol=1e-12)
