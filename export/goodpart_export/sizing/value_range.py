"""Value range: the pixel values of good images that become black and white."""

import contextlib
import dataclasses
from pathlib import Path

import numpy as np

from goodpart.errors import UsageError
from goodpart.facts.spec import FrameSpec, PixelType
from goodpart.frames.listing import find_images
from goodpart_export.good_images import read_images
from goodpart_export.sizing.survey import sample

LOW_PERCENT, HIGH_PERCENT = 0.1, 99.9
"""Percentiles of all inspected pixels: a few dead or hot ones do not stretch the range."""

_VALUES = 1 << 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class RangeChoice:
    """A value range that was chosen for images.

    Attributes:
        images, images_found: how many images were measured, and how many the folder holds.
        low, high: the pixel values that become black and white.
        low_percent, high_percent: which percentiles of all inspected pixels these are.
        least, most: the extreme pixel values.
    """

    images: int
    images_found: int
    low: int
    high: int
    low_percent: float
    high_percent: float
    least: int
    most: int

    def describe(self) -> str:
        """The choice and its reasons in one line, for messages."""
        measured = f"{self.images}" if self.images == self.images_found else f"{self.images} of {self.images_found}"
        return (
            f"value range {self.low},{self.high} chosen: percentiles {self.low_percent:g} and {self.high_percent:g} of "
            f"the pixels of {measured} images, which reach from {self.least} to {self.most}"
        )


def choose_range(folder: Path, frame: FrameSpec) -> RangeChoice:
    """The value range for the images below a folder: all, or 200 evenly spaced ones.

    Args:
        folder: good images.
        frame: the raw frame that the backbone will take; its own value range does not matter.

    Raises:
        UsageError: frames of uint8, which have no value range; no such folder, or no image in it; or all pixels are
            alike.
        FrameError: an image cannot be decoded, or is no such frame; names it.
        MissingExtraError: OpenCV is not installed.
    """
    if frame.dtype is not PixelType.UINT16:
        raise UsageError(
            f"--value-range auto: expected uint16 frames, found {frame.dtype.value}; uint8 has no value range"
        )
    paths = find_images(folder)
    chosen = sample(paths)
    counts = np.zeros(_VALUES, np.int64)
    with contextlib.closing(read_images(chosen, frame, doing="measuring pixel values")) as images:
        for image in images:
            counts += np.bincount(frame.inspected(image).ravel(), minlength=_VALUES)
    below = np.cumsum(counts)
    low, high = (int(np.searchsorted(below, percent / 100.0 * below[-1])) for percent in (LOW_PERCENT, HIGH_PERCENT))
    least, most = (int(value) for value in np.flatnonzero(counts)[[0, -1]])
    if low >= high:
        raise UsageError(
            f"{folder}: expected images with several pixel values, found nearly all pixels at {low}; check the camera, "
            "or give --value-range LO,HI"
        )
    return RangeChoice(
        images=len(chosen),
        images_found=len(paths),
        low=low,
        high=high,
        low_percent=LOW_PERCENT,
        high_percent=HIGH_PERCENT,
        least=least,
        most=most,
    )
