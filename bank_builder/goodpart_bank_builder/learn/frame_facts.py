"""Frame facts: what a good image is like as a picture, measured while it is read."""

import dataclasses

import cv2
import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import Channels, FrameSpec
from goodpart.frames.statistics import frame_statistics

_TOP = 255


@dataclasses.dataclass(frozen=True, kw_only=True)
class FrameFacts:
    """A picture in numbers. A level is a 255th of the range of values, 0 is black.

    Attributes:
        height_px, width_px: of the whole frame.
        mean, low, high: mean, 1st and 99th percentile of grey, in levels.
        clipped: share of pixels that are black or saturated, 0 to 1; of a uint16 frame those of the value 0 or 65535,
            because what lies beyond the ends of its value range may still be well exposed.
        sharpness: `log(var(Laplacian of grey) / (var(grey) + 1))`; lower is more blurred.
        colour: mean difference between the outer channels and the middle one, in levels; 0 for grey.
        red_over_blue: mean of red less that of blue, in levels.
        statistics: what frames are checked by at run time; unlike the others, a local defect does not move them.
    """

    height_px: int
    width_px: int
    mean: float
    low: float
    high: float
    clipped: float
    sharpness: float
    colour: float
    red_over_blue: float
    statistics: dict[str, float]


def frame_facts(frame: npt.NDArray[np.generic], spec: FrameSpec) -> FrameFacts:
    """Measures the inspected part of a frame.

    Args:
        frame: `(H, W, 3)` or `(H, W)`, checked by `spec.check`.
        spec: what the frame is, and which part of it is inspected.
    """
    levels = _levels(spec.inspected(frame), spec)
    grey, colour, red_over_blue = levels, 0.0, 0.0
    if levels.ndim == 3:
        order = cv2.COLOR_BGR2GRAY if spec.channels is Channels.BGR else cv2.COLOR_RGB2GRAY
        grey = np.asarray(cv2.cvtColor(levels, order), np.uint8)
        # a sixteenth of the pixels tells the colour of a picture
        thin = levels[::4, ::4].astype(np.int16)
        colour = float(np.abs(thin[:, :, ::2] - thin[:, :, 1:2]).mean())
        first_over_last = float((thin[:, :, 0] - thin[:, :, 2]).mean())
        red_over_blue = -first_over_last if spec.channels is Channels.BGR else first_over_last
    counts = np.bincount(grey.ravel(), minlength=_TOP + 1)
    values, below = np.arange(_TOP + 1), np.cumsum(counts)
    mean = float(counts @ values) / grey.size
    variance = float(counts @ np.square(values - mean)) / grey.size
    spread = float(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1][0, 0]) ** 2
    return FrameFacts(
        height_px=frame.shape[0],
        width_px=frame.shape[1],
        mean=mean,
        low=float(np.searchsorted(below, 0.01 * grey.size)),
        high=float(np.searchsorted(below, 0.99 * grey.size)),
        clipped=float(counts[0] + counts[_TOP]) / grey.size if spec.value_range is None else _at_the_ends(frame, spec),
        # a picture without an edge has no sharpness; the tiny term keeps the logarithm finite
        sharpness=float(np.log((spread + 1e-6) / (variance + 1.0))),
        colour=colour,
        red_over_blue=red_over_blue,
        statistics=frame_statistics(frame, spec),
    )


def _at_the_ends(frame: npt.NDArray[np.generic], spec: FrameSpec) -> float:
    """Share of pixels at the ends of what 16 bits hold."""
    pixels = spec.inspected(frame).astype(np.uint16, copy=False)
    return float(np.mean((pixels == 0) | (pixels == np.iinfo(np.uint16).max)))


def _levels(pixels: npt.NDArray[np.generic], spec: FrameSpec) -> npt.NDArray[np.uint8]:
    """Values as levels, 0 to 255."""
    if spec.value_range is None:
        return np.ascontiguousarray(pixels, dtype=np.uint8)
    low, high = spec.value_range
    scaled = np.clip((pixels.astype(np.float32) - low) * (_TOP / (high - low)), 0, _TOP)
    return np.asarray(scaled.round(), np.uint8)
