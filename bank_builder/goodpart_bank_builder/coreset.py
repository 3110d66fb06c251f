"""Which embeddings the bank keeps."""

import dataclasses

import numpy as np
import numpy.typing as npt

from goodpart.errors import UsageError
from goodpart.profile import CoresetMethod
from goodpart_bank_builder.progress import progress_bar

_PROJECTED = 128
"""Dimensions in which the greedy coreset measures distances; more change which vectors are kept hardly at all."""

_POOL = 8192
"""Candidates among which one round of the greedy coreset chooses."""

_ROWS = 8192
"""Points whose distances to a round's new centres are computed at a time: small enough to stay in the cache."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Coreset:
    """The kept embeddings.

    Attributes:
        vectors: `(N, D) float32` distinct unit vectors.
        images: `(N,) int64` the image each comes from, -1 if two or more images have it.
        duplicates: embeddings that were left out because an identical one is there.
    """

    vectors: npt.NDArray[np.float32]
    images: npt.NDArray[np.int64]
    duplicates: int


def choose_coreset(embeddings: npt.NDArray[np.float32], *, method: CoresetMethod, size: int, seed: int) -> Coreset:
    """Removes exact duplicates, then keeps `size` embeddings.

    Many identical vectors, as a flat background gives them, disconnect the HNSW graph.

    Args:
        embeddings: `(n, P, D) float32` of n images.
        method: RANDOM, a subsample without replacement (paper, memory bank); or GREEDY, each next vector the one that
            is farthest from all kept ones (k-centre, as in PatchCore).
        size: how many to keep; all if there are fewer.
        seed: of the subsample, or of the first vector and the random projection.

    Raises:
        UsageError: fewer than two distinct embeddings.
    """
    patches = embeddings.shape[1]
    flat = embeddings.reshape(-1, embeddings.shape[2])
    distinct, owners = _distinct(flat, np.repeat(np.arange(len(embeddings)), patches))
    if len(distinct) < 2:
        raise UsageError(f"expected images with some structure, found {len(distinct)} distinct patch in {len(flat)}")
    chosen = np.arange(len(distinct))
    if len(distinct) > size:
        rng = np.random.default_rng(seed)
        if method is CoresetMethod.RANDOM:
            chosen = rng.choice(len(distinct), size, replace=False)
        else:
            chosen = farthest_first(_project(flat, rng)[distinct], size, first=int(rng.integers(len(distinct))))
        chosen.sort()
    return Coreset(vectors=flat[distinct[chosen]], images=owners[chosen], duplicates=len(flat) - len(distinct))


def farthest_first(points: npt.NDArray[np.float32], size: int, *, first: int) -> npt.NDArray[np.int64]:
    """Greedy k-centre, exactly, in few passes (Gonzalez, 1985).

    The plain loop passes over all points for every centre. Here a round takes the points that are farthest from all
    centres into a pool and chooses among them, for as long as the farthest one in the pool is farther than every point
    outside it was when the round began: distances only shrink, so the plain loop would choose the same. One matrix
    product then brings all points up to date with all centres of the round.

    Args:
        points: `(N, d) float32`.
        size: how many to choose, 1 to N.
        first: the one to begin with.

    Returns:
        `(size,) int64` positions in the order in which they were chosen.
    """
    lengths = np.einsum("nd,nd->n", points, points)
    distances = np.full(len(points), np.inf, np.float32)
    chosen: list[int] = []
    centres = [first]
    with progress_bar(doing="choosing", total=size, unit="vectors") as bar:
        while True:
            chosen += centres
            bar.update(len(centres))
            if len(chosen) == size:
                return np.array(chosen)
            _approach(distances, points, lengths, np.array(centres))
            centres = _one_round(distances, points, lengths, size - len(chosen))


def _approach(
    distances: npt.NDArray[np.float32],
    points: npt.NDArray[np.float32],
    lengths: npt.NDArray[np.float32],
    centres: npt.NDArray[np.int64],
) -> None:
    """Brings the squared distances to the nearest centre up to date; a centre's own is -1: it is not chosen again."""
    targets = points[centres].T
    for at in range(0, len(points), _ROWS):
        rows = slice(at, at + _ROWS)
        nearest = (lengths[centres] - 2.0 * (points[rows] @ targets)).min(axis=1) + lengths[rows]
        np.minimum(distances[rows], nearest, out=distances[rows])
    distances[centres] = -1.0


def _one_round(
    distances: npt.NDArray[np.float32], points: npt.NDArray[np.float32], lengths: npt.NDArray[np.float32], most: int
) -> list[int]:
    """The next centres: at least one, at most `most`."""
    size = min(_POOL, len(points))
    pool = np.argpartition(distances, -size)[-size:]
    inside, own, own_lengths = distances[pool], points[pool], lengths[pool]
    outside = float(inside.min()) if size < len(points) else -1.0
    centres: list[int] = []
    while len(centres) < most:
        farthest = int(inside.argmax())
        if centres and inside[farthest] <= outside:
            break
        centres.append(int(pool[farthest]))
        np.minimum(inside, own_lengths + own_lengths[farthest] - 2.0 * (own @ own[farthest]), out=inside)
        inside[farthest] = -1.0
    return centres


def _project(vectors: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """A random projection that keeps distances (Johnson and Lindenstrauss); narrow vectors stay as they are."""
    if vectors.shape[1] <= _PROJECTED:
        return vectors
    matrix = rng.normal(scale=_PROJECTED**-0.5, size=(vectors.shape[1], _PROJECTED)).astype(np.float32)
    return np.asarray(vectors @ matrix)


def _distinct(
    vectors: npt.NDArray[np.float32], images: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Positions of the first of every group of identical rows, ascending, and the image that has it, -1 for several."""
    rows = np.ascontiguousarray(vectors).view(np.dtype((np.void, vectors.shape[1] * vectors.itemsize))).ravel()
    _, first, group = np.unique(rows, return_index=True, return_inverse=True)
    last = np.zeros(len(first), np.int64)
    np.maximum.at(last, group, images)
    # the first of a group comes from its lowest image, because rows stand image by image
    owners = np.where(images[first] == last, last, -1)
    order = np.argsort(first)
    return first[order], owners[order]
