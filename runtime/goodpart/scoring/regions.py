"""Regions: connected anomalous patches of a grid, as boxes in frame pixels."""

import dataclasses

import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import Roi


@dataclasses.dataclass(frozen=True, kw_only=True)
class Region:
    """Connected patches (also over corners) whose calibrated score is above the pixel threshold.

    Attributes:
        y_px, x_px, height_px, width_px: the smallest box of whole frame pixels around them.
        area_share: their share of the patches of the grid, above 0 to 1.
        peak: the highest calibrated score among them, in sigmas.
        peak_y_px, peak_x_px: the middle of the patch that has it.
    """

    y_px: int
    x_px: int
    height_px: int
    width_px: int
    area_share: float
    peak: float
    peak_y_px: int
    peak_x_px: int


def find_regions(grid: npt.NDArray[np.float32], threshold: float, seen: Roi) -> tuple[Region, ...]:
    """Regions of one frame, the one with the highest peak first.

    Args:
        grid: `(rows, columns) float32` calibrated scores.
        threshold: pixel threshold in sigmas.
        seen: the part of the frame that the grid covers.
    """
    anomalous = {(int(row), int(column)) for row, column in np.argwhere(grid > threshold)}
    found = []
    while anomalous:
        patches = _connected(anomalous)
        anomalous -= patches
        found.append(_region(sorted(patches), grid, seen))
    return tuple(sorted(found, key=lambda region: (-region.peak, region.y_px, region.x_px)))


def _connected(anomalous: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """All patches that one of them reaches over sides and corners."""
    start = min(anomalous)
    reached, waiting = {start}, [start]
    while waiting:
        row, column = waiting.pop()
        around = {(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)}
        fresh = (around & anomalous) - reached
        reached |= fresh
        waiting += fresh
    return reached


def _region(patches: list[tuple[int, int]], grid: npt.NDArray[np.float32], seen: Roi) -> Region:
    # in whole numbers: rounding must not move an edge by a pixel
    (rows, columns), (height_px, width_px) = grid.shape, (seen.height_px, seen.width_px)
    at_rows, at_columns = zip(*patches, strict=True)
    top, left = min(at_rows) * height_px // rows, min(at_columns) * width_px // columns
    bottom, right = -(-(max(at_rows) + 1) * height_px // rows), -(-(max(at_columns) + 1) * width_px // columns)
    peak = max(patches, key=lambda patch: float(grid[patch]))
    return Region(
        y_px=seen.y_px + top,
        x_px=seen.x_px + left,
        height_px=bottom - top,
        width_px=right - left,
        area_share=len(patches) / grid.size,
        peak=float(grid[peak]),
        peak_y_px=seen.y_px + (2 * peak[0] + 1) * height_px // (2 * rows),
        peak_x_px=seen.x_px + (2 * peak[1] + 1) * width_px // (2 * columns),
    )
