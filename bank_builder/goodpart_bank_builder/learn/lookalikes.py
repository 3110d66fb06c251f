"""Lookalikes: images so near to each other that they probably show one part, though they were held out apart.

If one of them is in the bank while the other is scored, its score is too low, and the threshold promises too much.
"""

import dataclasses
import heapq
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

LISTED = 20
"""The most pairs that are listed, the nearest first; all are counted."""

_CELLS = 4
_SKETCH = 256

_NEIGHBOURHOOD, _LEAST_NEIGHBOURHOOD = 0.05, 4
"""The neighbourhood of an image: this share of all images, and at least so many if there are three times as many. It
must be larger than what shows one part and smaller than a variant of the product (a colour, a view), whose images are
near to each other anyway."""

_NEAR = 0.63
"""A pair is near-identical if it is this much nearer than the edge of the neighbourhood of both of its images: an image
that is far from all others may be near to its nearest one by chance. Measured on all pairs of 300 magnetic tiles: 146
of 155 such pairs show one part, and 326 pairs do. With the edge of either image 165 of 174 did, but four colours of a
product raised false pairs."""

_NEARLY_ZERO = 0.05
"""Or if it is this much nearer than images are on average (root mean square): where a part has more images than a
neighbourhood, these are near-identical all the same."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LookalikePairs:
    """Near-identical pairs.

    Attributes:
        count: of all pairs.
        nearest: at most 20 of them, the nearest first.
    """

    count: int
    nearest: tuple[tuple[Path, Path], ...]


class Lookalikes:
    """Finds near-identical images by sketches: embeddings averaged over 4x4 cells, randomly projected.

    Attributes:
        sketches: `(256,) float32` of every image that was added, by path.
    """

    def __init__(self, rows: int, columns: int, counted: npt.NDArray[np.int64]) -> None:
        """Takes the shape of the grid and the positions of the patches that count."""
        self._rows, self._columns, self._counted = rows, columns, counted
        self.sketches: dict[Path, npt.NDArray[np.float32]] = {}
        self._projection: npt.NDArray[np.float32] | None = None

    def add(self, path: Path, embeddings: npt.NDArray[np.float32]) -> None:
        """Remembers the sketch of an image.

        Args:
            path: the image.
            embeddings: `(P, D) float32` of the patches that count.
        """
        dimension = embeddings.shape[1]
        grid = np.zeros((self._rows * self._columns, dimension), np.float32)
        grid[self._counted] = embeddings
        cells = [
            cell.mean(axis=(0, 1))
            for band in np.array_split(grid.reshape(self._rows, self._columns, dimension), _CELLS, axis=0)
            for cell in np.array_split(band, _CELLS, axis=1)
            if cell.size
        ]
        flat = np.concatenate(cells)
        if self._projection is None:
            rng = np.random.default_rng(0)
            self._projection = rng.normal(scale=_SKETCH**-0.5, size=(len(flat), _SKETCH)).astype(np.float32)
        self.sketches[path] = flat @ self._projection

    def across(self, folds: Sequence[Sequence[Path]]) -> LookalikePairs:
        """Near-identical pairs whose images lie in different folds.

        Every image is judged against its own neighbourhood, among the images of all folds. Images without a difference
        always count. Memory grows with the images, not with their pairs.

        Args:
            folds: the images of every fold; images that were not added are left out.
        """
        fold_of = {path: fold for fold, paths in enumerate(folds) for path in paths if path in self.sketches}
        paths = list(fold_of)
        if len(paths) < 2:
            return LookalikePairs(count=0, nearest=())
        sketches, own_fold = np.stack([self.sketches[path] for path in paths]), np.array(list(fold_of.values()))
        limits = _limits(sketches)
        count = 0
        nearest: list[tuple[float, Path, Path]] = []
        for first, sketch in enumerate(sketches[:-1]):
            later = slice(first + 1, None)
            distances = np.linalg.norm(sketches[later] - sketch, axis=1)
            is_near = distances <= np.minimum(limits[later], limits[first])
            found = np.flatnonzero(is_near & (own_fold[later] != own_fold[first]))
            count += len(found)
            pairs = [(float(distances[other]), paths[first], paths[first + 1 + other]) for other in found]
            nearest = heapq.nsmallest(LISTED, [*nearest, *pairs])
        return LookalikePairs(count=count, nearest=tuple((one, other) for _, one, other in nearest))


def _limits(sketches: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """`(n,) float64` the distance up to which another image is near-identical, by image."""
    count = len(sketches)
    # the image itself, at distance 0, comes first
    edge = min(max(_LEAST_NEIGHBOURHOOD, -(-count // round(1 / _NEIGHBOURHOOD))), max(1, count // 3))
    edges = [np.partition(np.linalg.norm(sketches - sketch, axis=1), edge)[edge] for sketch in sketches]
    # the mean of squared distances over all pairs is twice the variance
    average = np.sqrt(2.0 * np.square(sketches - sketches.mean(axis=0), dtype=np.float64).sum() / (count - 1))
    return np.asarray(np.maximum(_NEAR * np.array(edges, np.float64), _NEARLY_ZERO * average))
