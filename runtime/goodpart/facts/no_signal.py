"""No signal: frames of a covered lens, a dark room or a saturated sensor; they can neither be judged nor learned."""

import enum
import math
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import FrameSpec

_DEAD_LEVELS = 5
"""Neighbouring levels, 255ths of the range, over which the noise of a dark or saturated sensor spreads at most."""

_LIVELY_SHARE = 0.001
"""Share of the pixels that may lie elsewhere in a frame without signal: hot pixels, a reflection."""

_DEAD_SPREAD = 20.0
"""Standard deviations of its own noise over which a frame without signal spreads at most. White noise spreads over 6.6,
with columns that differ twice as much over 14; of 461 thermograms of substations the dullest spreads over 51."""

_ROUNDING = 0.3
"""The least noise, in pixel values: rounding to whole numbers gives 0.29."""

_TO_STD = 1.4826
"""The standard deviation of a normal distribution over its median absolute deviation."""

_ENOUGH = 32
"""Differences that tell noise; a frame of fewer has none that is known."""

_MOST = 65535

_BLOCK = 1 << 18
"""Pixels that are looked at together: what is made of them stays in the cache, and is small beside a large frame."""

_Pixel = TypeVar("_Pixel", bound=np.generic)


class SignalRule(enum.Enum):
    """What the values of a uint16 frame are compared with; for uint8 both are the same.

    NOISE: with the noise of the frame itself. RANGE: with the value range, as bundles of format 1 do it.
    """

    NOISE = "noise"
    RANGE = "range"


def no_signal(frame: npt.NDArray[np.generic], spec: FrameSpec, rule: SignalRule = SignalRule.NOISE) -> str | None:
    """Why a frame can neither be judged nor learned from.

    A frame has no signal if every inspected pixel is the same, or if in every channel all values but one in a thousand
    lie close together: within 4 levels of each other. A level is a 255th of the range. The noise of the light alone
    spreads a lit scene wider, even a plain surface.

    A uint16 camera may use a few values of its range alone, as thermal cameras do. Its frame therefore has no signal if
    all values but one in a thousand lie within 20 standard deviations of the frame's own noise, or at or beyond one
    end of the value range, where all of them look alike.

    Args:
        frame: `(H, W, 3)` or `(H, W)`, checked by `spec.check`.
        spec: what the frame is, and which part of it is inspected.
        rule: what the values of a uint16 frame are compared with.

    Returns:
        the reason, for example "no signal: the frame is black; check light, exposure and camera"; None if the frame has
        a signal.
    """
    # a plain array: a subclass such as np.matrix has rules of its own
    pixels = np.asarray(spec.inspected(frame))
    first = pixels[0, 0]
    # a few rows tell most frames apart from a constant one, so the full pass is rare
    if all((block == first).all() for some in (_some_rows(pixels), pixels) for block in _blocks(some)):
        return f"no signal: every pixel is {first.tolist()}"
    if spec.value_range is not None and rule is SignalRule.NOISE:
        values = pixels.astype(np.uint16, copy=False)
        return _outside(values, spec.value_range) or _only_noise(values)
    channels = [pixels] if pixels.ndim == 2 else [pixels[:, :, index] for index in range(pixels.shape[2])]
    ends: list[str] = []
    for channel in channels:
        if (end := _dead_end(channel, spec.value_range)) is None:
            return None
        ends += [end] if end not in ends else []
    return f"no signal: the frame is {' and '.join(ends)}; check light, exposure and camera"


def _outside(pixels: npt.NDArray[np.uint16], value_range: tuple[int, int]) -> str | None:
    """Why a uint16 `(H, W)` frame becomes one end of the value range nearly everywhere, or None."""
    low, high = value_range
    word = where = ""
    # a few rows often hold more other values than a whole frame without signal may have
    for some in (_some_rows(pixels), pixels):
        if sum(np.count_nonzero(block > low) for block in _blocks(some)) <= pixels.size * _LIVELY_SHARE:
            word, where = "black", f"at or below {low}"
        elif sum(np.count_nonzero(block < high) for block in _blocks(some)) <= pixels.size * _LIVELY_SHARE:
            word, where = "saturated", f"at or above {high}"
        else:
            return None
    return (
        f"no signal: the frame is {word}: its pixels are {where}, the end of the value range; check the camera's "
        "measuring range, or build for this range"
    )


