"""From patch distances to scores and maps: pure functions, the paper's formulas.

Everything here is non-decreasing in each patch distance; certified search (`bank.py`) rests on that.
"""

import numpy as np
import numpy.typing as npt

from goodpart._host.inner_products import inner_products
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


def enlarge(
    grid: npt.NDArray[np.float32], height_px: int, width_px: int, *, smoothing: float = 0.0
) -> npt.NDArray[np.float32]:
    """Bilinear enlargement with aligned pixel areas and held edges (as torch's `align_corners=False`).

    Args:
        grid: `(rows, columns) float32`.
        height_px, width_px: size of the result.
        smoothing: standard deviation, in patches, of a Gaussian that smooths the grid first (as PatchCore's maps).

    Returns:
        `(height_px, width_px) float32`.
    """
    rows = inner_products(_interpolation(grid.shape[0], height_px), _gaussian(grid.shape[0], smoothing).T)
    columns = inner_products(_interpolation(grid.shape[1], width_px), _gaussian(grid.shape[1], smoothing).T)
    return inner_products(inner_products(rows, grid.T), columns)


def to_display(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """`A = sigmoid(z)` (paper, pixel map). For display only: it reaches exactly 1.0 above about 17 sigmas.

    Args:
        scores: any shape, float32, sigmas.

    Returns:
        the same shape, float32, 0 to 1.
    """
    # clipped where float32 has long saturated, so that exp cannot overflow
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(scores, -80.0, 80.0))), dtype=np.float32)


def _interpolation(count: int, size_px: int) -> npt.NDArray[np.float32]:
    """`(size_px, count) float32` matrix that enlarges one axis: two weights per row, which add up to 1."""
    centres = np.clip((np.arange(size_px) + 0.5) * count / size_px - 0.5, 0, count - 1)
    lower = np.minimum(centres.astype(np.int64), max(count - 2, 0))
    share = (centres - lower).astype(np.float32)
    matrix = np.zeros((size_px, count), np.float32)
    at = np.arange(size_px)
    matrix[at, lower] = 1.0 - share
    if count > 1:
        matrix[at, lower + 1] += share
    return matrix


def _gaussian(count: int, std: float) -> npt.NDArray[np.float32]:
    """`(count, count) float32` matrix that smooths one axis; what lies beyond its ends has no weight."""
    if std == 0.0:
        return np.eye(count, dtype=np.float32)
    apart = np.arange(count)[:, np.newaxis] - np.arange(count)
    weights = np.exp(-0.5 * (apart / std) ** 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
