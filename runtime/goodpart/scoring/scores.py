"""From patch distances to scores: the paper's formulas, as pure functions.

Every function here is non-decreasing in each patch distance. Certified search (`bank/search.py`) relies on that. Where
patches carry a known term (`scoring/term.py`), the distances here are the sums of distance and term.
"""

import numpy as np
import numpy.typing as npt

from goodpart.errors import InferenceError
from goodpart.facts.calibration import Calibration
from goodpart.facts.spec import GridSpec

_HIGHEST = 1e30
"""The largest calibrated score, of either sign. A float32 map could not hold much larger ones."""


def calibrate(distances: npt.NDArray[np.float64], calibration: Calibration) -> npt.NDArray[np.float64]:
    """Calibrated scores `z_i = (d_i - mu) / sigma` (paper, calibration).

    Args:
        distances: `(P,) float64` patch distances, cosine, higher is more anomalous.
        calibration: the scale of good patches.

    Returns:
        `(P,) float64` in sigmas of good patches, higher is more anomalous.
    """
    return (distances - calibration.mean) / calibration.std


def finite_scores(distances: npt.NDArray[np.float64], calibration: Calibration) -> npt.NDArray[np.float64]:
    """Calibrated scores of a frame that is to be judged.

    Args:
        distances: `(P,) float64` patch distances, with their terms.
        calibration: the scale of good patches.

    Returns:
        `(P,) float64` in sigmas, at most 1e30 in size, so that their mean and a float32 map of them are finite.

    Raises:
        InferenceError: a score is none of these.
    """
    with np.errstate(over="ignore"):
        scores = calibrate(distances, calibration)
    highest = float(np.abs(scores).max())
    if not highest <= _HIGHEST:  # written so that a NaN fails
        raise InferenceError(f"score: expected finite numbers, found one of size {highest}; run goodpart selftest")
    return scores


def image_score(scores: npt.NDArray[np.float64], top_k: int) -> float:
    """Mean of the `top_k` highest calibrated scores (paper, image score).

    Args:
        scores: `(P,) float64` calibrated scores.
        top_k: 1 to P.
    """
    return float(np.sort(scores)[-top_k:].mean())


def score_grid(
    scores: npt.NDArray[np.float64], counted: slice | npt.NDArray[np.int64], shape: GridSpec
) -> npt.NDArray[np.float32]:
    """The scores in their places.

    Args:
        scores: `(P,) float64` calibrated scores of the patches that count.
        counted: where these patches lie in the grid, row by row.
        shape: of the grid.

    Returns:
        `(rows, columns) float32`, read-only; patches that never count get the lowest score.
    """
    grid = np.full(shape.patches, scores.min(), np.float32)
    grid[counted] = scores
    grid.flags.writeable = False
    return grid.reshape(shape.rows, shape.columns)