def _only_noise(pixels: npt.NDArray[np.uint16]) -> str | None:
    """Why a uint16 `(H, W)` frame shows nothing but noise, or None."""
    noise = _noise(pixels)
    low = high = 0
    # a few rows often spread wider than a frame without signal may
    for some in (_some_rows(pixels), pixels):
        low, high = _narrowest(some, without=math.floor(pixels.size * _LIVELY_SHARE))
        if high - low > _DEAD_SPREAD * noise:
            return None
    word = "black" if low == 0 else "saturated" if high == _MOST else "flat"
    return (
        f"no signal: the frame is {word}: its values lie within {high - low} of each other, its noise alone is "
        f"{noise:.2g}; check shutter, lens and camera"
    )


def _noise(pixels: npt.NDArray[np.uint16]) -> float:
    """Standard deviation of the noise, in pixel values, and at least that of rounding.

    From differences between neighbours of neighbours, which vanish where the picture or its slope is even: Immerkaer,
    Fast noise variance estimation (1996); the median instead of the mean, so that edges do not count.
    """
    height = pixels.shape[0]
    step = max(1, (height - 2) // 16)
    upper, middle, lower = (pixels[start : height - 2 + start : step].astype(np.int64) for start in range(3))
    down = upper - 2 * middle + lower
    both = np.abs(down[:, :-2] - 2 * down[:, 1:-1] + down[:, 2:])
    return max(_TO_STD * float(np.median(both)) / 6.0, _ROUNDING) if both.size >= _ENOUGH else _ROUNDING


def _narrowest(pixels: npt.NDArray[np.uint16], *, without: int) -> tuple[int, int]:
    """The ends of the narrowest interval that holds all values but so many, and at least one."""
    # a histogram says where the ends of the sorted values lie, and takes no copy of the frame to sort
    up_to = _counts(_blocks(pixels), levels=_MOST + 1).cumsum()
    kept = max(1, pixels.size - without)
    starts = np.arange(pixels.size - kept + 1)
    lowest, highest = (up_to.searchsorted(ranks, side="right") for ranks in (starts, starts + kept - 1))
    start = int((highest - lowest).argmin())
    return int(lowest[start]), int(highest[start])


def _dead_end(channel: npt.NDArray[np.generic], value_range: tuple[int, int] | None) -> str | None:
    """Where in the range nearly all values of a `(H, W)` channel lie close together, or None."""
    allowed, start = channel.size * _LIVELY_SHARE, 0
    # a few rows often hold more other values than a whole frame without signal may have
    for pixels in (_some_rows(channel), channel):
        counts = _counts((_levels(block, value_range) for block in _blocks(pixels)), levels=256)
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


def _counts(blocks: Iterable[npt.NDArray[np.generic]], *, levels: int) -> npt.NDArray[np.int64]:
    """`(levels,)` how often each value from 0 on occurs."""
    counts = np.zeros(levels, np.int64)
    for block in blocks:
        counts += np.bincount(block.ravel(), minlength=levels)
    return counts


def _some_rows(pixels: npt.NDArray[_Pixel]) -> npt.NDArray[_Pixel]:
    """About 16 rows, evenly spaced."""
    return pixels[:: max(1, pixels.shape[0] // 16)]


def _blocks(pixels: npt.NDArray[_Pixel]) -> Iterator[npt.NDArray[_Pixel]]:
    """All pixels, block by block."""
    rows = max(1, _BLOCK // pixels.shape[1])
    for top in range(0, pixels.shape[0], rows):
        for left in range(0, pixels.shape[1], _BLOCK):
            yield pixels[top : top + rows, left : left + _BLOCK]
