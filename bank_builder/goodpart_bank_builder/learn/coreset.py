"""Which embeddings the bank keeps: coresets of parts of the images, merged into coresets of all of them.

Merging is what makes a build of 10,000 images fit into memory, and what gives every fold its bank at little cost.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goodpart.errors import UsageError
from goodpart.facts.profile import CoresetMethod
from goodpart_bank_builder.progress import progress_bar

_PROJECTED = 128
"""Dimensions in which the greedy coreset measures distances; more change which vectors are kept hardly at all."""

_POOL = 1024
"""Candidates among which one round of the greedy coreset chooses; few enough to stay in the cache. Any number of them
gives the same choice."""

_ROWS = 8192
"""Points that are worked on at a time: few enough to stay in the cache."""

_NEAR = 1e-4
"""Cosine distance within which the greedy coreset takes a vector for a duplicate of one that it has."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Coreset:
    """Kept embeddings.

    Attributes:
        vectors: `(N, D) float32` distinct unit vectors.
        keys: `(N,) float64` random keys, drawn for every embedding; RANDOM has the lowest of identical ones.
        duplicates: embeddings that were left out because an identical one is there.
    """

    vectors: npt.NDArray[np.float32]
    keys: npt.NDArray[np.float64]
    duplicates: int


class Chooser:
    """Chooses coresets, all with one seed: of embeddings, and of coresets.

    RANDOM keeps the vectors with the lowest keys (paper, memory bank: a subsample without replacement). The lowest of
    the lowest are the lowest of all, so a merged coreset is a random subsample of everything as well. GREEDY keeps, one
    after the other, the vector that is farthest from all kept ones (k-centre, as in PatchCore), until `size` are kept
    or all others are near-duplicates of kept ones; merged, it is the k-centre of k-centres (a composable coreset,
    Indyk et al., 2014).
    """

    def __init__(self, method: CoresetMethod, *, size: int, seed: int) -> None:
        """Sets what is chosen.

        Args:
            method: how.
            size: how many vectors to keep; all if there are fewer.
            seed: of keys, first vectors and the random projection.
        """
        self._method, self._size = method, size
        self._rng = np.random.default_rng(seed)
        self._projection: npt.NDArray[np.float32] | None = None

    def of(self, embeddings: npt.NDArray[np.float32], *, doing: str | None = "choosing") -> Coreset:
        """A coreset of embeddings.

        Args:
            embeddings: `(N, D) float32` unit vectors.
            doing: what the progress bar says, None for no bar.
        """
        return self._reduced(embeddings, self._rng.random(len(embeddings)), 0, doing)

    def merged(self, coresets: Sequence[Coreset], *, doing: str | None = "merging") -> Coreset:
        """A coreset of what several coresets hold; of a single one, that one."""
        if len(coresets) == 1:
            return coresets[0]
        vectors = np.concatenate([coreset.vectors for coreset in coresets])
        keys = np.concatenate([coreset.keys for coreset in coresets])
        return self._reduced(vectors, keys, sum(coreset.duplicates for coreset in coresets), doing)

    def _reduced(
        self, vectors: npt.NDArray[np.float32], keys: npt.NDArray[np.float64], duplicates: int, doing: str | None
    ) -> Coreset:
        if self._method is CoresetMethod.RANDOM:
            # lowest keys first, so that identical vectors have the lowest of theirs, however they came together
            order = np.argsort(keys, kind="stable")
            distinct = order[_distinct(vectors[order])]
            kept = distinct[: self._size]
        else:
            distinct = kept = _distinct(vectors)
            if len(distinct) > 1:
                points = self._project(vectors)[distinct]
                first = int(self._rng.integers(len(points)))
                kept = distinct[farthest_first(points, self._size, first=first, near=2 * _NEAR, doing=doing)]
        kept = np.sort(kept)
        duplicates += len(vectors) - len(distinct)
        return Coreset(vectors=vectors[kept], keys=keys[kept], duplicates=duplicates)

    def _project(self, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """A random projection that keeps distances (Johnson and Lindenstrauss); narrow vectors stay as they are."""
        dimension = vectors.shape[1]
        if dimension <= _PROJECTED:
            return vectors
        if self._projection is None:
            scale = _PROJECTED**-0.5
            self._projection = self._rng.normal(scale=scale, size=(dimension, _PROJECTED)).astype(np.float32)
        return np.asarray(vectors @ self._projection)


def require_structure(coreset: Coreset, *, neighbours: int) -> None:
    """Refuses a bank that cannot answer.

    Args:
        coreset: the bank to be, or that of a fold.
        neighbours: K.

    Raises:
        UsageError: fewer than K or than two vectors.
    """
    needed = max(2, neighbours)
    if len(coreset.vectors) < needed:
        raise UsageError(
            f"expected good images with at least {needed} distinct patches, also without those of one fold, found "
            f"{len(coreset.vectors)}; give more images, or some with more structure"
        )


def farthest_first(
    points: npt.NDArray[np.float32], size: int, *, first: int, near: float = 0.0, doing: str | None = "choosing"
) -> npt.NDArray[np.int64]:
    """Greedy k-centre, exactly, in few passes (Gonzalez, 1985).

    The plain loop passes over all points for every centre. Here a round takes the points that are farthest from all
    centres into a pool and chooses among them, for as long as the farthest one in the pool is farther than every point
    outside it was when the round began: distances only shrink, so the plain loop would choose the same. One matrix
    product then brings all points up to date with all centres of the round.

    Args:
        points: `(N, d) float32`.
        size: how many to choose at most.
        first: the one to begin with.
        near: squared distance; no point that is at most this far from a chosen one is chosen.
        doing: what the progress bar says.

    Returns:
        `(at most size,) int64` positions in the order in which they were chosen.
    """
    lengths = np.einsum("nd,nd->n", points, points)
    distances = np.full(len(points), np.inf, np.float32)
    most = min(size, len(points))
    chosen: list[int] = []
    centres = [first]
    with progress_bar(doing=doing, total=most, unit="vectors") as bar:
        while centres:
            chosen += centres
            bar.update(len(centres))
            if len(chosen) == most:
                break
            _approach(distances, points, lengths, np.array(centres))
            centres = _one_round(distances, points, lengths, most - len(chosen), near)
    return np.array(chosen)


def _approach(
    distances: npt.NDArray[np.float32],
    points: npt.NDArray[np.float32],
    lengths: npt.NDArray[np.float32],
    centres: npt.NDArray[np.int64],
) -> None:
    """Brings the squared distances to the nearest centre up to date; a centre's own is -1: it is not chosen again."""
    targets = points[centres].T
    for first in range(0, len(points), _ROWS):
        rows = slice(first, first + _ROWS)
        nearest = (lengths[centres] - 2.0 * (points[rows] @ targets)).min(axis=1) + lengths[rows]
        np.minimum(distances[rows], nearest, out=distances[rows])
    distances[centres] = -1.0


def _one_round(
    distances: npt.NDArray[np.float32],
    points: npt.NDArray[np.float32],
    lengths: npt.NDArray[np.float32],
    most: int,
    near: float,
) -> list[int]:
    """The next centres, at most `most`; none if all points are near."""
    size = min(_POOL, len(points))
    pool = np.argpartition(distances, -size)[-size:]
    inside, own, own_lengths = distances[pool], points[pool], lengths[pool]
    outside = float(inside.min()) if size < len(points) else -1.0
    centres: list[int] = []
    while len(centres) < most:
        farthest = int(inside.argmax())
        if inside[farthest] <= near or (centres and inside[farthest] <= outside):
            break
        centres.append(int(pool[farthest]))
        np.minimum(inside, own_lengths + own_lengths[farthest] - 2.0 * (own @ own[farthest]), out=inside)
        inside[farthest] = -1.0
    return centres


def _distinct(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Positions of the first of every group of identical rows, ascending.

    Many identical vectors, as a flat background gives them, disconnect the HNSW graph.
    """
    _, first, group = np.unique(_hashes(vectors), return_index=True, return_inverse=True)
    # rows of one hash are equal but for a collision; those that are not equal to the first of their group are compared
    later = np.setdiff1d(np.arange(len(vectors)), first)
    unlike = [rows[(vectors[rows] != vectors[first[group[rows]]]).any(axis=1)] for rows in _blocks(later)]
    odd = np.concatenate([later[:0], *unlike])
    return np.sort(np.concatenate([first, odd[np.unique(vectors[odd], axis=0, return_index=True)[1]]]))


def _hashes(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.uint64]:
    """`(N,) uint64`, the same for identical rows."""
    factors = np.random.default_rng(0).integers(1, 1 << 63, vectors.shape[1], dtype=np.uint64) * 2 + 1
    # + 0 makes -0 a 0
    bits = ((vectors[rows] + np.float32(0)).view(np.uint32) for rows in _blocks(np.arange(len(vectors))))
    return np.concatenate([block.astype(np.uint64) @ factors for block in bits])


def _blocks(positions: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    return [positions[first : first + _ROWS] for first in range(0, len(positions), _ROWS)]
