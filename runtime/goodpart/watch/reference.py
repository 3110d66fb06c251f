"""Reference: the means of the first blocks of frames, against which later blocks are compared."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

REFERENCE_BLOCKS = 150
"""Blocks of a reference. The band around its ranks gets narrower with its root."""

UNSURE = 0.05
"""Probability that the band does not hold."""

_CORRELATED = 0.2
"""Correlation of neighbouring blocks above which blocks are too short: a part reaches from one to the next."""

_MOST_DOUBLINGS = 3

Floats = npt.NDArray[np.float64]


class Reference:
    """Means of blocks, as they come; full with `REFERENCE_BLOCKS` of them.

    Attributes:
        means: `(statistics, blocks) float32`, in order of time.
        block: frames of a block.
        doubled: how often the block was doubled.
        correlated: whether neighbouring blocks were still alike after the last doubling.
    """

    def __init__(
        self, means: npt.NDArray[np.float32], *, block: int, doubled: int = 0, correlated: bool = False
    ) -> None:
        """Begins with the blocks that are known, or with none: an array of no columns."""
        self.means, self.block, self.doubled, self.correlated = means, block, doubled, correlated

    @property
    def is_full(self) -> bool:
        """Whether the reference is complete."""
        return bool(self.means.shape[1] >= REFERENCE_BLOCKS)

    def take(self, means: Floats) -> None:
        """Takes the next block. If neighbours are too much alike once it is full, pairs become blocks twice as long.

        Args:
            means: `(statistics,)` of the block.
        """
        self.means = np.column_stack([self.means, means.astype(np.float32)])
        if not self.is_full or lag_one(self.means).max() <= _CORRELATED:
            return
        if self.doubled == _MOST_DOUBLINGS:
            self.correlated = True
            return
        self.means = self.means.reshape(len(self.means), -1, 2).mean(axis=2, dtype=np.float64).astype(np.float32)
        self.block, self.doubled = 2 * self.block, self.doubled + 1

    def shares(self, means: Floats, ties: Callable[[], Floats]) -> tuple[Floats, Floats]:
        """The shares of the reference's blocks that lie above, and below, a block.

        Args:
            means: `(statistics,)` of the block.
            ties: gives `(statistics,)` in [0, 1), the share of equal ones that count as above; asked if there are any.
        """
        exact = means.astype(np.float32)[:, np.newaxis]
        blocks = self.means.shape[1]
        above = np.count_nonzero(self.means > exact, axis=1) / blocks
        equal = np.count_nonzero(self.means == exact, axis=1) / blocks
        if equal.any():
            above = above + ties() * equal
        return above, 1.0 - above


def band(sides: int) -> float:
    """How far a share of the reference may be off the share of all blocks, for so many sides at once, 95 % sure.

    Dvoretzky, Kiefer and Wolfowitz, with Massart's constant, one side each: `sqrt(ln(sides / 0.05) / (2 n))`.
    """
    return float(np.sqrt(np.log(sides / UNSURE) / (2.0 * REFERENCE_BLOCKS)))


def lag_one(means: npt.NDArray[np.float32]) -> Floats:
    """`(statistics,)` correlation of each block with the next one; 0 for a statistic that never varies."""
    centred = means.astype(np.float64) - means.mean(axis=1, dtype=np.float64, keepdims=True)
    total = np.square(centred).sum(axis=1)
    together = (centred[:, 1:] * centred[:, :-1]).sum(axis=1)
    return np.asarray(np.divide(together, total, out=np.zeros_like(total), where=total > 0.0))
