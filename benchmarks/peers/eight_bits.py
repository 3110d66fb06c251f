"""Frames as the peers take them: 8-bit RGB, whatever the files hold.

anomalib reads every picture as 8-bit RGB. Files of 16 bits, such as thermograms in raw counts, are therefore stretched
over a range that the good images give: from their 1st to their 99.9th percentile, all pixels together.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart.errors import UsageError
from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart.frames.images import ImageReader

LOW_PERCENT, HIGH_PERCENT = 1.0, 99.9
"""Percentiles of the good images' pixels that become black and white."""

_RGB = FrameSpec(channels=Channels.RGB, dtype=PixelType.UINT8, value_range=None, roi=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EightBits:
    """Reads the files of one set.

    Attributes:
        value_range: counts that become black and white, or None for files of 8 bits, which are taken as they are.
    """

    value_range: tuple[int, int] | None

    @classmethod
    def learned(cls, good: Sequence[Path], reader: ImageReader) -> "EightBits":
        """The range of a set's good images.

        Args:
            good: files that have one depth.
            reader: reads them.

        Raises:
            UsageError: there is no file, or all pixels have one value.
            FrameError: a file cannot be read.
        """
        if not good:
            raise UsageError("train/good: expected good images, found none")
        if reader.levels(good[0]).dtype != np.uint16:
            return cls(value_range=None)
        pixels = np.concatenate([reader.levels(path).reshape(-1) for path in good])
        low, high = (round(float(np.percentile(pixels, percent))) for percent in (LOW_PERCENT, HIGH_PERCENT))
        if low >= high:
            raise UsageError(f"{good[0].parent}: expected pictures with contrast, found {low} in nearly every pixel")
        return cls(value_range=(low, high))

    def read(self, path: Path, reader: ImageReader) -> npt.NDArray[np.uint8]:
        """`(H, W, 3) uint8` RGB.

        Raises:
            FrameError: the file cannot be read.
        """
        if self.value_range is None:
            return np.asarray(reader.read(path, _RGB), np.uint8)
        return np.repeat(self.stretch(reader.levels(path))[:, :, np.newaxis], 3, axis=2)

    def stretch(self, counts: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
        """`(H, W) uint8`: counts of `value_range` over 0 to 255, and what lies outside clipped."""
        if self.value_range is None:
            return np.asarray(counts, np.uint8)
        low, high = self.value_range
        share = (counts.astype(np.float64) - low) / (high - low)
        return np.asarray(np.rint(np.clip(share, 0.0, 1.0) * 255.0), np.uint8)
