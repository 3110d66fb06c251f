"""Regions: connected anomalous patches of a grid, as boxes in frame pixels."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import Roi


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Region:
    """Patches whose calibrated score is above the pixel threshold, connected over sides or corners.

    Attributes:
        y_px, x_px, height_px, width_px: the smallest box of whole frame pixels that holds the patches.
        area_share: share of the grid's patches that belong to the region, above 0, at most 1.
        peak: the highest calibrated score of the region, in sigmas.
        peak_y_px, peak_x_px: the middle of the patch with that score.
    """

    y_px: int
    x_px: int
    height_px: int
    width_px: int
    area_share: float
    peak: float
    peak_y_px: int
    peak_x_px: int

    def __repr__(self) -> str:
        place = f"{self.height_px}x{self.width_px} px (HxW) at y {self.y_px}, x {self.x_px}"
        return f"Region({place}, peak {self.peak:.2f})"


def find_regions(grid: npt.NDArray[np.float32], threshold: float, area: Roi) -> tuple[Region, ...]:
    """Regions of one frame, the one with the highest peak first; its time grows linearly with the patches.

    Args:
        grid: `(rows, columns) float32` calibrated scores.
        threshold: pixel threshold in sigmas.
        area: the part of the frame that the grid covers.
    """
    found = [_region(patches, grid, area) for patches in _connected(grid > threshold)]
    return tuple(sorted(found, key=lambda region: (-region.peak, region.y_px, region.x_px)))


def strongest_patch(grid: npt.NDArray[np.float32], area: Roi) -> Region:
    """The patch with the highest score as a region of its own; of equal ones the first, row by row.

    Args:
        grid: `(rows, columns) float32` calibrated scores.
        area: the part of the frame that the grid covers.
    """
    row, column = divmod(int(grid.argmax()), grid.shape[1])
    return _region([(row, column)], grid, area)


def _connected(anomalous: npt.NDArray[np.bool_]) -> Iterator[list[tuple[int, int]]]:
    """The rows and columns of patches that reach each other over sides and corners, component by component.

    A flood fill that visits every patch once. Components come in the order of their first patches, row by row.
    """
    # a border of patches that are never anomalous, so that every patch has eight neighbours
    rows, columns = anomalous.shape
    width = columns + 2
    bordered = np.zeros((rows + 2, width), np.bool_)
    bordered[1:-1, 1:-1] = anomalous
    waiting = bytearray(bordered.tobytes())
    neighbours = (-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1)
    for first in np.flatnonzero(bordered).tolist():
        if not waiting[first]:
            continue
        waiting[first] = False
        patches = [first]
        for patch in patches:  # grows on the way
            for step in neighbours:
                if waiting[patch + step]:
                    waiting[patch + step] = False
                    patches.append(patch + step)
        yield [(patch // width - 1, patch % width - 1) for patch in patches]


def _region(patches: list[tuple[int, int]], grid: npt.NDArray[np.float32], area: Roi) -> Region:
    # in whole numbers: rounding must not move an edge by a pixel
    (rows, columns), (height_px, width_px) = grid.shape, (area.height_px, area.width_px)
    patch_rows, patch_columns = zip(*patches, strict=True)
    top, left = min(patch_rows) * height_px // rows, min(patch_columns) * width_px // columns
    bottom, right = -(-(max(patch_rows) + 1) * height_px // rows), -(-(max(patch_columns) + 1) * width_px // columns)
    # of equal peaks the first one, row by row
    peak, row, column = max((grid.item(patch), -patch[0], -patch[1]) for patch in patches)
    return Region(
        y_px=area.y_px + top,
        x_px=area.x_px + left,
        height_px=bottom - top,
        width_px=right - left,
        area_share=len(patches) / grid.size,
        peak=peak,
        peak_y_px=area.y_px + (1 - 2 * row) * height_px // (2 * rows),
        peak_x_px=area.x_px + (1 - 2 * column) * width_px // (2 * columns),
    )
