"""Graph: HNSW over the bank's principal directions. It names, for every patch, bank vectors that may be its nearest.

Most of what tells patches apart lies in a few directions, and a step through a graph of 64 values costs a fraction of
one through 448. What the graph misses costs time, never exactness: see `goodpart.bank.search`.
"""

import os
from pathlib import Path

import hnswlib
import numpy as np
import numpy.typing as npt

from goodpart._host.inner_products import inner_products
from goodpart.bank.index_file import read_vectors
from goodpart.errors import ContractError
from goodpart.facts.profile import IndexSpec

_SAME = 1e-3
"""How far a vector of the graph may be from the bank vector that it stands for, seen in the directions."""


class Graph:
    """An HNSW graph whose labels are the positions of the bank's vectors.

    Attributes:
        directions: `(D, M) float32` orthonormal columns.
    """

    def __init__(
        self, index: hnswlib.Index, directions: npt.NDArray[np.float32], *, ef_search: int, threads: int = 1
    ) -> None:
        """Takes a built or loaded cosine index.

        Args:
            index: over the bank's vectors as seen in the directions, labels 0 to N - 1.
            directions: `(D, M) float32`.
            ef_search: candidates kept while searching.
            threads: for one frame.
        """
        self.directions = directions
        self._index, self._ef_search, self._threads = index, ef_search, threads
        self._rows = np.ascontiguousarray(directions.T)

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        vectors: npt.NDArray[np.float32],
        directions: npt.NDArray[np.float32],
        index: IndexSpec,
        threads: int = 1,
        where: str | None = None,
    ) -> "Graph":
        """Loads an index file whose sha256 has been checked.

        Args:
            path: written by hnswlib.
            vectors: `(N, D) float32` unit vectors that it must have been built from.
            directions: `(D, M) float32`.
            index: how it was built.
            threads: for one frame.
            where: how messages call the file; None for its path.

        Raises:
            ContractError: the file is not what it must be, is the graph of another bank, or hnswlib refuses it.
        """
        where = str(path) if where is None else where
        count, width = len(vectors), directions.shape[1]
        found = read_vectors(path, vectors=count, dimension=width, links=index.links, where=where)
        loaded = hnswlib.Index("cosine", width)
        try:
            # as bytes, for a folder's name need not be UTF-8
            loaded.load_index(os.fsencode(path), max_elements=count)
        except RuntimeError as error:
            raise ContractError(
                f"{where}: expected an HNSW index, found a file that hnswlib refuses ({error})"
            ) from error
        graph = cls(loaded, directions, ef_search=index.ef_search, threads=threads)
        seen = graph.seen(vectors)
        seen /= np.linalg.norm(seen, axis=1, keepdims=True) + np.float32(1e-30)
        # written so that a NaN fails
        if not np.abs(found - seen).max() <= _SAME:
            raise ContractError(
                f"{where}: expected the graph of bank.npy, found that of another bank; rebuild the bundle"
            )
        return graph

    def __len__(self) -> int:
        """N, the vectors that it holds."""
        return int(self._index.get_current_count())

    def seen(self, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """`(R, M) float32` what the directions see of `(R, D)` vectors."""
        return inner_products(vectors, self._rows)

    def candidates(self, embeddings: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.int64] | None:
        """Bank vectors that may be the nearest ones of each patch.

        Args:
            embeddings: `(P, D) float32` finite.
            count: 1 to N.

        Returns:
            `(P, count) int64` positions, or None: hnswlib gives up on all patches when one of them has too few vectors
            within reach, as in a graph that falls apart.
        """
        # hnswlib forgets this when it loads a file (and falls back to 10)
        self._index.set_ef(max(self._ef_search, count))
        try:
            labels, _ = self._index.knn_query(self.seen(embeddings), k=count, num_threads=self._threads)
        except RuntimeError:
            return None
        return np.asarray(labels, dtype=np.int64)
