"""Input size: the height and width that keep the proportions of the frames.

Squashing a tall part into a square costs accuracy (commutators: image AUROC .875 squashed, .949 at their own aspect).
The export's report states what was chosen from the sizes of the good images, and why.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from goodpart.errors import UsageError
from goodpart.facts.reduction import describe_reduction, frame_pixels_per_input_pixel
from goodpart_export.sizing.defect_size import (
    LARGEST_PX,
    SEEN_PX,
    SMALLEST_PX,
    STEP_PX,
    check_defect_px,
    seen_from_px,
    size_for_defect,
)

AREA_TOLERANCE = 0.15
"""How much larger or smaller than the profile's own input, as a share of its area, a chosen one may be."""

REDUCTION = 0.5
"""The largest share of a frame's pixels that its input may have."""

SPAN_LIMIT = 1.5
"""The 90th percentile of the aspects over the 10th, beyond which no size suits all images."""

DISTORTION_LIMIT_PERCENT = 25.0
"""Beyond this the median aspect is too slender for any allowed size."""

# aspects whose logarithms agree to this many decimals are equal
_DIGITS = 9


@dataclasses.dataclass(frozen=True, kw_only=True)
class InputChoice:
    """An input size that was chosen for images, and why. An aspect is height / width of the inspected part.

    Attributes:
        images, images_found: how many images were measured, and how many the folder holds.
        inspected_height_px, inspected_width_px: median height and width of the inspected part, in frame pixels.
        median_aspect: what the size was chosen for; the median of logarithms, so that 1:2 and 2:1 give 1.
        aspect_p10, aspect_p90: 10th and 90th percentile of the aspects.
        input_height_px, input_width_px: the chosen size.
        distortion_percent: how much a part of the median aspect is still stretched along one side, 0 for not at all.
        frame_pixels_per_input_pixel: frame pixels along each side of one input pixel, downwards and across, at the
            median height and width; below 1 frames are enlarged.
        smallest_defect_px: side of the smallest defect that covers 16 input pixels there, in frame pixels.
        warning: why no size suits the images, or None.
    """

    images: int
    images_found: int
    inspected_height_px: float
    inspected_width_px: float
    median_aspect: float
    aspect_p10: float
    aspect_p90: float
    input_height_px: int
    input_width_px: int
    distortion_percent: float
    frame_pixels_per_input_pixel: tuple[float, float]
    smallest_defect_px: float
    warning: str | None

    def describe(self) -> str:
        """The choice and its reasons in one line, for messages."""
        measured = f"{self.images}" if self.images == self.images_found else f"{self.images} of {self.images_found}"
        return (
            f"input {self.input_height_px}x{self.input_width_px} (HxW) chosen: median aspect (height / width) "
            f"{self.median_aspect:.3g} in {measured} images, 10th to 90th percentile {self.aspect_p10:.3g} to "
            f"{self.aspect_p90:.3g}; remaining distortion {self.distortion_percent:.1f} %; "
            f"{describe_reduction(self.frame_pixels_per_input_pixel)}"
        )

    def describe_defects(self) -> str:
        """Which defects the chosen size shows, in one line, for messages."""
        return (
            f"defects of {self.smallest_defect_px:g} frame pixels and more cover {SEEN_PX} input pixels or more, which "
            "shows them well"
        )


def choose_input(
    inspected_px: Sequence[tuple[int, int]],
    *,
    own_px: tuple[int, int],
    images_found: int,
    defect_px: float | None = None,
) -> InputChoice:
    """The input size for images of the given sizes.

    Args:
        inspected_px: height and width of the inspected part of every measured image, in frame pixels, at least one.
        own_px: height and width of the profile's own input. The chosen input has about its area, or half that of the
            median image if that is less: at full resolution a frame shows noise (docs/decisions.md, input size).
        images_found: how many images there are.
        defect_px: side of the smallest defect that matters, in frame pixels. It should cover 16 input pixels, so the
            input becomes larger where that needs it, but never larger than the frame. None: it does not matter.

    Raises:
        UsageError: no sizes, or a defect of no size.
    """
    if defect_px is not None:
        check_defect_px(defect_px)
    if not inspected_px:
        raise UsageError("input size: expected the sizes of images, found none")
    sides_px = np.array(inspected_px, np.float64)
    aspects = np.exp(np.quantile(np.log(sides_px[:, 0] / sides_px[:, 1]), (0.1, 0.5, 0.9)))
    low, median, high = (float(aspect) for aspect in aspects)
    middle_px = (float(np.median(sides_px[:, 0])), float(np.median(sides_px[:, 1])))
    size_px = choose_size(median, own_px=_reduced(own_px, float(np.median(sides_px.prod(axis=1)))))
    if defect_px is not None and seen_from_px(middle_px, size_px) > defect_px:
        size_px = size_for_defect(middle_px, defect_px)
    # rounded up, so that no defect is promised that is smaller
    seen_px = math.ceil(seen_from_px(middle_px, size_px) * 10.0 - 1e-9) / 10.0
    chosen = size_px[0] / size_px[1]
    return InputChoice(
        images=len(inspected_px),
        images_found=images_found,
        inspected_height_px=middle_px[0],
        inspected_width_px=middle_px[1],
        median_aspect=round(median, 4),
        aspect_p10=round(low, 4),
        aspect_p90=round(high, 4),
        input_height_px=size_px[0],
        input_width_px=size_px[1],
        distortion_percent=round(_distortion_percent(chosen, median), 2),
        frame_pixels_per_input_pixel=frame_pixels_per_input_pixel(middle_px, size_px),
        smallest_defect_px=seen_px,
        warning=_joined(_out_of_reach(defect_px, seen_px, size_px), _warning(low, median, high, chosen=chosen)),
    )


