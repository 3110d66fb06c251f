"""Excess: how far the patches of a thermogram are hotter than the rest of their frame."""

import numpy as np
import numpy.typing as npt

from goodpart.facts.excess import ExcessRule


def excess(hottest: npt.NDArray[np.float32], rule: ExcessRule) -> npt.NDArray[np.float64]:
    """How far every patch is hotter than a percentile of its frame: `max(0, t_p - percentile of all t)`.

    Args:
        hottest: `(P,) float32` highest pixel values of the patches that count.
        rule: names the percentile.

    Returns:
        `(P,) float64` at least 0, in the units of the frame.
    """
    values = hottest.astype(np.float64)
    return np.maximum(values - np.percentile(values, rule.percentile), 0.0)
