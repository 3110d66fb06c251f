"""Paired statistics of two banks on the same parts. All functions are deterministic."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goodpart_bank_builder.evaluate.metrics import auroc

REPLICATES = 2000
_LEVEL = 0.95


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """How many parts an event has with one bank alone, and whether chance explains the difference.

    Attributes:
        of: parts.
        old, new: parts with the event.
        only_old, only_new: parts with the event by one bank alone.
        p_value: of McNemar's test, exact and two-sided, 0 to 1.
    """

    of: int
    old: int
    new: int
    only_old: int
    only_new: int
    p_value: float

    @property
    def rise(self) -> float:
        """The rate of NEW less the rate of OLD, -1 to 1; 0 without parts."""
        return (self.new - self.old) / self.of if self.of else 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class AreaChange:
    """The image AUROC of two banks on the same images.

    Attributes:
        old, new: 0 to 1.
        low, high: 95 % interval of `new - old`, by a bootstrap of parts.
        replicates: of the bootstrap.
        seed: of the bootstrap.
    """

    old: float
    new: float
    low: float
    high: float
    replicates: int
    seed: int

    @property
    def difference(self) -> float:
        """`new - old`."""
        return self.new - self.old


def mcnemar(old: Sequence[bool], new: Sequence[bool]) -> Change:
    """McNemar's test of one event with two banks on the same parts, exact and two-sided.

    Of the parts on which the banks differ, either one is as likely to have the event if the banks are alike: a binomial
    test with 1/2 (McNemar, 1947).

    Args:
        old, new: whether each part has the event, in the same order.
    """
    from scipy.stats import binomtest

    only_old = sum(one and not other for one, other in zip(old, new, strict=True))
    only_new = sum(other and not one for one, other in zip(old, new, strict=True))
    differ = only_old + only_new
    return Change(
        of=len(old),
        old=sum(old),
        new=sum(new),
        only_old=only_old,
        only_new=only_new,
        p_value=float(binomtest(only_new, differ, 0.5).pvalue) if differ else 1.0,
    )


def area_change(
    defective: npt.NDArray[np.bool_],
    old: npt.NDArray[np.float64],
    new: npt.NDArray[np.float64],
    parts: Sequence[str],
    *,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> AreaChange | None:
    """The difference of two image AUROCs, and its 95 % interval; None without both good and defective images.

    The bootstrap (Efron, 1979; percentile interval) draws parts, because images of one part resemble each other, and
    takes all images of a drawn part. Good and defective parts are drawn apart, so that every replicate has both. Both
    banks get the same replicates.

    Args:
        defective: `(n,) bool`.
        old, new: `(n,) float64` image scores, each in any unit.
        parts: the part that each image shows; all images of a part have one label.
        seed: of the draws.
        replicates: how many.
    """
    if defective.all() or not defective.any():
        return None
    names, part_of = np.unique(np.array(parts), return_inverse=True)
    label = np.zeros(len(names), np.bool_)
    label[part_of] = defective
    rng = np.random.default_rng(seed)
    areas = [_Area(defective, scores) for scores in (old, new)]
    differences = np.empty(replicates)
    for number in range(replicates):
        weights = np.zeros(len(names))
        for own in (np.flatnonzero(label), np.flatnonzero(~label)):
            weights += np.bincount(rng.choice(own, len(own)), minlength=len(names))
        one, other = (area.weighted(weights[part_of]) for area in areas)
        differences[number] = other - one
    low, high = np.percentile(differences, [50 * (1 - _LEVEL), 50 * (1 + _LEVEL)])
    before, after = auroc(defective, old), auroc(defective, new)
    if before is None or after is None:
        return None
    return AreaChange(old=before, new=after, low=float(low), high=float(high), replicates=replicates, seed=seed)


class _Area:
    """The AUROC of weighted images: the scores are sorted once."""

    def __init__(self, defective: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> None:
        values, self._rank = np.unique(scores, return_inverse=True)
        self._defective, self._ranks = defective, len(values)

    def weighted(self, weights: npt.NDArray[np.float64]) -> float:
        """The share of pairs of a defective and a good image in which the defective one scores higher; ties are half.

        Args:
            weights: `(n,) float64` at least 0, not all 0 in either class.
        """
        good = np.bincount(self._rank, np.where(self._defective, 0.0, weights), self._ranks)
        bad = np.bincount(self._rank, np.where(self._defective, weights, 0.0), self._ranks)
        below = np.cumsum(good) - 0.5 * good
        return float(bad @ below / (bad.sum() * good.sum()))
