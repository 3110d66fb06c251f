"""Ignore mask: a picture as large as the frames that marks the areas that never count."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart.errors import FrameError, UsageError
from goodpart.facts.spec import FrameSpec, GridSpec
from goodpart.frames.images import read_mask


def read_ignore_mask(path: Path) -> npt.NDArray[np.bool_]:
    """`(H, W) bool`, True where the picture is not black.

    Raises:
        UsageError: the picture cannot be read, or ignores nothing.
    """
    try:
        mask = read_mask(path)
    except FrameError as error:
        raise UsageError(f"--ignore: {error}") from error
    if not mask.any():
        raise UsageError(f"--ignore {path}: expected white where the frame never counts, found black alone")
    return mask


def ignored_patches(mask: npt.NDArray[np.bool_], frame: FrameSpec, grid: GridSpec) -> npt.NDArray[np.bool_]:
    """The patches whose part of the frame the mask touches.

    Args:
        mask: `(H, W) bool`.
        frame: the specification of frames; the grid covers its region of interest.
        grid: the grid of patches.

    Returns:
        `(rows, columns) bool`.

    Raises:
        UsageError: the region of interest extends beyond the mask, or no patch is left.
    """
    try:
        frame.check_size(mask.shape[0], mask.shape[1], what="--ignore")
    except FrameError as error:
        raise UsageError(str(error)) from error
    area = frame.inspected(mask)
    touched = _touched(_touched(area, grid.rows).T, grid.columns).T
    if touched.all():
        raise UsageError("--ignore: expected a mask that leaves some patches, found none left")
    return np.asarray(touched)


def _touched(area: npt.NDArray[np.generic], count: int) -> npt.NDArray[np.bool_]:
    """`(count, ...) bool`: for each of `count` equal bands of the first axis, whether a pixel in it is set."""
    size = area.shape[0]
    bands = ((band * size // count, -(-(band + 1) * size // count)) for band in range(count))
    return np.stack([area[start:stop].any(axis=0) for start, stop in bands])
