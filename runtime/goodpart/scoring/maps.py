"""From a grid of scores to maps in frame pixels: pure functions.

The image score and the verdict never depend on a map.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from goodpart._host.inner_products import inner_products
from goodpart.facts.spec import Roi

T = TypeVar("T", bound=np.generic)

_LEAST_WEIGHT = 1e-6
"""Weight of counted patches below which a pixel has none near it. A lone counted patch under the widest Gaussian of a
profile (16 patches) gives its own pixels 1.5e-4."""


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


def enlarge_counted(
    grid: npt.NDArray[np.float32],
    counted: npt.NDArray[np.bool_],
    height_px: int,
    width_px: int,
    *,
    smoothing: float = 0.0,
) -> npt.NDArray[np.float32]:
    """As `enlarge`, from the counted patches alone: `smooth(score * counted) / smooth(counted)`.

    Smoothing and enlargement are one weighted mean of patches. Here only counted patches have weight, so that what
    stands in the others neither dims nor brightens a pixel (normalized convolution; Knutsson and Westin, 1993).

    Args:
        grid: `(rows, columns) float32`.
        counted: `(rows, columns) bool`, True in at least one patch.
        height_px, width_px: size of the result.
        smoothing: standard deviation of the Gaussian, in patches.

    Returns:
        `(height_px, width_px) float32`. The lowest counted score in the pixels of patches that do not count, and in
        pixels without a counted patch near them.
    """
    lowest = grid[counted].min()
    # heights above the lowest score are never negative, so that no sum cancels
    heights = enlarge(np.where(counted, grid - lowest, np.float32(0.0)), height_px, width_px, smoothing=smoothing)
    weights = enlarge(counted.astype(np.float32), height_px, width_px, smoothing=smoothing)
    shown = enlarge_flags(counted, height_px, width_px) & (weights >= _LEAST_WEIGHT)
    return np.asarray(lowest + np.divide(heights, weights, out=np.zeros_like(heights), where=shown), np.float32)


def enlarge_flags(flags: npt.NDArray[np.bool_], height_px: int, width_px: int) -> npt.NDArray[np.bool_]:
    """Each pixel gets the flag of the patch that it begins in.

    Args:
        flags: `(rows, columns) bool`.
        height_px, width_px: size of the result.

    Returns:
        `(height_px, width_px) bool`.
    """
    rows, columns = flags.shape
    row_of = np.arange(height_px) * rows // height_px
    column_of = np.arange(width_px) * columns // width_px
    return np.asarray(flags[row_of[:, np.newaxis], column_of])


def counted_map(
    grid: npt.NDArray[np.float32], ignored: npt.NDArray[np.bool_] | None, area: Roi, smoothing: float
) -> npt.NDArray[np.float32]:
    """The grid enlarged to the part of the frame that it covers.

    Args:
        grid: `(rows, columns) float32`.
        ignored: `(rows, columns) bool` patches that never count, or None if all do.
        area: the part of the frame that the grid covers.
        smoothing: standard deviation of the Gaussian, in patches.

    Returns:
        `(area.height_px, area.width_px) float32`.
    """
    size = area.height_px, area.width_px
    if ignored is None or not ignored.any():
        return enlarge(grid, *size, smoothing=smoothing)
    return enlarge_counted(grid, ~ignored, *size, smoothing=smoothing)


def in_frame(inside: npt.NDArray[T], roi: Roi | None, height_px: int, width_px: int, *, outside: T) -> npt.NDArray[T]:
    """The map of an area as a map of its frame; arguments as in `place`, without a region the map itself."""
    return inside if roi is None else place(inside, roi, height_px, width_px, outside=outside)


def place(inside: npt.NDArray[T], roi: Roi, height_px: int, width_px: int, *, outside: T) -> npt.NDArray[T]:
    """The map of a region of interest within the map of its frame.

    Args:
        inside: `(roi.height_px, roi.width_px)` map.
        roi: where it lies.
        height_px, width_px: size of the frame.
        outside: what the rest of the frame holds.

    Returns:
        `(height_px, width_px)` map of the same dtype.
    """
    full = np.full((height_px, width_px), outside, inside.dtype)
    full[roi.y_px : roi.y_px + roi.height_px, roi.x_px : roi.x_px + roi.width_px] = inside
    return full


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
    pixel = np.arange(size_px)
    matrix[pixel, lower] = 1.0 - share
    if count > 1:
        matrix[pixel, lower + 1] += share
    return matrix


def _gaussian(count: int, std: float) -> npt.NDArray[np.float32]:
    """`(count, count) float32` matrix that smooths one axis; what lies beyond its ends has no weight."""
    if std == 0.0:
        return np.eye(count, dtype=np.float32)
    apart = np.arange(count)[:, np.newaxis] - np.arange(count)
    weights = np.exp(-0.5 * (apart / std) ** 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
