"""Small banks under bad graphs, and brute force: what tests of the search compare."""

import hnswlib
import numpy as np
from hypothesis import strategies as st

from goodpart.bank.graph import Graph
from goodpart.bank.search import Bank


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_graph(vectors, projection, ef_search=1, links=2, ef_construction=2):
    """A graph as bad as can be, unless told otherwise."""
    index = hnswlib.Index("cosine", projection.shape[1])
    index.init_index(len(vectors), M=links, ef_construction=ef_construction, random_seed=1)
    index.add_items(vectors @ projection, np.arange(len(vectors)), num_threads=1)
    return Graph(index, projection, ef_search=ef_search)


def make_bank(vectors, neighbours=3, ef_search=1, links=2, ef_construction=2, directions=None, candidates=1):
    """A bank with such a graph, over all directions or only the first few axes."""
    axes = np.eye(vectors.shape[1], dtype=np.float32)[:, :directions]
    graph = make_graph(vectors, np.ascontiguousarray(axes), ef_search, links, ef_construction)
    return Bank(vectors, graph, neighbours=neighbours, candidates=candidates)


def brute_force(vectors, queries, neighbours):
    distances = 1.0 - queries.astype(np.float64) @ vectors.astype(np.float64).T
    return np.sort(distances, axis=1)[:, :neighbours].mean(axis=1)


@st.composite
def scenes(draw):
    """A bank, queries and the settings of a search: random, clustered, with duplicates, or constant."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    count, dimension = draw(st.integers(8, 300)), draw(st.sampled_from([4, 16, 33]))
    kind = draw(st.sampled_from(["random", "clustered", "duplicates"]))
    vectors = rng.normal(size=(count, dimension))
    if kind == "clustered":
        vectors = rng.normal(size=(3, dimension))[rng.integers(0, 3, count)] + rng.normal(0, 0.01, (count, dimension))
    if kind == "duplicates":
        vectors[rng.random(count) < 0.5] = vectors[0]
    patches = draw(st.integers(1, 80))
    queries = vectors[rng.integers(0, count, patches)] + rng.normal(
        0, draw(st.sampled_from([0.0, 0.02, 1.0])), (patches, dimension)
    )
    if draw(st.booleans()):
        queries[:] = queries[0]  # a constant frame: every patch alike
    neighbours, top_k = draw(st.integers(1, 5)), draw(st.integers(1, patches))
    graph = {"ef_search": draw(st.integers(1, 20)), "candidates": draw(st.integers(1, 9))}
    graph["directions"] = draw(st.integers(1, dimension))
    return unit(vectors), unit(queries), neighbours, top_k, graph
