"""Inner products of many vectors, computed by onnxruntime on the calling thread.

numpy's OpenBLAS uses all cores for a large product. Its threads then spin for some 10 ms and take a core from the
embedding of the next frame. Small pieces would keep OpenBLAS on the calling thread, at half the speed.
"""

import functools
import os
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from goodpart._host.session import foreign_errors, open_session, short
from goodpart.errors import InferenceError

if TYPE_CHECKING:
    import onnxruntime as ort

_MODEL = bytes.fromhex(
    "08083a680a1e0a01610a0162120163220447656d6d2a0d0a067472616e73421801a001021201705a150a016112100a0e0801120a0a0312016e"
    "0a0312016b5a150a016212100a0e0801120a0a031201720a0312016b62150a016312100a0e0801120a0a0312016e0a0312017242040a001012"
)
"""An ONNX file of one node, c = Gemm(a, b, transB=1): a `(n, k)`, b `(r, k)`, c `(n, r)`. A test rebuilds it."""


@functools.cache
def _session() -> "ort.InferenceSession":
    # results differ in size, and an arena would keep the memory of the largest
    return open_session(_MODEL, arena=False)


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    # another thread may use the session during a fork, so a child opens its own
    os.register_at_fork(after_in_child=_session.cache_clear)


def inner_products(vectors: npt.NDArray[np.float32], rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Computes all inner products.

    Args:
        vectors: `(N, D) float32`.
        rows: `(R, D) float32`.

    Returns:
        `(N, R) float32`, writable.

    Raises:
        InferenceError: onnxruntime failed, for example for lack of memory.
    """
    sides = {"a": np.ascontiguousarray(vectors), "b": np.ascontiguousarray(rows)}
    try:
        found = _session().run(["c"], sides)[0]
    except foreign_errors() as error:
        raise InferenceError(
            f"inner products: expected those of {vectors.shape} and {rows.shape}, found {short(error)}"
        ) from error
    return np.asarray(found, dtype=np.float32)
