"""Robust statistics: a few odd values move neither the centre nor the scale."""

import numpy as np
import numpy.typing as npt

_TO_STD = 1.4826
"""The standard deviation of a normal distribution over its median absolute deviation."""


def robust_scale(values: npt.NDArray[np.float64], *, floor: float) -> float:
    """Robust standard deviation: the median absolute deviation times 1.4826, and at least `floor`.

    Args:
        values: `(n,) float64`, at least one.
        floor: the least scale, so that values which hardly differ have no outliers.
    """
    return max(_TO_STD * float(np.median(np.abs(values - np.median(values)))), floor)


def robust_z(values: npt.NDArray[np.float64], *, floor: float) -> npt.NDArray[np.float64]:
    """Distance from the median in robust standard deviations, as `robust_scale` gives them.

    Args:
        values: `(n,) float64`, at least one.
        floor: the least scale.
    """
    return np.asarray((values - np.median(values)) / robust_scale(values, floor=floor))


def upper_z(values: npt.NDArray[np.float64], *, floor: float) -> npt.NDArray[np.float64]:
    """Distance from the median in robust standard deviations, for values whose upper tail may be the longer one.

    The scale is that of all values (`robust_scale`) or of the values above the median, whichever is larger. Held-out
    scores of good images have such a tail, and their scale above the median is up to half as large again.

    Args:
        values: `(n,) float64`, at least one.
        floor: the least scale.
    """
    off = values - np.median(values)
    above = off[off > 0]
    upper = _TO_STD * float(np.median(above)) if len(above) else 0.0
    return np.asarray(off / max(upper, robust_scale(values, floor=floor)))
