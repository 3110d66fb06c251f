"""Frame statistics: what a frame is like as a picture, in a few numbers that a local defect does not move.

A defect covers a few tiles of a frame; a lamp, a lens or a camera changes most of them. So every statistic is a
quantile over tiles.
"""

import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import Channels, FrameSpec

LEAST_SIDE_PX = 64
"""Frames with a shorter side have too few tiles to tell a defect from a lamp; they have no statistics."""

_TILES = 8
"""Tiles along each side."""

_TILE_SAMPLES = 12
"""Pixels along each side of a tile that tell its levels."""

_WINDOW_PX = 24
"""Side of the window in the middle of each tile that tells noise and sharpness, at full resolution, at most."""

_TOP = 255.0

_SEAM_COLUMNS = 128
"""Columns, evenly spaced, in which neighbouring rows are compared."""

_MOST = 65535

_LEAST_NOISE = 0.05
"""Levels that are added to the noise, so that a frame without any has a logarithm."""

_Pixel = TypeVar("_Pixel", bound=np.generic)


def frame_statistics(frame: npt.NDArray[np.generic], spec: FrameSpec) -> dict[str, float]:
    """Measures the inspected part of a frame.

    The statistics, each by its name. A level is a 255th of the range of values, 0 is black.

    - `grey`: middle of the tiles' mean grey, in levels.
    - `low`, `high`: the 1st percentile of grey in dark tiles and the 99th in bright tiles, in levels.
    - `red`, `blue`: how much redder and bluer than green most tiles are, in levels; absent for GRAY.
    - `black`, `saturated`: share of pixels at either end of what the dtype holds, 0 to 1, without the tiles that have
      the most.
    - `sharpness`: logarithm of the energy of second differences over that of first ones where the frame has edges;
      lower is more blurred.
    - `seam`: logarithm of how much the two most different neighbouring rows differ, over the median of all such pairs,
      without the three eighths of the columns that differ most.
    - `noise`: logarithm of the standard deviation of noise in even tiles, in levels. From differences that vanish where
      the picture or its slope is even: Immerkaer, Fast noise variance estimation (1996).

    Args:
        frame: `(H, W, 3)` or `(H, W)`, checked by `spec.check`.
        spec: what the frame is, and which part of it is inspected.

    Returns:
        finite numbers by name; none for a frame with a side below `LEAST_SIDE_PX`.
    """
    pixels = np.asarray(spec.inspected(frame))
    if min(pixels.shape[:2]) < LEAST_SIDE_PX:
        return {}
    return _levels(pixels, spec) | _fine(pixels, spec) | {"seam": _seam(pixels, spec)}


