"""Lookalikes: images so near to each other that they probably show one part, though they were held out apart.

If one of them is in the bank while the other is scored, its score is too low, and the threshold promises too much.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

_CELLS = 4
_SKETCH = 256
_NEAR = 0.5
"""Share of the median distance between images below which a pair is called near-identical. Measured: on the magnetic
tiles 95 % of such pairs do show one part, and more than half of all pairs that do are found; of 21,736 pairs of the
bottles one is."""


class Lookalikes:
    """Finds near-identical images by sketches: embeddings averaged over 4x4 cells, randomly projected."""

    def __init__(self, rows: int, columns: int, counted: npt.NDArray[np.int64]) -> None:
        """Takes the shape of the grid and the positions of the patches that count."""
        self._rows, self._columns, self._counted = rows, columns, counted
        self._sketches: dict[Path, npt.NDArray[np.float32]] = {}
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
        self._sketches[path] = flat @ self._projection

    def across(self, folds: Sequence[Sequence[Path]]) -> list[tuple[Path, Path]]:
        """Near-identical pairs whose images lie in different folds, the nearest first.

        Args:
            folds: the images of every fold; images that were not added are left out.
        """
        paths = [path for fold in folds for path in fold if path in self._sketches]
        if len(paths) < 3:
            return []
        fold_of = {path: at for at, fold in enumerate(folds) for path in fold}
        folds_of = np.array([fold_of[path] for path in paths])
        sketches = np.stack([self._sketches[path] for path in paths])
        limit = _NEAR * _median_distance(sketches)
        found = []
        for at, sketch in enumerate(sketches[:-1]):
            distances = np.linalg.norm(sketches[at + 1 :] - sketch, axis=1)
            near = np.flatnonzero((distances < limit) & (folds_of[at + 1 :] != folds_of[at]))
            found += [(float(distances[other]), paths[at], paths[at + 1 + other]) for other in near]
        return [(one, other) for _, one, other in sorted(found)]


def _median_distance(sketches: npt.NDArray[np.float32]) -> float:
    """Of up to 10,000 pairs, drawn with a fixed seed."""
    pairs = np.random.default_rng(0).integers(0, len(sketches), (10_000, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return float(np.median(np.linalg.norm(sketches[pairs[:, 0]] - sketches[pairs[:, 1]], axis=1)))
