"""The HNSW index: reproducible bytes, honest recall."""

import hnswlib
import numpy as np

from goodpart.profile import IndexSpec
from goodpart_bank_builder.index import build_index, measure_recall, save_index
from small_parts import unit_vectors

SPEC = IndexSpec(links=8, ef_construction=40, ef_search=10)


def test_the_same_vectors_give_the_same_bytes(tmp_path):
    vectors = unit_vectors(1, 1200, 16)[0]
    for name in ("one", "two"):
        save_index(build_index(vectors, SPEC, seed=3), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_labels_are_positions():
    vectors = unit_vectors(1, 700, 16)[0]
    labels, _ = build_index(vectors, SPEC, seed=0).knn_query(vectors[600:610], k=1, num_threads=1)
    np.testing.assert_array_equal(labels[:, 0], np.arange(600, 610))


def test_recall_is_that_of_counting_by_hand():
    vectors, queries = unit_vectors(1, 1500, 32)[0], unit_vectors(1, 90, 32, seed=1)[0]
    index = build_index(vectors, SPEC, seed=0)
    found = measure_recall(index, vectors, queries, neighbours=4, ef_search=4)
    index.set_ef(4)
    labels, _ = index.knn_query(queries, k=4, num_threads=1)
    true = np.argsort(-(queries @ vectors.T), axis=1)[:, :4]
    by_hand = np.mean([len(set(row) & set(best)) / 4 for row, best in zip(labels, true, strict=True)])
    assert found == by_hand
    assert 0.2 < found < 1.0  # so low an ef misses some
    assert measure_recall(index, vectors, queries, neighbours=4, ef_search=1500) > found


def test_a_graph_that_finds_too_few_counts_as_not_found():
    vectors = unit_vectors(1, 50, 8)[0]
    index = hnswlib.Index("cosine", 8)
    index.init_index(50, M=2, ef_construction=2, random_seed=0)
    index.add_items(np.repeat(vectors[:1], 50, axis=0), np.arange(50), num_threads=1)  # identical: a disconnected graph
    assert measure_recall(index, np.repeat(vectors[:1], 50, axis=0), vectors, neighbours=40, ef_search=40) <= 1.0
