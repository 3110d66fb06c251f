"""Bank: the kept embeddings of good patches, searched by HNSW and certified against exact products.

HNSW may miss a neighbour, so its distances are upper bounds of the true ones. The worst patches are recomputed exactly
until no patch that is left can reach the k-th worst exact one: the image score is then that of brute force.
"""

import dataclasses
import os
from pathlib import Path

import hnswlib
import numpy as np
import numpy.typing as npt

from goodpart.errors import ContractError, InferenceError, UsageError
from goodpart.index_file import read_vectors
from goodpart.profile import IndexSpec

_MARGIN = 1e-6
"""How far above the next upper bound the k-th worst exact distance, and the limit above which all are exact, must lie:
covers float32 rounding of both sides."""

_BLOCK = 64
"""Bank vectors whose largest similarity is taken together when neighbours are sought."""

_PRODUCTS_PER_CALL = 1 << 18
"""OpenBLAS runs a product of at most this many multiply-adds on the calling thread, so the thread count stays ours."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PatchDistances:
    """Patch distances of one frame.

    Attributes:
        distances: `(P,) float64` mean cosine distance to the K nearest neighbours, higher is more anomalous. The
            `top_k` highest, and all above the limit, are exact; the others are exact or upper bounds that lie below.
        recomputed: how many are exact.
    """

    distances: npt.NDArray[np.float64]
    recomputed: int


class Bank:
    """The memory bank.

    Attributes:
        vectors: `(N, D) float32` unit vectors, read-only.
    """

    def __init__(
        self,
        index: hnswlib.Index,
        *,
        neighbours: int,
        ef_search: int,
        threads: int = 1,
        vectors: npt.NDArray[np.float32] | None = None,
    ) -> None:
        """Takes a built or loaded cosine index whose labels are 0 to N - 1.

        Args:
            index: the HNSW graph.
            neighbours: K, 1 to N.
            ef_search: candidates kept while searching.
            threads: threads for the HNSW search of one frame.
            vectors: `(N, D) float32` what the index holds, by label; None to ask the index, which is slow.

        Raises:
            UsageError: K is larger than the bank.
            ContractError: the vectors are not finite unit vectors.
        """
        count = index.get_current_count()
        if not 1 <= neighbours <= count:
            raise UsageError(f"bank: expected K from 1 to {count} vectors, found {neighbours}")
        if vectors is None:
            vectors = _vectors_of(index)
        norms = np.linalg.norm(vectors, axis=1)
        if not np.all(np.abs(norms - 1.0) < 1e-3):
            raise ContractError("bank: expected finite unit vectors, found others; rebuild the bundle")
        vectors.flags.writeable = False
        self.vectors = vectors
        self._index, self._neighbours, self._threads = index, neighbours, threads
        # hnswlib forgets this when it loads a file (and falls back to 10)
        index.set_ef(max(ef_search, neighbours))

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        vectors: int,
        dimension: int,
        neighbours: int,
        index: IndexSpec,
        threads: int = 1,
        where: str | None = None,
    ) -> "Bank":
        """Loads an index file whose sha256 has been checked.

        Args:
            path: written by hnswlib.
            vectors, dimension: what it must hold.
            neighbours: K.
            index: how it was built.
            threads: see the constructor.
            where: how messages call the file; None for its path.

        Raises:
            ContractError: the file is not what the manifest says, or hnswlib refuses it.
        """
        kept = read_vectors(path, vectors=vectors, dimension=dimension, links=index.links, where=where)
        loaded = hnswlib.Index("cosine", dimension)
        try:
            # as bytes, for a folder's name need not be UTF-8
            loaded.load_index(os.fsencode(path), max_elements=vectors)
        except RuntimeError as error:
            raise ContractError(
                f"{where or path}: expected an HNSW index, found a file that hnswlib refuses ({error})"
            ) from error
        return cls(loaded, neighbours=neighbours, ef_search=index.ef_search, threads=threads, vectors=kept)

    def search(self, embeddings: npt.NDArray[np.float32], *, top_k: int, exact_above: float = np.inf) -> PatchDistances:
        """Patch distances of one frame, the `top_k` highest proven exact (DESIGN section 8, certified search).

        Args:
            embeddings: `(P, D) float32` finite unit vectors.
            top_k: 1 to P.
            exact_above: a distance; every patch above it is exact, too.

        Raises:
            InferenceError: another width (hnswlib would read past the end), or non-finite values.
        """
        bounds = self._upper_bounds(self._checked(embeddings))
        order = np.argsort(-bounds, kind="stable")
        distances, recomputed = bounds, 0
        while recomputed < len(order):
            rows = order[recomputed : recomputed + max(top_k, 16)]
            distances[rows] = self._exact(embeddings[rows])
            recomputed += len(rows)
            if recomputed == len(order):
                break
            kth_worst = np.partition(distances[order[:recomputed]], -top_k)[-top_k]
            highest_left = bounds[order[recomputed]] + _MARGIN
            if kth_worst >= highest_left and exact_above >= highest_left:
                break
        if not np.isfinite(distances).all():
            raise InferenceError("bank: expected finite distances, found others; run goodpart selftest")
        return PatchDistances(distances=distances, recomputed=recomputed)

    def exact_distances(self, embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Brute force: what `search` is certified against.

        Args:
            embeddings: `(P, D) float32` finite unit vectors.

        Returns:
            `(P,) float64` mean cosine distance to the K nearest neighbours.
        """
        checked = self._checked(embeddings)
        blocks = [self._exact(checked[at : at + 64]) for at in range(0, len(checked), 64)]
        return np.concatenate(blocks)

    def _checked(self, embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        dimension = self.vectors.shape[1]
        if embeddings.ndim != 2 or embeddings.shape[1] != dimension or len(embeddings) == 0:
            raise InferenceError(f"bank: expected embeddings (P, {dimension}), found {embeddings.shape}")
        if not np.isfinite(embeddings).all():
            raise InferenceError("bank: expected finite embeddings, found NaN or infinity")
        return embeddings

    def _upper_bounds(self, embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """`(P,) float64` HNSW's distances; infinite where it found too few neighbours, so that those are recomputed."""
        try:
            _, distances = self._index.knn_query(embeddings, k=self._neighbours, num_threads=self._threads)
        except RuntimeError:
            # hnswlib gives up on the whole frame when one patch has too few neighbours (a disconnected graph)
            return np.full(len(embeddings), np.inf)
        bounds: npt.NDArray[np.float64] = distances.mean(axis=1, dtype=np.float64)
        bounds[~np.isfinite(bounds)] = np.inf
        return bounds

    def _exact(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        return nearest_distances(products(self.vectors, rows), self.vectors, rows, neighbours=self._neighbours)


def products(vectors: npt.NDArray[np.float32], rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """All inner products, on the calling thread alone.

    Args:
        vectors: `(N, D) float32`.
        rows: `(R, D) float32`.

    Returns:
        `(N, R) float32`.
    """
    count, dimension = vectors.shape
    block = max(1, _PRODUCTS_PER_CALL // (dimension * len(rows)))
    whole = count - count % block
    columns = np.ascontiguousarray(rows.T)
    found = np.empty((count, len(rows)), np.float32)
    np.matmul(vectors[:whole].reshape(-1, block, dimension), columns, out=found[:whole].reshape(-1, block, len(rows)))
    np.matmul(vectors[whole:], columns, out=found[whole:])
    return found


def nearest_distances(
    similarities: npt.NDArray[np.float32],
    vectors: npt.NDArray[np.float32],
    rows: npt.NDArray[np.float32],
    *,
    neighbours: int,
) -> npt.NDArray[np.float64]:
    """Patch distances by brute force (paper, patch distance).

    The neighbours are found by float32 products, their distances taken in float64, so that rounding stays below any
    margin.

    Args:
        similarities: `(N, R) float32` inner products of `vectors` and `rows`; -inf where a vector must not be a
            neighbour.
        vectors: `(N, D) float32` unit vectors of the bank.
        rows: `(R, D) float32` unit vectors.
        neighbours: K, 1 to N.

    Returns:
        `(R,) float64` mean cosine distance to the K nearest vectors.
    """
    nearest = _largest(similarities, neighbours)
    nearest.sort(axis=0)
    cosines = np.einsum("krd,rd->kr", vectors[nearest].astype(np.float64), rows.astype(np.float64))
    return np.asarray(1.0 - cosines.mean(axis=0))


def _largest(similarities: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.int64]:
    """`(count, R) int64` positions of the `count` largest values of every column of `(N, R)`.

    The largest values lie in the blocks with the largest maxima, and maxima cost a fraction of a partition of all.
    """
    total, columns = similarities.shape
    blocks = total // _BLOCK
    if blocks <= count:
        return np.argpartition(similarities, -count, axis=0)[-count:]
    # what does not fill a block always takes part
    rest = np.repeat(np.arange(blocks * _BLOCK, total)[:, np.newaxis], columns, axis=1)
    maxima = similarities[: blocks * _BLOCK].reshape(blocks, _BLOCK, columns).max(axis=1)
    best = np.argpartition(maxima, -count, axis=0)[-count:]
    inside = (best[:, np.newaxis, :] * _BLOCK + np.arange(_BLOCK)[:, np.newaxis]).reshape(-1, columns)
    candidates = np.concatenate([inside, rest])
    values = np.take_along_axis(similarities, candidates, axis=0)
    chosen = np.argpartition(values, -count, axis=0)[-count:]
    return np.take_along_axis(candidates, chosen, axis=0)


def _vectors_of(index: hnswlib.Index) -> npt.NDArray[np.float32]:
    """`(N, D) float32` what an index in memory holds, by label."""
    count = index.get_current_count()
    try:
        return np.asarray(index.get_items(np.arange(count), return_type="numpy"), dtype=np.float32)
    except RuntimeError as error:
        raise ContractError(f"bank: expected the labels 0 to {count - 1}, found others ({error})") from error
