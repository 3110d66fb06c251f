"""The HNSW index of a bank, built so that the same vectors give the same bytes."""

import os
from pathlib import Path

import hnswlib
import numpy as np
import numpy.typing as npt

from goodpart.bank import products
from goodpart.errors import UsageError
from goodpart.profile import IndexSpec
from goodpart_bank_builder.progress import progress

_BLOCK = 500


def build_index(vectors: npt.NDArray[np.float32], spec: IndexSpec, *, seed: int) -> hnswlib.Index:
    """Builds on one thread, because several would give another graph every time.

    Args:
        vectors: `(N, D) float32` distinct unit vectors; their labels become 0 to N - 1.
        spec: the graph.
        seed: of its levels.
    """
    index = hnswlib.Index("cosine", vectors.shape[1])
    index.init_index(len(vectors), M=spec.links, ef_construction=spec.ef_construction, random_seed=seed)
    blocks = range(0, len(vectors), _BLOCK)
    for at in progress(blocks, doing="indexing", total=len(blocks), unit=f"blocks of {_BLOCK} vectors"):
        index.add_items(vectors[at : at + _BLOCK], np.arange(at, min(at + _BLOCK, len(vectors))), num_threads=1)
    return index


def measure_recall(
    index: hnswlib.Index,
    vectors: npt.NDArray[np.float32],
    queries: npt.NDArray[np.float32],
    *,
    neighbours: int,
    ef_search: int,
) -> float:
    """Share of the K nearest neighbours that plain HNSW finds, 0 to 1 (a neighbour as near as the K-th counts).

    Args:
        index: the graph over `vectors`.
        vectors: `(N, D) float32`.
        queries: `(Q, D) float32` good patches.
        neighbours: K.
        ef_search: candidates kept while searching.
    """
    index.set_ef(max(ef_search, neighbours))
    found = 0
    for at in range(0, len(queries), 64):
        rows = queries[at : at + 64]
        try:
            labels, _ = index.knn_query(rows, k=neighbours, num_threads=1)
        except RuntimeError:
            continue  # hnswlib gives up on a block in which one query has too few results: nothing found
        similarities = products(vectors, rows)
        kth = np.partition(similarities, -neighbours, axis=0)[-neighbours]
        found += int((np.take_along_axis(similarities, labels.T.astype(np.int64), axis=0) >= kth).sum())
    return found / (len(queries) * neighbours)


def save_index(index: hnswlib.Index, path: Path) -> None:
    """Writes an index file; hnswlib notices few failures, so the caller reads it back.

    Raises:
        UsageError: hnswlib cannot write there.
    """
    try:
        # as bytes, for a folder's name need not be UTF-8
        index.save_index(os.fsencode(path))
    except RuntimeError as error:
        raise UsageError(f"{path}: expected a disk that takes the index, found {error}") from error
