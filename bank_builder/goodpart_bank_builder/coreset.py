"""Which embeddings the bank keeps."""

import dataclasses

import numpy as np
import numpy.typing as npt

from goodpart.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Coreset:
    """The kept embeddings.

    Attributes:
        vectors: `(N, D) float32` distinct unit vectors.
        images: `(N,) int64` the image each comes from.
        duplicates: embeddings that were left out because an identical one is there.
    """

    vectors: npt.NDArray[np.float32]
    images: npt.NDArray[np.int64]
    duplicates: int


def random_coreset(embeddings: npt.NDArray[np.float32], *, size: int, seed: int) -> Coreset:
    """A random subsample without replacement (paper, memory bank), after exact duplicates are removed.

    Many identical vectors, as a flat background gives them, disconnect the HNSW graph.

    Args:
        embeddings: `(n, P, D) float32` of n images.
        size: how many to keep; all if there are fewer.
        seed: of the subsample.

    Raises:
        UsageError: fewer than two distinct embeddings.
    """
    patches = embeddings.shape[1]
    flat = embeddings.reshape(-1, embeddings.shape[2])
    distinct = _first_of_each(flat)
    if len(distinct) < 2:
        raise UsageError(f"expected images with some structure, found {len(distinct)} distinct patch in {len(flat)}")
    duplicates = len(flat) - len(distinct)
    if len(distinct) > size:
        distinct = np.sort(np.random.default_rng(seed).choice(distinct, size, replace=False))
    return Coreset(vectors=flat[distinct], images=distinct // patches, duplicates=duplicates)


def _first_of_each(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Positions of the first of every group of identical rows, ascending."""
    rows = np.ascontiguousarray(vectors).view(np.dtype((np.void, vectors.shape[1] * vectors.itemsize))).ravel()
    _, first = np.unique(rows, return_index=True)
    return np.sort(first)
