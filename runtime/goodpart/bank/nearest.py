"""The nearest vectors of the bank by name, for explanations. Scores need only distances (`bank.exact`)."""

import numpy as np
import numpy.typing as npt

from goodpart._host.inner_products import inner_products
from goodpart.bank.exact import ROUNDING

_BLOCK = 64
"""Rows whose similarities are held at a time."""


def nearest_vectors(
    vectors: npt.NDArray[np.float32], rows: npt.NDArray[np.float32], *, count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The nearest vectors by brute force, the nearest first; of equally near ones, the one with the lowest position.

    Float32 products name the candidates, and all that rounding might have put behind one of them. Float64 orders them.

    Args:
        vectors: `(N, D) float32` unit vectors of the bank.
        rows: `(R, D) float32` unit vectors.
        count: how many, 1 to N.

    Returns:
        `(R, count) int64` positions in `vectors`, and `(R, count) float64` cosine distances.

    Raises:
        InferenceError: there is no memory for the products.
    """
    positions = np.empty((len(rows), count), np.int64)
    distances = np.empty((len(rows), count))
    for first in range(0, len(rows), _BLOCK):
        similarities = inner_products(vectors, rows[first : first + _BLOCK])
        kth = np.partition(similarities, -count, axis=0)[-count]
        for row, column in enumerate(similarities.T, start=first):
            close = np.flatnonzero(column >= kth[row - first] - np.float32(ROUNDING))
            true = 1.0 - vectors[close].astype(np.float64) @ rows[row].astype(np.float64)
            best = np.argsort(true, kind="stable")[:count]
            positions[row], distances[row] = close[best], true[best]
    return positions, distances
