"""The HNSW graph: reproducible bytes, honest recall."""

import hnswlib
import numpy as np

from goodpart.bank.graph import Graph
from goodpart.facts.manifest import SearchMethod
from goodpart.facts.profile import IndexSpec
from goodpart_bank_builder.build.index import (
    build_index,
    measure_recall,
    principal_projection,
    save_index,
    search_method,
)
from small_parts import unit_vectors

SPEC = IndexSpec(directions=16, links=8, ef_construction=40, ef_search=10, candidates=4)


def build(vectors, count=16, seed=0, ef_search=4):
    projection = principal_projection(vectors, count)
    return Graph(build_index(vectors, projection, SPEC, seed=seed), projection, ef_search=ef_search)


def test_the_same_vectors_give_the_same_bytes(tmp_path):
    vectors = unit_vectors(1, 1200, 16)[0]
    for name in ("one", "two"):
        save_index(build_index(vectors, principal_projection(vectors, 8), SPEC, seed=3), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_labels_are_positions():
    vectors = unit_vectors(1, 700, 16)[0]
    np.testing.assert_array_equal(build(vectors).candidates(vectors[600:610], 1)[:, 0], np.arange(600, 610))


def test_the_last_vectors_go_in_first(tmp_path):
    """A greedy coreset ends in its dense middle, and a graph that begins there reaches every corner."""
    vectors = unit_vectors(1, 700, 16)[0]
    projection = principal_projection(vectors, 16)
    save_index(build_index(vectors, projection, SPEC, seed=0), tmp_path / "graph")
    element_bytes = 8 * SPEC.links + 4 + 4 * 16 + 8
    elements = np.fromfile(tmp_path / "graph", np.uint8, count=700 * element_bytes, offset=96)
    labels = elements.reshape(700, element_bytes)[:, -8:].copy().view("<u8").ravel()
    np.testing.assert_array_equal(labels, np.arange(700)[::-1])


def test_directions_hold_the_most_that_so_many_can():
    vectors = unit_vectors(1, 300, 12)[0] * np.linspace(3, 0.1, 12, dtype=np.float32)
    found = principal_projection(vectors, 5)
    assert found.shape == (12, 5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.T @ found, np.eye(5), atol=1e-5)
    singular = np.linalg.svd(vectors.astype(np.float64), compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(vectors @ found, axis=0), singular[:5], rtol=1e-4)
    assert (np.take_along_axis(found, np.abs(found).argmax(axis=0)[None], axis=0) > 0).all()


def test_no_more_directions_than_there_can_be():
    assert principal_projection(unit_vectors(1, 300, 12)[0], 64).shape == (12, 12)
    assert principal_projection(unit_vectors(1, 7, 12)[0], 64).shape == (12, 7)


def test_small_banks_are_searched_without_the_graph():
    assert search_method(2) is SearchMethod.EXACT
    assert search_method(5000) is SearchMethod.GRAPH


def test_recall_is_that_of_counting_by_hand():
    vectors, queries = unit_vectors(1, 1500, 32)[0], unit_vectors(1, 90, 32, seed=1)[0]
    graph = build(vectors, 24)
    found = measure_recall(graph, vectors, queries, neighbours=4, candidates=6)
    true = np.argsort(-(queries @ vectors.T), axis=1)[:, :4]
    named = graph.candidates(queries, 6)
    by_hand = np.mean([len(set(row) & set(best)) / 4 for row, best in zip(named, true, strict=True)])
    assert found == by_hand
    assert 0.1 < found < 1.0  # so low an ef misses some
    assert measure_recall(graph, vectors, queries, neighbours=4, candidates=500) > found


def test_a_graph_that_finds_too_few_counts_as_not_found():
    vectors = unit_vectors(1, 50, 8)[0]
    index = hnswlib.Index("cosine", 8)
    index.init_index(50, M=2, ef_construction=2, random_seed=0)
    index.add_items(np.repeat(vectors[:1], 50, axis=0), np.arange(50), num_threads=1)  # identical: a disconnected graph
    graph = Graph(index, np.eye(8, dtype=np.float32), ef_search=40)
    assert measure_recall(graph, np.repeat(vectors[:1], 50, axis=0), vectors, neighbours=40, candidates=40) <= 1.0
