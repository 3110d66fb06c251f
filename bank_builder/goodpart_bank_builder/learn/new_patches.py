"""New patches: how many vectors of the bank show what no earlier batch of images has shown.

Where a vector comes from does not tell: of a photograph and its near-copy, either may give a vector. A vector of a
batch is new if no patch of an earlier batch lies as near to it as the nearest two vectors of the bank lie to each
other: then the bank would not cover its place without the batch. Earlier patches are known by the coresets of their
chunks, which cover them more finely than the bank does. All distances are those in which a greedy bank is chosen.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart.facts.profile import CoresetMethod
from goodpart_bank_builder.data.parts import Fold
from goodpart_bank_builder.learn.coreset import Chooser, Coreset

_ROWS = 1024


class NewPatches:
    """Counts the new vectors of every batch but the first."""

    def __init__(self, chooser: Chooser, folds: Sequence[Fold]) -> None:
        """Takes what chooses the bank, and the folds.

        Nothing is counted of a single batch, nor of a random bank, which is chosen without a look at what is new.
        """
        batches = {batch for fold in folds for batch, _ in fold.by_batch()}
        self._chooser, self._counts = chooser, chooser.method is CoresetMethod.GREEDY and len(batches) > 1
        self._batch_of = {path: batch for fold in folds for batch, paths in fold.by_batch() for path in paths}
        self._seen: dict[int, list[npt.NDArray[np.float32]]] = {}

    def add(self, batch: int, coreset: Coreset) -> None:
        """Remembers the coreset of a chunk of a batch."""
        if self._counts:
            self._seen.setdefault(batch, []).append(self._chooser.project(coreset.vectors))

    def count(self, bank: Coreset, images: Iterable[Path], patches: int) -> Mapping[int, int]:
        """How many vectors of the bank are new in each batch but the first; empty where nothing is counted.

        Args:
            bank: the bank.
            images: in the order by which `Coreset.origins` counts.
            patches: of a frame, by which `Coreset.origins` counts.
        """
        if not self._seen:
            return {}
        points = self._chooser.project(bank.vectors)
        own = np.array([self._batch_of[path] for path in images])[bank.origins // patches]
        apart = _least_apart(points)
        found = {}
        first, *later = sorted(self._seen)
        earlier = self._seen[first].copy()
        for batch in later:
            mine = points[own == batch]
            near = np.full(len(mine), np.inf, np.float32)
            for block in earlier:
                np.minimum(near, _nearest(mine, block), out=near)
            found[batch] = int((near > apart).sum())
            earlier += self._seen[batch]
        return found


def _least_apart(points: npt.NDArray[np.float32]) -> float:
    """The squared distance of the two points that are nearest to each other."""
    least = np.inf
    for start in range(0, len(points), _ROWS):
        squares = _squares(points[start : start + _ROWS], points)
        rows = np.arange(len(squares))
        squares[rows, start + rows] = np.inf
        least = min(least, float(squares.min()))
    return least


def _nearest(points: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """`(N,) float32` squared distance of every point to the nearest of the others."""
    blocks = [_squares(points[start : start + _ROWS], others).min(axis=1) for start in range(0, len(points), _ROWS)]
    return np.concatenate([np.empty(0, np.float32), *blocks])


def _squares(points: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """`(N, M) float32` squared distances, as the coreset computes them."""
    own, theirs = (np.einsum("nd,nd->n", each, each) for each in (points, others))
    return np.asarray(own[:, None] + theirs - 2.0 * (points @ others.T), np.float32)
