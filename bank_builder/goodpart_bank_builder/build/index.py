"""The HNSW graph of a bank; the same vectors give the same bytes."""

import dataclasses
import os
from pathlib import Path

import hnswlib
import numpy as np
import numpy.typing as npt

from goodpart._host.inner_products import inner_products
from goodpart.bank.graph import Graph
from goodpart.errors import UsageError
from goodpart.facts.manifest import SearchMethod
from goodpart.facts.profile import IndexSpec, Profile
from goodpart_bank_builder.progress import progress

RECALL = 0.95
"""Recall from which on the graph leaves the map tight below the pixel threshold."""

_BLOCK = 500

_MOST_CANDIDATES = 1000

_FEW_VECTORS = 200
"""Up to this many vectors, exact products are faster than a graph (benchmarks/search.py)."""


def search_method(vectors: int) -> SearchMethod:
    """The fastest search of a bank with this many vectors."""
    return SearchMethod.EXACT if vectors <= _FEW_VECTORS else SearchMethod.GRAPH


def principal_projection(vectors: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    """The projection onto the uncentred principal components, which hold most of the vectors' squared lengths.

    Args:
        vectors: `(N, D) float32`.
        count: the maximum number of components.

    Returns:
        `(D, M) float32` orthonormal columns, the strongest first; M is the minimum of `count`, D and N.
    """
    wide = vectors.astype(np.float64)
    _, found = np.linalg.eigh(wide.T @ wide)
    strongest = found[:, ::-1][:, : min(count, *vectors.shape)]
    # the sign of an eigenvector is arbitrary and depends on the machine, so the largest component is made positive
    largest = np.take_along_axis(strongest, np.abs(strongest).argmax(axis=0)[np.newaxis], axis=0)
    return np.ascontiguousarray(strongest * np.sign(largest), dtype=np.float32)


def build_index(
    vectors: npt.NDArray[np.float32], projection: npt.NDArray[np.float32], spec: IndexSpec, *, seed: int
) -> hnswlib.Index:
    """Builds the graph on one thread, because several threads would build a different graph every time.

    The vectors are added from the last to the first. A greedy coreset begins with the outliers and ends in the dense
    middle. A graph that is built from the dense middle outwards reaches every region: 0.1 % of the bottles' patches
    then miss their neighbourhood instead of 2 %.

    Args:
        vectors: `(N, D) float32` distinct unit vectors; their labels become 0 to N - 1.
        projection: `(D, M) float32`; the graph is built over the projected vectors.
        spec: the parameters of the graph.
        seed: of the graph's levels.
    """
    projected = inner_products(vectors, np.ascontiguousarray(projection.T))
    index = hnswlib.Index("cosine", projection.shape[1])
    index.init_index(len(vectors), M=spec.links, ef_construction=spec.ef_construction, random_seed=seed)
    order = np.arange(len(vectors))[::-1]
    blocks = range(0, len(vectors), _BLOCK)
    for first in progress(blocks, doing="indexing", total=len(blocks), unit=f"blocks of {_BLOCK} vectors"):
        labels = order[first : first + _BLOCK]
        index.add_items(projected[labels], labels, num_threads=1)
    return index


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ChosenIndex:
    """A graph over the bank, and how it is searched.

    Attributes:
        index: the HNSW index.
        graph: over the same.
        candidates: bank vectors that it names for each patch.
        recall: share of the K nearest neighbours of good patches among them, 0 to 1.
    """

    index: hnswlib.Index
    graph: Graph
    candidates: int
    recall: float


def choose_index(
    vectors: npt.NDArray[np.float32],
    queries: npt.NDArray[np.float32],
    profile: Profile,
    *,
    seed: int,
    threads: int,
) -> ChosenIndex:
    """The cheapest of three graphs that finds 95 % of the nearest neighbours, or the one that finds the most.

    The first is the profile's. The second names twice as many candidates. The third names these in twice as many
    directions. The certified search of a frame takes about as long with each: what a better graph costs more, it saves
    in patches to prove (docs/lab/search.md).

    Args:
        vectors: `(N, D) float32` distinct unit vectors.
        queries: `(Q, D) float32` good patches.
        profile: `neighbours` and `index` are used.
        seed: of the graph's levels.
        threads: for the queries.
    """
    spec = profile.index
    tried: list[ChosenIndex] = []
    for directions, rounds in ((spec.directions, (1, 2)), (2 * spec.directions, (2,))):
        projection = principal_projection(vectors, directions)
        if tried and projection.shape == tried[-1].graph.projection.shape:
            break  # the bank has no more directions
        index = build_index(vectors, projection, spec, seed=seed)
        graph = Graph(index, projection, ef_search=spec.ef_search, threads=threads)
        for times in rounds:
            count = min(times * spec.candidates, _MOST_CANDIDATES)
            recall = measure_recall(graph, vectors, queries, neighbours=profile.neighbours, candidates=count)
            tried.append(ChosenIndex(index=index, graph=graph, candidates=count, recall=recall))
            if recall >= RECALL:
                return tried[-1]
    return max(tried, key=lambda chosen: chosen.recall)


def measure_recall(
    graph: Graph,
    vectors: npt.NDArray[np.float32],
    queries: npt.NDArray[np.float32],
    *,
    neighbours: int,
    candidates: int,
) -> float:
    """Share of the K nearest neighbours that the graph names as candidates, 0 to 1.

    A candidate as near as the K-th neighbour counts as found.

    Args:
        graph: over `vectors`.
        vectors: `(N, D) float32`.
        queries: `(Q, D) float32` good patches.
        neighbours: K.
        candidates: number of candidates that the graph names for each query; at least K.
    """
    found, count = 0, min(max(candidates, neighbours), len(vectors))
    for first in range(0, len(queries), 64):
        rows = queries[first : first + 64]
        named = graph.candidates(rows, count)
        if named is None:
            continue  # nothing found
        similarities = inner_products(vectors, rows)
        kth = np.partition(similarities, -neighbours, axis=0)[-neighbours]
        near = (np.take_along_axis(similarities, named.T, axis=0) >= kth).sum(axis=0)
        found += int(np.minimum(near, neighbours).sum())
    return found / (len(queries) * neighbours)


def save_index(index: hnswlib.Index, path: Path) -> None:
    """Writes an index file. hnswlib reports few failures, so the caller reads the file back.

    Raises:
        UsageError: hnswlib cannot write to the path.
    """
    try:
        # as bytes, because a folder's name need not be UTF-8
        index.save_index(os.fsencode(path))
    except RuntimeError as error:
        raise UsageError(f"{path}: expected a disk that takes the index, found {error}") from error
