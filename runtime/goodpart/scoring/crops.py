"""Crops: a patch with its surroundings, cut out of a picture, so that two patches can be shown side by side."""

import dataclasses

import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import Roi


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Crop:
    """A piece of a picture.

    Attributes:
        picture: `(h, w, 3) uint8` RGB.
        y_px, x_px, height_px, width_px: the patch within the piece, in its pixels.
    """

    picture: npt.NDArray[np.uint8]
    y_px: int
    x_px: int
    height_px: int
    width_px: int


def crop(picture: npt.NDArray[np.uint8], box: Roi, *, context: float) -> Crop:
    """Cuts a box out of a picture, with surroundings as far as the picture has them.

    Args:
        picture: `(H, W, 3) uint8` RGB.
        box: the patch, within the picture.
        context: how far the surroundings reach on each side, in sides of the patch; 0 for the patch alone.
    """
    above, beside = round(context * box.height_px), round(context * box.width_px)
    top, left = max(0, box.y_px - above), max(0, box.x_px - beside)
    bottom, right = box.y_px + box.height_px + above, box.x_px + box.width_px + beside
    return Crop(
        picture=np.ascontiguousarray(picture[top:bottom, left:right]),
        y_px=box.y_px - top,
        x_px=box.x_px - left,
        height_px=box.height_px,
        width_px=box.width_px,
    )