def _reduced(own_px: tuple[int, int], inspected_area_px: float) -> tuple[int, int]:
    """The profile's own input, reduced if it has more than half as many pixels as an image."""
    scale = min(1.0, (REDUCTION * inspected_area_px / (own_px[0] * own_px[1])) ** 0.5)
    return max(SMALLEST_PX, round(own_px[0] * scale)), max(SMALLEST_PX, round(own_px[1] * scale))


def choose_size(aspect: float, *, own_px: tuple[int, int]) -> tuple[int, int]:
    """The allowed size whose aspect is nearest, as a ratio, to the given one; of equals the nearest in area.

    Args:
        aspect: height / width, above 0.
        own_px: height and width of the profile's own input.

    Returns:
        Height and width, multiples of 16 from 32 pixels up, of the profile's own area within 15 %. A larger aspect
        never gives a smaller aspect.

    Raises:
        UsageError: the aspect is not a positive finite number.
    """
    if not 0.0 < aspect < math.inf:
        raise UsageError(f"aspect: expected a positive height / width, found {aspect}")
    own_area = own_px[0] * own_px[1]

    def how_bad(size_px: tuple[int, int]) -> tuple[float, float, bool, int]:
        height_px, width_px = size_px
        off = round(abs(math.log(height_px / width_px) - math.log(aspect)), _DIGITS)
        return off, abs(math.log(height_px * width_px / own_area)), size_px != own_px, width_px

    return min(allowed_sizes(own_px), key=how_bad)


def allowed_sizes(own_px: tuple[int, int]) -> list[tuple[int, int]]:
    """All heights and widths that a profile accepts and whose area is that of its own input within 15 %.

    Args:
        own_px: height and width of the profile's own input; one of those returned.
    """
    own_area = own_px[0] * own_px[1]
    sides_px = range(SMALLEST_PX, LARGEST_PX + 1, STEP_PX)
    return [
        (height_px, width_px)
        for height_px in sides_px
        for width_px in sides_px
        if abs(height_px * width_px - own_area) <= AREA_TOLERANCE * own_area
    ]


def _distortion_percent(aspect: float, true_aspect: float) -> float:
    """How much one side is stretched relative to the other, whichever it is."""
    return 100.0 * (max(aspect / true_aspect, true_aspect / aspect) - 1.0)


def _out_of_reach(defect_px: float | None, seen_px: float, size_px: tuple[int, int]) -> str | None:
    if defect_px is None or defect_px >= seen_px - 0.1:
        return None
    return (
        f"a defect of {defect_px:g} frame pixels is out of reach: it should cover {SEEN_PX} input pixels, and at "
        f"{size_px[0]}x{size_px[1]}, the largest input that does not enlarge the frame, the smallest that does has "
        f"{seen_px:g} frame pixels; for a smaller one bring the camera closer"
    )


def _joined(*warnings: str | None) -> str | None:
    return "; ".join(warning for warning in warnings if warning is not None) or None


def _warning(low: float, median: float, high: float, *, chosen: float) -> str | None:
    if high / low > SPAN_LIMIT:
        return (
            f"the images' aspects differ {high / low:.2g}-fold between the 10th and the 90th percentile, so no input "
            f"size suits all: there, parts are stretched by {_distortion_percent(chosen, low):.0f} % and "
            f"{_distortion_percent(chosen, high):.0f} %; crop them alike (--roi), or export one backbone per shape"
        )
    distortion = _distortion_percent(chosen, median)
    if distortion > DISTORTION_LIMIT_PERCENT:
        return (
            f"no input size of about the profile's area is near the median aspect {median:.3g}: parts are stretched by "
            f"{distortion:.0f} %; inspect a part of the frame (--roi), or give --size"
        )
    return None
