"""Chance: what small samples of good and defective parts prove. All functions count parts.

Functions import scipy when called, as in `metrics`.
"""

import math

LEVEL = 0.01
"""The largest probability at which a result is no longer taken for chance."""

_Z = 1.959963984540054
"""The 97.5th percentile of the normal distribution."""

_DEFAULT_RATE = 0.05


def auroc_interval(value: float, *, good: int, defective: int) -> tuple[float, float]:
    """The 95 % confidence interval of an AUROC, also where it is 1 or the samples are small.

    The variance is that of Hanley and McNeil (1982) at the ends of the interval in place of the estimate, symmetric in
    both samples (Newcombe 2006, Statistics in Medicine 25, 559-573, method 5).

    Args:
        value: the AUROC, 0 to 1.
        good, defective: the numbers of parts, at least 1.

    Returns:
        low and high end, 0 to 1.
    """
    return _lower_end(value, good, defective), 1.0 - _lower_end(1.0 - value, good, defective)


def _lower_end(value: float, good: int, defective: int) -> float:
    more = (good + defective) / 2.0 - 1.0
    low, high = 0.0, value
    # bisection down to the spacing of floats: the distance to the estimate falls as the end rises
    for _ in range(60):
        end = (low + high) / 2.0
        spread = end * (1.0 - end) * (1.0 + more * (1.0 - end) / (2.0 - end) + more * end / (1.0 + end))
        if value - end > _Z * math.sqrt(spread / (good * defective)):
            low = end
        else:
            high = end
    return low


def could_be_chance(found: int, defective: int, rejected: int, good: int, *, target: float | None) -> bool:
    """Whether as many defective parts could be rejected by chance if they were good.

    Fisher's exact test against the good parts, one-sided, at 1 %. Without good parts it is the binomial test against
    the target rate.

    Args:
        found: rejected defective parts.
        defective: all defective parts.
        rejected: rejected good parts.
        good: all good parts.
        target: the share of good parts that the threshold may reject, None for 0.05.
    """
    from scipy.stats import binom, hypergeom

    if good:
        # of all parts, as many are rejected; how likely are so many of them among the defective ones?
        return float(hypergeom.sf(found - 1, good + defective, rejected + found, defective)) > LEVEL
    return float(binom.sf(found - 1, defective, _DEFAULT_RATE if target is None else target)) > LEVEL


def fewest_that_prove(rejected: int, good: int, *, target: float | None) -> int:
    """The fewest defective parts that prove anything if all of them are found; the arguments are as above.

    Returns:
        at least 1, at most 1000.
    """
    counts = range(1, 1000)
    return next((count for count in counts if not could_be_chance(count, count, rejected, good, target=target)), 1000)
