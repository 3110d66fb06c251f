"""Marked: whether an image scored highest on its marked defect."""

import dataclasses

import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import Roi
from goodpart.scoring.inspection import Inspection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seen:
    """Where an image scored highest.

    Attributes:
        peak: highest score of its patches, in sigmas.
        in_truth: whether that patch or one next to it touches the marked defect, None without a mask. A patch sees its
            neighbours too, so a defect may score highest one patch beside it.
        truth_peak: highest score within the marked defect, None without a mask.
        truth_patch: row and column of the patch with that score, None without a mask.
    """

    peak: float
    in_truth: bool | None
    truth_peak: float | None
    truth_patch: tuple[int, int] | None = None


def look_where(inspection: Inspection, mask: npt.NDArray[np.bool_] | None) -> Seen:
    """Compares the highest score with the marked defect.

    Args:
        inspection: of the image.
        mask: `(H, W) bool` the marked defect, None without a mask.
    """
    patch = inspection.strongest
    if mask is None or not mask.any():
        return Seen(peak=patch.peak, in_truth=None, truth_peak=None)
    # the middle of a patch may lie beside a thin mask, so all patches that it touches count
    (rows_of, columns_of), grid = np.nonzero(mask), inspection.grid
    area = inspection.roi or Roi(y_px=0, x_px=0, height_px=mask.shape[0], width_px=mask.shape[1])
    row = (rows_of - area.y_px) * grid.shape[0] // area.height_px
    column = (columns_of - area.x_px) * grid.shape[1] // area.width_px
    inside = (row >= 0) & (row < grid.shape[0]) & (column >= 0) & (column < grid.shape[1])
    if not inside.any():
        return Seen(peak=patch.peak, in_truth=False, truth_peak=None)
    row, column = row[inside], column[inside]
    strongest_row = (patch.y_px + patch.height_px // 2 - area.y_px) * grid.shape[0] // area.height_px
    strongest_column = (patch.x_px + patch.width_px // 2 - area.x_px) * grid.shape[1] // area.width_px
    in_truth = bool(((abs(row - strongest_row) <= 1) & (abs(column - strongest_column) <= 1)).any())
    best = int(grid[row, column].argmax())
    return Seen(
        peak=patch.peak,
        in_truth=in_truth,
        truth_peak=float(grid[row[best], column[best]]),
        truth_patch=(int(row[best]), int(column[best])),
    )
