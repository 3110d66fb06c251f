"""Graph: HNSW over the projected bank. It names, for every patch, bank vectors that may be its nearest.

The projection keeps the principal directions of the bank. Most of what tells patches apart lies in a few of them, and a
step through a graph of 64 values costs a fraction of one through 448. What the graph misses costs time, never
exactness: see `goodpart.bank.search`.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import hnswlib
import numpy as np
import numpy.typing as npt

from goodpart._host.inner_products import inner_products
from goodpart.bank.index_file import read_vectors
from goodpart.errors import ContractError, InferenceError
from goodpart.facts.profile import IndexSpec

_SAME = 1e-3
"""How far a vector of the graph may be from the projected bank vector that it stands for."""

Products: TypeAlias = Callable[[npt.NDArray[np.float32], npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""`(N, R) float32` inner products of `(N, D) float32` and `(R, D) float32` vectors."""


class Graph:
    """An HNSW graph whose labels are the positions of the bank's vectors.

    Attributes:
        projection: `(D, M) float32` orthonormal columns, the principal directions of the bank.
    """

    def __init__(
        self, index: hnswlib.Index, projection: npt.NDArray[np.float32], *, ef_search: int, threads: int = 1
    ) -> None:
        """Takes a built or loaded cosine index.

        Args:
            index: over the projected vectors of the bank, labels 0 to N - 1.
            projection: `(D, M) float32`.
            ef_search: candidates kept while searching.
            threads: for one frame.
        """
        self.projection = projection
        self._index, self._threads = index, threads
        # hnswlib forgets this when it loads a file and falls back to 10; it searches with at least `count`
        index.set_ef(ef_search)
        self._rows = np.ascontiguousarray(projection.T)

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        vectors: npt.NDArray[np.float32],
        projection: npt.NDArray[np.float32],
        index: IndexSpec,
        threads: int = 1,
        where: str | None = None,
        products: Products = inner_products,
    ) -> "Graph":
        """Loads an index file whose sha256 has been checked.

        Args:
            path: written by hnswlib.
            vectors: `(N, D) float32` unit vectors that it must have been built from.
            projection: `(D, M) float32`.
            index: how it was built.
            threads: for one frame.
            where: how messages call the file; None for its path.
            products: multiplies while the graph is compared with the bank.

        Raises:
            ContractError: the file is not what it must be, is the graph of another bank, or hnswlib refuses it.
        """
        where = str(path) if where is None else where
        count, width = len(vectors), projection.shape[1]
        found = read_vectors(path, vectors=count, dimension=width, links=index.links, where=where)
        loaded = hnswlib.Index("cosine", width)
        try:
            # as bytes, because a folder's name need not be UTF-8
            loaded.load_index(os.fsencode(path), max_elements=count)
        except RuntimeError as error:
            raise ContractError(
                f"{where}: expected an HNSW index, found a file that hnswlib refuses ({error})"
            ) from error
        graph = cls(loaded, projection, ef_search=index.ef_search, threads=threads)
        projected = products(vectors, graph._rows)
        projected /= np.linalg.norm(projected, axis=1, keepdims=True) + np.float32(1e-30)
        # written so that a NaN fails
        if not np.abs(found - projected).max() <= _SAME:
            raise ContractError(
                f"{where}: expected the graph of bank.npy, found that of another bank; rebuild the bundle"
            )
        return graph

    def __len__(self) -> int:
        """N, the vectors that it holds."""
        return int(self._index.get_current_count())

    def project(self, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """`(R, M) float32` what the projection makes of `(R, D) float32` vectors.

        Raises:
            InferenceError: vectors of another width.
        """
        return inner_products(vectors, self._rows)

    def candidates(self, embeddings: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.int64] | None:
        """Bank vectors that may be the nearest ones of each patch.

        Args:
            embeddings: `(P, D) float32`.
            count: how many for each patch, 1 to N; may be more than `ef_search`.

        Returns:
            `(P, count) int64` positions, or None: hnswlib gives up on all patches when it reaches too few vectors from
            one of them, as in a graph that falls apart.

        Raises:
            InferenceError: embeddings of another width, which hnswlib would read past, or non-finite ones.
        """
        projected = self.project(embeddings)
        # NaN and infinity survive the projection, which is a fraction of the embeddings
        if not np.isfinite(projected).all():
            raise InferenceError("graph: expected finite embeddings, found NaN or infinity")
        try:
            labels, _ = self._index.knn_query(projected, k=count, num_threads=self._threads)
        except RuntimeError:
            return None
        return np.asarray(labels, dtype=np.int64)