def _levels(pixels: npt.NDArray[np.generic], spec: FrameSpec) -> dict[str, float]:
    """The statistics of levels, from evenly spaced pixels."""
    side = _TILES * _TILE_SAMPLES
    rows, columns = (np.arange(side) * length // side for length in pixels.shape[:2])
    raw = _tiles(pixels[rows[:, np.newaxis], columns])
    values = _in_levels(raw, spec, clip=True)
    grey = _grey(values).reshape(len(values), -1)
    ordered = np.sort(grey, axis=1)
    last = ordered.shape[1] - 1
    most = _TOP if spec.value_range is None else _MOST
    found = {
        "grey": _middle(grey.mean(axis=1)),
        "low": _part(ordered[:, round(0.01 * last)], 0.15),
        "high": _part(ordered[:, round(0.99 * last)], 0.85),
        "black": _without_most(raw <= 0),
        "saturated": _without_most(raw >= most),
    }
    if values.ndim == 4:
        first, third = (values[..., 0] - values[..., 1], values[..., 2] - values[..., 1])
        red, blue = (third, first) if spec.channels is Channels.BGR else (first, third)
        found |= {
            "red": _middle(red.mean(axis=(1, 2))),
            "blue": _middle(blue.mean(axis=(1, 2))),
            "colour": _middle((np.abs(red) + np.abs(blue)).mean(axis=(1, 2))),
        }
    return found


def _fine(pixels: npt.NDArray[np.generic], spec: FrameSpec) -> dict[str, float]:
    """Sharpness and noise, from a window of neighbouring pixels in every tile."""
    side_px = min(_WINDOW_PX, *(length // _TILES for length in pixels.shape[:2]))
    rows, columns = (_window_places(length, side_px) for length in pixels.shape[:2])
    grey = _grey(_in_levels(_tiles(pixels[rows[:, np.newaxis], columns]), spec, clip=False))
    down, across = grey[:, 1:] - grey[:, :-1], grey[:, :, 1:] - grey[:, :, :-1]
    slope = np.square(down).mean(axis=(1, 2)) + np.square(across).mean(axis=(1, 2))
    twice_down, twice_across = down[:, 1:] - down[:, :-1], across[:, :, 1:] - across[:, :, :-1]
    curve = np.square(twice_down).mean(axis=(1, 2)) + np.square(twice_across).mean(axis=(1, 2))
    both = np.abs(twice_down[:, :, 2:] - 2.0 * twice_down[:, :, 1:-1] + twice_down[:, :, :-2]).mean(axis=(1, 2))
    edges = np.argsort(slope, kind="stable")[-len(slope) // 4 :]
    noise = math.sqrt(math.pi / 2.0) * _part(both, 0.25) / 6.0
    return {
        "sharpness": float(np.median(np.log((curve[edges] + 1e-3) / (slope[edges] + 1e-3)))),
        "noise": math.log(noise + _LEAST_NOISE),
    }


def _seam(pixels: npt.NDArray[np.generic], spec: FrameSpec) -> float:
    """How much the two most different neighbouring rows differ, in logarithms, beside half of all that do."""
    columns = np.arange(_SEAM_COLUMNS) * pixels.shape[1] // _SEAM_COLUMNS
    one = pixels if pixels.ndim == 2 else pixels[:, :, 1]
    levels = _in_levels(one[:, columns], spec, clip=True)
    blocks = np.abs(levels[1:] - levels[:-1]).reshape(len(levels) - 1, _TILES, -1).mean(axis=2)
    # a seam crosses the frame, a defect only some of its columns
    jumps = np.sort(blocks, axis=1)[:, : _TILES - 3].mean(axis=1)
    return math.log(float(jumps.max()) + 0.1) - math.log(float(np.median(jumps)) + 0.1)


def _window_places(length_px: int, side_px: int) -> npt.NDArray[np.int64]:
    """The rows, or columns, of a window in the middle of each tile."""
    starts = (2 * np.arange(_TILES) + 1) * length_px // (2 * _TILES) - side_px // 2
    return np.asarray((starts[:, np.newaxis] + np.arange(side_px)).ravel(), np.int64)


def _tiles(pixels: npt.NDArray[_Pixel]) -> npt.NDArray[_Pixel]:
    """`(T, rows, columns, ...)` pixels of each tile."""
    height, width = (length // _TILES for length in pixels.shape[:2])
    cut = pixels.reshape(_TILES, height, _TILES, width, *pixels.shape[2:]).swapaxes(1, 2)
    return np.asarray(cut.reshape(_TILES * _TILES, height, width, *pixels.shape[2:]))


def _in_levels(values: npt.NDArray[np.generic], spec: FrameSpec, *, clip: bool) -> npt.NDArray[np.float32]:
    levels = values.astype(np.float32)
    if spec.value_range is None:
        return levels
    low, high = spec.value_range
    scaled = (levels - np.float32(low)) * np.float32(_TOP / (high - low))
    return np.asarray(np.clip(scaled, 0.0, _TOP) if clip else scaled, np.float32)


def _grey(levels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """`(T, rows, columns)` grey: green counts twice, so the order of the channels does not matter."""
    if levels.ndim == 3:
        return levels
    return np.asarray((levels[..., 0] + 2.0 * levels[..., 1] + levels[..., 2]) * np.float32(0.25), np.float32)


def _middle(tiles: npt.NDArray[np.float32]) -> float:
    """Mean of the middle half of the tiles."""
    ordered, quarter = np.sort(tiles), len(tiles) // 4
    return float(ordered[quarter : len(tiles) - quarter].mean(dtype=np.float64))


def _part(tiles: npt.NDArray[np.float32], share: float) -> float:
    """The tiles' quantile, smoothed by the eight tiles around it, so that it varies without steps."""
    ordered, place = np.sort(tiles), round(share * (len(tiles) - 1))
    return float(ordered[max(0, place - 4) : place + 5].mean(dtype=np.float64))


def _without_most(at_end: npt.NDArray[np.bool_]) -> float:
    """Mean share over the tiles, without the eighth that has the most."""
    shares = np.sort(at_end.reshape(len(at_end), -1).mean(axis=1))
    return float(shares[: len(shares) - len(shares) // 8].mean())
