"""Defect size: which input shows a defect of a given size, and how small a defect an input shows."""

import math
from collections.abc import Sequence

from goodpart.errors import UsageError

SEEN_PX = 16
"""Input pixels along each side of a defect that is seen well: two strides of the finest grid, one patch and its
neighbour. A smaller defect may be found too, if it is strong."""

STEP_PX, SMALLEST_PX, LARGEST_PX = 16, 32, 4096
"""Sides that a profile accepts: multiples of the step, from the smallest to the largest."""

_AREA_MORE = 0.15


def seen_from_px(inspected_px: Sequence[float], input_px: Sequence[int]) -> float:
    """Side of the smallest defect that covers `SEEN_PX` input pixels both downwards and across, in frame pixels.

    Args:
        inspected_px: height and width of the inspected part of the frame.
        input_px: height and width of the input.
    """
    return SEEN_PX * max(inspected_px[0] / input_px[0], inspected_px[1] / input_px[1])


def check_defect_px(defect_px: float) -> None:
    """Refuses a size that no defect has.

    Raises:
        UsageError: not a finite number above 0.
    """
    if not (math.isfinite(defect_px) and defect_px > 0.0):
        raise UsageError(f"--smallest-defect-px: expected frame pixels, a number above 0, found {defect_px:g}")


def size_for_defect(inspected_px: Sequence[float], defect_px: float) -> tuple[int, int]:
    """The smallest input that shows a defect, with the proportions of the frame; at most as large as the frame.

    Enlarging a frame shows nothing new, so a defect of less than `SEEN_PX` frame pixels is out of reach. Then, and
    where the largest side that a profile accepts is too small, the result is the largest input.

    Args:
        inspected_px: height and width of the inspected part of the frame.
        defect_px: side of the defect in frame pixels, above 0.

    Returns:
        height and width, multiples of 16 from 32 pixels up. Its area is at most 15 % above the least possible one; of
        these sizes it is the one whose proportions are nearest to those of the frame.
    """
    needed = [_up(side * SEEN_PX / defect_px) for side in inspected_px]
    most = [min(LARGEST_PX, max(SMALLEST_PX, int(side) // STEP_PX * STEP_PX)) for side in inspected_px]
    least = [max(SMALLEST_PX, min(need, limit)) for need, limit in zip(needed, most, strict=True)]
    aspect, area = inspected_px[0] / inspected_px[1], least[0] * least[1]
    sizes_px = [
        (height_px, width_px)
        for height_px in range(least[0], most[0] + 1, STEP_PX)
        for width_px in range(least[1], most[1] + 1, STEP_PX)
        if height_px * width_px <= (1.0 + _AREA_MORE) * area
    ]
    return min(sizes_px, key=lambda size: (round(abs(math.log(size[0] / size[1] / aspect)), 9), size))


def _up(side_px: float) -> int:
    """The next multiple of the step; a hair above one, from the division, is still that one."""
    return math.ceil(side_px / STEP_PX - 1e-9) * STEP_PX
