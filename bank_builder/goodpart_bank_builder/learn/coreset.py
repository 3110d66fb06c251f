"""Choice of the embeddings that the bank keeps: one coreset per chunk of images, merged into a coreset of all images.

Thanks to merging, a build of 10,000 images fits into memory, and the bank of every fold costs little.
"""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goodpart.errors import UsageError
from goodpart.facts.profile import CoresetMethod
from goodpart_bank_builder.progress import progress_bar

_PROJECTED = 128
"""Dimensions in which the greedy coreset measures distances. More dimensions hardly change which vectors are kept."""

_POOL = 1024
"""Candidates of one round of the greedy coreset; few enough to stay in the cache. The choice does not depend on it."""

_ROWS = 8192
"""Points processed at a time; few enough to stay in the cache."""

_NEAR = 1e-4
"""Cosine distance within which the greedy coreset treats a vector as a duplicate of a kept one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Coreset:
    """Kept embeddings.

    Attributes:
        vectors: `(N, D) float32` distinct unit vectors.
        keys: `(N,) float64` random keys, one drawn for every embedding; RANDOM keeps the lowest of identical vectors.
        duplicates: embeddings left out because an identical one is kept.
        origins: `(N,) int64` which embedding each vector is, as whoever chose them counts.
    """

    vectors: npt.NDArray[np.float32]
    keys: npt.NDArray[np.float64]
    duplicates: int
    origins: npt.NDArray[np.int64]


class Chooser:
    """Chooses coresets of embeddings and merges coresets, all with one seed.

    Every choice draws its random numbers from the seed and from what is chosen, never from what was chosen before.
    Chunks can therefore be worked on in any order, and a new chunk changes no other one's coreset.

    RANDOM keeps the vectors with the lowest keys (paper, memory bank: a subsample without replacement). A merged
    coreset keeps the lowest keys of all, so it is a random subsample of all embeddings. GREEDY repeatedly keeps the
    vector that is farthest from all kept ones (k-centre, as in PatchCore). It stops when `size` vectors are kept or
    all others are near-duplicates of kept ones. A merged greedy coreset is the k-centre of k-centres (a composable
    coreset, Indyk et al., 2014).
    """

    def __init__(self, method: CoresetMethod, *, size: int, seed: int) -> None:
        """Sets method, size and seed.

        Args:
            method: RANDOM or GREEDY.
            size: vectors to keep; all are kept if there are fewer.
            seed: of the keys, the first vectors and the random projection.
        """
        self._method, self._size = method, size
        self._seed = seed
        self._projection: npt.NDArray[np.float32] | None = None

    @property
    def method(self) -> CoresetMethod:
        """How it chooses."""
        return self._method

    @property
    def decides(self) -> tuple[str, int, int]:
        """Method, size and seed: with the place and the embeddings they decide a choice."""
        return self._method.value, self._size, self._seed

    def of(
        self,
        embeddings: npt.NDArray[np.float32],
        *,
        place: tuple[int, int, int],
        origins: npt.NDArray[np.int64] | None = None,
        doing: str | None = "choosing",
    ) -> Coreset:
        """Chooses a coreset of embeddings.

        Args:
            embeddings: `(N, D) float32` unit vectors.
            place: where the embeddings come from: fold, batch, and how many of that fold and batch come before them;
                different for every call.
            origins: `(N,) int64` numbers that name the embeddings; None for their positions. They decide nothing.
            doing: label of the progress bar, None for no bar.
        """
        fold, batch, before = place
        stream = np.random.PCG64(np.random.SeedSequence([self._seed, fold, batch]))
        # keys are those that one long chunk would draw, so that the size of chunks decides nothing of a RANDOM bank
        rng = np.random.Generator(stream.advance(before))
        named = np.arange(len(embeddings)) if origins is None else origins
        every = Coreset(vectors=embeddings, keys=rng.random(len(embeddings)), duplicates=0, origins=named)
        return self._reduced(every, rng, doing)

    def merged(self, coresets: Sequence[Coreset], *, name: str, doing: str | None = "merging") -> Coreset:
        """Merges coresets into one; a single coreset is returned as it is.

        Args:
            coresets: at least one.
            name: of what they make, different for every merge.
            doing: label of the progress bar, None for no bar.
        """
        if len(coresets) == 1:
            return coresets[0]
        every = Coreset(
            vectors=np.concatenate([coreset.vectors for coreset in coresets]),
            keys=np.concatenate([coreset.keys for coreset in coresets]),
            duplicates=sum(coreset.duplicates for coreset in coresets),
            origins=np.concatenate([coreset.origins for coreset in coresets]),
        )
        number = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=16).digest(), "big")
        rng = np.random.default_rng(np.random.SeedSequence([self._seed, number]))
        return self._reduced(every, rng, doing)

    def _reduced(self, every: Coreset, rng: np.random.Generator, doing: str | None) -> Coreset:
        vectors, keys = every.vectors, every.keys
        if self._method is CoresetMethod.RANDOM:
            # lowest keys first: of identical vectors the one with the lowest key is kept, whatever the order of merging
            order = np.argsort(keys, kind="stable")
            distinct = order[_distinct(vectors[order])]
            kept = distinct[: self._size]
        else:
            distinct = kept = _distinct(vectors)
            if len(distinct) > 1:
                points = self.project(vectors)[distinct]
                first = int(rng.integers(len(points)))
                kept = distinct[farthest_first(points, self._size, first=first, near=2 * _NEAR, doing=doing)]
        kept = np.sort(kept)
        duplicates = every.duplicates + len(vectors) - len(distinct)
        return Coreset(vectors=vectors[kept], keys=keys[kept], duplicates=duplicates, origins=every.origins[kept])

    def project(self, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """A random projection, which preserves distances (Johnson and Lindenstrauss); narrow vectors stay as is."""
        dimension = vectors.shape[1]
        if dimension <= _PROJECTED:
            return vectors
        if self._projection is None:
            scale = _PROJECTED**-0.5
            rng = np.random.default_rng(self._seed)
            self._projection = rng.normal(scale=scale, size=(dimension, _PROJECTED)).astype(np.float32)
        return np.asarray(vectors @ self._projection)


def require_structure(coreset: Coreset, *, neighbours: int) -> None:
    """Refuses a bank with too few vectors for a search.

    Args:
        coreset: the future bank, or the bank of a fold.
        neighbours: K.

    Raises:
        UsageError: the coreset has fewer than K vectors, or fewer than two.
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

    The plain loop passes over all points for every centre. Here, each round puts the points that are farthest from all
    centres into a pool and chooses centres from the pool. The round continues while the farthest point in the pool is
    farther than every point outside the pool was at the start of the round. Distances only shrink, so the plain loop
    would choose the same centres. One matrix product then updates the distances of all points to the new centres.

    Args:
        points: `(N, d) float32`.
        size: the maximum number of centres.
        first: position of the first centre.
        near: squared distance; a point at most this far from a centre is never chosen.
        doing: label of the progress bar, None for no bar.

    Returns:
        `(at most size,) int64` positions, in the order of choice.
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
    """Updates the squared distances to the nearest centre; a centre itself gets -1, so that it is not chosen again."""
    targets = points[centres].T
    for start in range(0, len(points), _ROWS):
        rows = slice(start, start + _ROWS)
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
    """Chooses the next centres, at most `most`; none if all points are near."""
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
    """Positions of the first row of every group of identical rows, ascending.

    A flat background gives many identical vectors, which would disconnect the HNSW graph.
    """
    _, first, group = np.unique(_hashes(vectors), return_index=True, return_inverse=True)
    # rows with the same hash are equal unless hashes collide; rows unlike the first of their group are compared
    later = np.setdiff1d(np.arange(len(vectors)), first)
    unlike = [rows[(vectors[rows] != vectors[first[group[rows]]]).any(axis=1)] for rows in _blocks(later)]
    odd = np.concatenate([later[:0], *unlike])
    return np.sort(np.concatenate([first, odd[np.unique(vectors[odd], axis=0, return_index=True)[1]]]))


def _hashes(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.uint64]:
    """`(N,) uint64` hashes, equal for identical rows."""
    factors = np.random.default_rng(0).integers(1, 1 << 63, vectors.shape[1], dtype=np.uint64) * 2 + 1
    # adding 0 turns -0 into 0
    bits = ((vectors[rows] + np.float32(0)).view(np.uint32) for rows in _blocks(np.arange(len(vectors))))
    return np.concatenate([block.astype(np.uint64) @ factors for block in bits])


def _blocks(positions: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    return [positions[start : start + _ROWS] for start in range(0, len(positions), _ROWS)]
