"""Ignore mask: a picture as large as the frames that marks the areas that never count."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart.errors import FrameError, UsageError
from goodpart.facts.spec import FrameSpec, GridSpec
from goodpart.frames.images import MAX_MEGAPIXELS, ImageReader

_NEAR = 0.125
"""How far from black or white a pixel may be, as a share of the whole range, without being grey."""

_MOST_GREY = 0.05
"""Share of grey pixels beyond which a picture is no mask: soft edges have less, photographs and noise have more."""


def read_ignore_mask(path: Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> npt.NDArray[np.bool_]:
    """`(H, W) bool`, True where the picture is white: at or above half of its range.

    Args:
        path: a picture as large as the frames.
        max_megapixels: the most pixels that it may have, in millions.

    Raises:
        UsageError: the picture cannot be read, ignores nothing, or is not black and white.
    """
    try:
        levels = ImageReader(max_megapixels=max_megapixels).levels(path)
    except FrameError as error:
        raise UsageError(f"--ignore: {error}") from error
    white = np.iinfo(levels.dtype).max
    if levels.max() <= white // 2:
        found = f"no pixel above {levels.max()}" if levels.any() else "black alone"
        raise UsageError(f"--ignore {path}: expected white ({white}) where the frame never counts, found {found}")
    grey = float(np.mean((levels > white * _NEAR) & (levels < white * (1 - _NEAR))))
    if grey > _MOST_GREY:
        raise UsageError(
            f"--ignore {path}: expected black and white, found {grey * 100:.0f} % of the pixels grey, as in a "
            "photograph or a JPEG; paint it in black and white and save it as PNG"
        )
    return np.asarray(levels > white // 2)


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
