"""Reduction: how many frame pixels one pixel of the backbone's input covers, and the one way to say it.

A defect must be larger than that to be seen. The figure is a length, rows before columns, and not an area: 1.56 x 1.56.
"""

from collections.abc import Sequence


def frame_pixels_per_input_pixel(inspected_px: Sequence[float], input_px: Sequence[float]) -> tuple[float, float]:
    """Frame pixels along each side of one input pixel, 2 decimals; below 1 frames are enlarged.

    Args:
        inspected_px: height and width of the part of the frame that is inspected.
        input_px: height and width of the backbone's input.

    Returns:
        downwards and across.
    """
    (height_px, width_px), (input_height_px, input_width_px) = inspected_px, input_px
    return round(height_px / input_height_px, 2), round(width_px / input_width_px, 2)


def describe_reduction(frame_pixels: Sequence[float], *, inspected_px: Sequence[float] | None = None) -> str:
    """The figure in words: `one input pixel covers 1.56 x 1.56 frame pixels`.

    Args:
        frame_pixels: from `frame_pixels_per_input_pixel`.
        inspected_px: height and width that it holds for, if they are to be named.
    """
    rows, columns = frame_pixels
    text = f"one input pixel covers {rows:g} x {columns:g} frame pixels"
    if inspected_px is None:
        return text
    height_px, width_px = inspected_px
    return f"{text} if {height_px:g}x{width_px:g} are inspected"
