"""No signal: frames of a covered lens, a dark room or a saturated sensor; they can neither be judged nor learned."""

import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import FrameSpec

_DEAD_LEVELS = 5
"""Neighbouring levels, 255ths of the range, over which the noise of a dark or saturated sensor spreads at most."""

_LIVELY_SHARE = 0.001
"""Share of the pixels that may lie elsewhere in a frame without signal: hot pixels, a reflection."""


def no_signal(frame: npt.NDArray[np.generic], spec: FrameSpec) -> str | None:
    """Why a frame can neither be judged nor learned from.

    A frame has no signal if every inspected pixel is the same, or if in every channel all values but one in a thousand
    lie within 4 levels of each other. A level is a 255th of the range. The noise of the light alone spreads a lit scene
    wider, even a plain surface.

    Args:
        frame: `(H, W, 3)` or `(H, W)`, checked by `spec.check`.
        spec: what the frame is, and which part of it is inspected.

    Returns:
        the reason, for example "no signal: the frame is black; check light, exposure and camera"; None if the frame has
        a signal.
    """
    # a plain array: a subclass such as np.matrix has rules of its own
    pixels = np.asarray(spec.inspected(frame))
    first = pixels[0, 0]
    # a few rows tell most frames apart from a constant one, so the full pass is rare
    if (_some_rows(pixels) == first).all() and (pixels == first).all():
        return f"no signal: every pixel is {first.tolist()}"
    channels = [pixels] if pixels.ndim == 2 else [pixels[:, :, index] for index in range(pixels.shape[2])]
    ends: list[str] = []
    for channel in channels:
        if (end := _dead_end(channel, spec.value_range)) is None:
            return None
        ends += [end] if end not in ends else []
    return f"no signal: the frame is {' and '.join(ends)}; check light, exposure and camera"


def _dead_end(channel: npt.NDArray[np.generic], value_range: tuple[int, int] | None) -> str | None:
    """Where in the range nearly all values of a `(H, W)` channel lie close together, or None."""
    allowed, start = channel.size * _LIVELY_SHARE, 0
    # a few rows often hold more other values than a whole frame without signal may have
    for pixels in (_some_rows(channel), channel):
        counts = np.bincount(_levels(pixels, value_range).ravel(), minlength=256)
        together = np.convolve(counts, np.ones(_DEAD_LEVELS, np.int64), "valid")
        start = int(together.argmax())
        if pixels.size - together[start] > allowed:
            return None
    return "black" if start == 0 else "saturated" if start == 256 - _DEAD_LEVELS else "flat"


def _levels(pixels: npt.NDArray[np.generic], value_range: tuple[int, int] | None) -> npt.NDArray[np.generic]:
    """Values as levels, 0 to 255."""
    if value_range is None:
        return pixels
    low, high = value_range
    return np.clip((pixels.astype(np.int64) - low) * 255 // (high - low), 0, 255)


def _some_rows(pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """About 16 rows, evenly spaced."""
    return pixels[:: max(1, pixels.shape[0] // 16)]
