"""E-detector: evidence that blocks of frames are no longer like the blocks of a fixed reference.

Per block and statistic a share of the reference lies above the block, and one below it. Each is moved against the
evidence by a band, and becomes a bet: `1 + 2 e (1/2 - share)` has a mean of at most 1 as long as nothing has changed. A
mixture of stakes e, redealt a little at each step (the simple jumper), is started anew at each block; the sum of all
these is the Shiryaev-Roberts statistic `R <- (R + 1) * bet`. D is the mean of R over statistics and sides. As R - t is
a supermartingale then, D reaches a limit after that many blocks on average, or later (Shin, Ramdas and Rinaldo,
E-detectors, 2022).
"""

import dataclasses
import hashlib
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goodpart.errors import UsageError
from goodpart.scoring.stats import PICTURE_STATS
from goodpart.watch.reference import REFERENCE_BLOCKS, Floats, Reference, band

_STAKES = np.array([0.0, 0.25, 0.5, 1.0])
_REDEALT = 0.02
_MOST = 1e12
"""The largest R: beyond it a float would overflow after some thousand blocks."""

_DATING_STAKE = 0.5

_ALMOST = 100.0
"""How many times as much evidence a score may have as its cause: a lead of about eight blocks."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lead:
    """The statistic with the most evidence.

    Attributes:
        statistic: its name.
        direction: "higher" or "lower".
        since: number of the frame from which on its evidence has grown.
    """

    statistic: str
    direction: str
    since: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectorState:
    """All that a detector remembers, for a file.

    Attributes:
        names, seed, rise_only: as given.
        block, doubled, correlated, reference: of the reference.
        count, sums: frames of the block under way, and the sums of their statistics.
        blocks: blocks since the reference was complete.
        wealth: R of each side, by stake.
        dating: of each side.
        since: of each side.
    """

    names: tuple[str, ...]
    seed: int
    rise_only: bool
    block: int
    doubled: int
    correlated: bool
    reference: tuple[tuple[float, ...], ...]
    count: int
    sums: tuple[float, ...]
    blocks: int
    wealth: tuple[tuple[float, ...], ...]
    dating: tuple[float, ...]
    since: tuple[int, ...]

    def __post_init__(self) -> None:
        sides = len(self.names) * (1 if self.rise_only else 2)
        lengths = {len(row) for row in self.reference}
        fits = (
            len(self.names) == len(set(self.names)) == len(self.reference) == len(self.sums) >= 1
            and len(lengths) == 1
            and max(lengths) <= REFERENCE_BLOCKS
            and len(self.wealth) == len(self.dating) == len(self.since) == sides
            and all(len(row) == len(_STAKES) and all(0.0 <= each <= _MOST for each in row) for row in self.wealth)
            and all(0.0 <= each <= _MOST for each in self.dating)
            and 0 <= self.count < self.block <= 1 << 30
            and all(abs(each) <= 3e38 for row in self.reference for each in row)
            and min(self.blocks, self.doubled, self.seed, *self.since) >= 0
        )
        if not fits:
            raise UsageError("detector: expected a state that belongs together, found other lengths or ranges")


class Detector:
    """Watches statistics of frames together.

    Attributes:
        names: of the statistics.
        reference: the blocks that were learned, or are being learned.
        blocks: blocks since then.
    """

    def __init__(self, names: Sequence[str], *, block: int, seed: int, rise_only: bool = False) -> None:
        """Starts without a reference.

        Args:
            names: of the statistics, at least one.
            block: frames of a block, at least 1.
            seed: of the ranks of equal values.
            rise_only: whether only higher values are evidence.
        """
        sides = len(names) * (1 if rise_only else 2)
        self.names, self._seed, self._rise_only = tuple(names), seed, rise_only
        self.reference = Reference(np.empty((len(names), 0), np.float32), block=block)
        self._count, self._sums = 0, [0.0] * len(names)
        self._band = band(sides)
        self._since, self._dating = np.ones(sides, np.int64), np.ones(sides)
        self._wealth, self.blocks = np.zeros((sides, len(_STAKES))), 0

    @property
    def is_learning(self) -> bool:
        """Whether the reference is not complete yet."""
        return not self.reference.is_full

    @property
    def evidence(self) -> float:
        """D, from 0 to 1e12: its mean is at most the number of blocks as long as nothing has changed."""
        return float(self._wealth.sum(axis=1).mean())

    @property
    def lead(self) -> Lead:
        """What has changed: the statistic with the most evidence, or a cause that has almost as much.

        Light, focus and position move the scores as well. With the same evidence for both, the picture says why.
        """
        totals = self._wealth.sum(axis=1)
        causes = np.tile([name in PICTURE_STATS for name in self.names], len(totals) // len(self.names))
        near = np.where(causes & (totals * _ALMOST >= totals.max()), totals, 0.0)
        side = int((near if near.any() else totals).argmax())
        which, name = divmod(side, len(self.names))
        return Lead(statistic=self.names[name], direction="lower" if which else "higher", since=int(self._since[side]))

    def add(self, values: Sequence[float], frame: int) -> bool:
        """Takes the statistics of the next frame.

        Args:
            values: finite, in the order of `names`.
            frame: its number.

        Returns:
            whether a block was compared with the reference.
        """
        self._sums = [total + value for total, value in zip(self._sums, values, strict=True)]
        self._count += 1
        if self._count < self.reference.block:
            return False
        means = np.array(self._sums) / self._count
        self._count, self._sums = 0, [0.0] * len(self.names)
        if self.is_learning:
            self.reference.take(means)
            self._since[:] = frame + 1
            return False
        self._compare(means, frame)
        return True

    def restart(self, frame: int) -> None:
        """Forgets the evidence, and keeps the reference.

        Args:
            frame: number of the last frame.
        """
        self._wealth[:], self._dating[:], self._since[:] = 0.0, 1.0, frame + 1
        self._count, self._sums = 0, [0.0] * len(self.names)

    def _compare(self, means: Floats, frame: int) -> None:
        above, below = self.reference.shares(means, self._ties)
        shares = np.minimum(1.0, (above if self._rise_only else np.concatenate([above, below])) + self._band)
        wealth = self._wealth + 1.0 / len(_STAKES)
        wealth = (1.0 - _REDEALT) * wealth + _REDEALT * wealth.mean(axis=1, keepdims=True)
        wealth *= 1.0 + 2.0 * _STAKES * (0.5 - shares[:, np.newaxis])
        totals = wealth.sum(axis=1, keepdims=True)
        # rounding could lift the sum of what is scaled down above the limit
        self._wealth = np.minimum(wealth * np.minimum(1.0, _MOST / np.maximum(totals, 1.0)), _MOST)
        # R itself hardly ever falls below 1, as each block adds 1 to it: Page's CUSUM of the same bets dates the change
        dating = np.maximum(1.0, self._dating) * (1.0 + 2.0 * _DATING_STAKE * (0.5 - shares))
        self._dating = np.minimum(dating, _MOST)
        self._since[self._dating <= 1.0] = frame + 1
        self.blocks += 1

    def _ties(self) -> Floats:
        """`(statistics,)` in [0, 1), the same for the same seed and block on every machine."""
        digest = hashlib.blake2b(f"{self._seed} {self.blocks}".encode(), digest_size=64).digest()
        drawn = [hashlib.blake2b(digest + name.encode(), digest_size=6).digest() for name in self.names]
        return np.array([int.from_bytes(each, "big") / 2.0**48 for each in drawn])

    def to_state(self) -> DetectorState:
        """All that it remembers."""
        return DetectorState(
            names=self.names,
            seed=self._seed,
            rise_only=self._rise_only,
            block=self.reference.block,
            doubled=self.reference.doubled,
            correlated=self.reference.correlated,
            # a float32's own shortest digits: half as long as those of the same number as a float64
            reference=tuple(tuple(float(str(each)) for each in row) for row in self.reference.means),
            count=self._count,
            sums=tuple(self._sums),
            blocks=self.blocks,
            wealth=tuple(map(tuple, self._wealth.tolist())),
            dating=tuple(self._dating.tolist()),
            since=tuple(self._since.tolist()),
        )

    @classmethod
    def from_state(cls, state: DetectorState) -> "Detector":
        """The detector that had this state."""
        made = cls(state.names, block=state.block, seed=state.seed, rise_only=state.rise_only)
        means = np.array(state.reference, np.float32).reshape(len(state.names), -1)
        made.reference = Reference(means, block=state.block, doubled=state.doubled, correlated=state.correlated)
        made._count, made._sums, made.blocks = state.count, list(state.sums), state.blocks
        made._wealth, made._dating = np.array(state.wealth), np.array(state.dating)
        made._since = np.array(state.since, np.int64)
        return made


def is_finite(values: npt.ArrayLike) -> bool:
    """Whether all values can be averaged in float32."""
    return all(math.isfinite(each) and abs(each) <= 3e38 for each in np.asarray(values, np.float64).ravel().tolist())
