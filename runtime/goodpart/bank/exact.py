"""Exact search: patch distances by brute force, in pieces that stay in the cache."""

import numpy as np
import numpy.typing as npt

from goodpart._host.inner_products import inner_products
from goodpart._host.parallel import Workers

ROUNDING = 8e-6
"""Similarities nearer to each other than this are not told apart in float32: 1.8e-6 was seen in products of 900 values,
and it may fall on both sides."""

PIECE = 16
"""Patches that one thread takes at a time: fewer waste the reading of the bank, more are often not needed."""

_BLOCK = 64
"""Bank vectors whose largest similarity is taken together when neighbours are sought, and the most patches in a piece:
what stays in the cache."""


def exact_distances(
    vectors: npt.NDArray[np.float32],
    rows: npt.NDArray[np.float32],
    *,
    neighbours: int,
    threads: int = 1,
    workers: Workers | None = None,
) -> npt.NDArray[np.float64]:
    """Patch distances by brute force (paper, patch distance).

    Memory stays bounded: similarities of at most 64 patches are held for each thread.

    Args:
        vectors: `(N, D) float32` unit vectors of the bank.
        rows: `(R, D) float32` unit vectors, R at least 1.
        neighbours: K, 1 to N.
        threads: how many pieces are worked on at a time.
        workers: that many threads; None for the calling one alone.

    Returns:
        `(R,) float64` mean cosine distance to the K nearest vectors.

    Raises:
        InferenceError: there is no memory for the products.
    """
    at_once = min(threads, -(-len(rows) // PIECE))
    # as many for each thread, so that none waits for another's last one
    count = -(-len(rows) // (_BLOCK * at_once)) * at_once
    # filled in place: small arrays that outlive a piece would lie in the memory of its products, which then grows
    distances = np.empty(len(rows))
    pieces = list(zip(np.array_split(rows, count), np.array_split(distances, count), strict=True))

    def fill(piece: tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]) -> None:
        own, found = piece
        found[:] = nearest_distances(inner_products(vectors, own), vectors, own, neighbours=neighbours)

    if workers is None:
        for piece in pieces:
            fill(piece)
    else:
        # onnxruntime lets other threads go on while it multiplies
        workers.map(fill, pieces)
    return distances


def nearest_distances(
    similarities: npt.NDArray[np.float32],
    vectors: npt.NDArray[np.float32],
    rows: npt.NDArray[np.float32],
    *,
    neighbours: int,
) -> npt.NDArray[np.float64]:
    """Patch distances by brute force (paper, patch distance).

    Float32 products name the nearest vectors, float64 says how far they are. Where float32 does not tell the K-th from
    the next ones, float64 chooses among all as near: in a tight cluster rounding is wrong by up to 1e-4 sigmas.

    Args:
        similarities: `(N, R) float32` inner products of `vectors` and `rows`; -inf where a vector must not be a
            neighbour.
        vectors: `(N, D) float32` unit vectors of the bank.
        rows: `(R, D) float32` unit vectors.
        neighbours: K, 1 to N.

    Returns:
        `(R,) float64` mean cosine distance to the K nearest vectors.
    """
    near = _largest(similarities, neighbours)
    kth = np.take_along_axis(similarities, near, axis=0).min(axis=0)
    near.sort(axis=0)
    cosines = np.einsum("krd,rd->kr", vectors[near].astype(np.float64), rows.astype(np.float64))
    distances = np.asarray(1.0 - cosines.mean(axis=0))
    close = similarities >= kth - np.float32(ROUNDING)
    for row in np.flatnonzero(np.count_nonzero(close, axis=0) > neighbours):
        true = np.einsum("nd,d->n", vectors[close[:, row]].astype(np.float64), rows[row].astype(np.float64))
        distances[row] = 1.0 - np.partition(true, -neighbours)[-neighbours:].mean()
    return distances


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
