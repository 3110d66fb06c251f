"""Regions: connected anomalous patches of a grid, as boxes in frame pixels."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from goodpart.errors import UsageError
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


def peak_patch(grid: npt.NDArray[np.float32], region: Region, area: Roi) -> tuple[int, int]:
    """Row and column of the patch whose score is a region's peak.

    Args:
        grid: that the region was found in.
        region: from `find_regions`.
        area: the part of the frame that the grid covers.
    """
    # a pixel alone does not tell where a frame has fewer pixels than patches
    for row, column in np.argwhere(grid == np.float32(region.peak)).tolist():
        if _middle_px(row, column, grid.shape, area) == (region.peak_y_px, region.peak_x_px):
            return row, column
    raise UsageError(f"region: expected one of this grid, found {region}")


def inside_regions(
    scores: npt.NDArray[np.float32],
    pixel_threshold: float,
    regions: Sequence[Region],
    shape: tuple[int, ...],
    area: Roi,
) -> npt.NDArray[np.bool_] | None:
    """`(H, W) bool`, True above the pixel threshold; the middle of every region always is. None without a region.

    Args:
        scores: `(H, W) float32` the map without smoothing. It may miss a peak by a little, because no pixel lies
            exactly in the middle of a patch.
        pixel_threshold: in sigmas.
        regions: of this map.
        shape: rows and columns of the grid.
        area: the part of the frame that the grid covers.
    """
    if not regions:
        return None
    above = scores > pixel_threshold
    reach_y_px = max(1, area.height_px // (4 * shape[0]))
    reach_x_px = max(1, area.width_px // (4 * shape[1]))
    for region in regions:
        y_px, x_px = region.peak_y_px, region.peak_x_px
        above[max(y_px - reach_y_px, 0) : y_px + reach_y_px, max(x_px - reach_x_px, 0) : x_px + reach_x_px] = True
    return np.asarray(above)


def _middle_px(row: int, column: int, shape: tuple[int, ...], area: Roi) -> tuple[int, int]:
    """The pixel in the middle of a patch."""
    return (
        area.y_px + (1 + 2 * row) * area.height_px // (2 * shape[0]),
        area.x_px + (1 + 2 * column) * area.width_px // (2 * shape[1]),
    )


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
    peak_y_px, peak_x_px = _middle_px(-row, -column, grid.shape, area)
    return Region(
        y_px=area.y_px + top,
        x_px=area.x_px + left,
        height_px=bottom - top,
        width_px=right - left,
        area_share=len(patches) / grid.size,
        peak=peak,
        peak_y_px=peak_y_px,
        peak_x_px=peak_x_px,
    )
