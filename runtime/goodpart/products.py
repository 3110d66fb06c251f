"""Products: inner products of many vectors, on the calling thread alone."""

import numpy as np
import numpy.typing as npt

_PER_CALL = 1 << 18
"""OpenBLAS runs a product of at most this many multiply-adds on the calling thread, so the thread count stays ours. Its
own threads would go on waiting busily for some 10 ms, and take a core from onnxruntime's on the next frame."""


def products(vectors: npt.NDArray[np.float32], rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """All inner products.

    Args:
        vectors: `(N, D) float32`.
        rows: `(R, D) float32`.

    Returns:
        `(N, R) float32`.
    """
    count, dimension = vectors.shape
    block = max(1, _PER_CALL // (dimension * len(rows)))
    whole = count - count % block
    columns = np.ascontiguousarray(rows.T)
    found = np.empty((count, len(rows)), np.float32)
    np.matmul(vectors[:whole].reshape(-1, block, dimension), columns, out=found[:whole].reshape(-1, block, len(rows)))
    np.matmul(vectors[whole:], columns, out=found[whole:])
    return found
