"""From patch distances to scores: the paper's formulas, as pure functions.

Every function here is non-decreasing in each patch distance. Certified search (`bank/search.py`) relies on that.
"""

import numpy as np
import numpy.typing as npt

from goodpart.facts.calibration import Calibration


def calibrate(distances: npt.NDArray[np.float64], calibration: Calibration) -> npt.NDArray[np.float64]:
    """Calibrated scores `z_i = (d_i - mu) / sigma` (paper, calibration).

    Args:
        distances: `(P,) float64` patch distances, cosine, higher is more anomalous.
        calibration: the scale of good patches.

    Returns:
        `(P,) float64` in sigmas of good patches, higher is more anomalous.
    """
    return (distances - calibration.mean) / calibration.std


def image_score(scores: npt.NDArray[np.float64], top_k: int) -> float:
    """Mean of the `top_k` highest calibrated scores (paper, image score).

    Args:
        scores: `(P,) float64` calibrated scores.
        top_k: 1 to P.
    """
    return float(np.sort(scores)[-top_k:].mean())
