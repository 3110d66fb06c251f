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
    - `row`, `column`: where grey has its centre of gravity, 0 is the top and the left side, 1 the other one. They tell
      where the part lies; no frame is checked by them.
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
    raw = pixels.take(rows, axis=0).take(columns, axis=1)
    channels = [_tiles(raw if raw.ndim == 2 else raw[:, :, index]) for index in range(1 if raw.ndim == 2 else 3)]
    levels = [_in_levels(channel, spec, clip=True) for channel in channels]
    # green counts twice, so the order of the channels does not matter
    grey = levels[0] if len(levels) == 1 else (levels[0] + 2.0 * levels[1] + levels[2]) * np.float32(0.25)
    last = grey.shape[1] - 1
    lowest, highest = round(0.01 * last), round(0.99 * last)
    ordered = np.sort(grey, axis=1)
    means = grey.mean(axis=1)
    most = _TOP if spec.value_range is None else _MOST
    found = {
        "grey": _middle(means),
        "low": _part(ordered[:, lowest], 0.15),
        "high": _part(ordered[:, highest], 0.85),
        "black": _without_most([channel <= 0 for channel in channels]),
        "saturated": _without_most([channel >= most for channel in channels]),
        **_centre(means),
    }
    if len(levels) == 3:
        first, third = levels[0] - levels[1], levels[2] - levels[1]
        red, blue = (third, first) if spec.channels is Channels.BGR else (first, third)
        found |= {
            "red": _middle(red.mean(axis=1)),
            "blue": _middle(blue.mean(axis=1)),
            "colour": _middle((np.abs(red) + np.abs(blue)).mean(axis=1)),
        }
    return found


def _centre(means: npt.NDArray[np.float32]) -> dict[str, float]:
    """Where grey has its centre of gravity, from the `(T,)` mean of each tile; the middle of a black frame."""
    grid = means.reshape(_TILES, _TILES).astype(np.float64)
    places = (np.arange(_TILES) + 0.5) / _TILES
    if not (total := float(grid.sum())) > 0.0:
        return {"row": 0.5, "column": 0.5}
    return {"row": float(places @ grid.sum(axis=1)) / total, "column": float(places @ grid.sum(axis=0)) / total}


def _fine(pixels: npt.NDArray[np.generic], spec: FrameSpec) -> dict[str, float]:
    """Sharpness and noise, from a window of neighbouring pixels in every tile."""
    side_px = min(_WINDOW_PX, *(length // _TILES for length in pixels.shape[:2]))
    rows, columns = (_window_places(length, side_px) for length in pixels.shape[:2])
    picked = _green(pixels).take(rows, axis=0).take(columns, axis=1).reshape(_TILES, side_px, _TILES, side_px)
    # tiles last: then all differences run over contiguous memory
    windows = _in_levels(picked.transpose(1, 3, 0, 2).reshape(side_px, side_px, -1), spec, clip=False)
    down, across = windows[1:] - windows[:-1], windows[:, 1:] - windows[:, :-1]
    twice_down, twice_across = down[1:] - down[:-1], across[:, 1:] - across[:, :-1]
    slope, curve = _energy(down) + _energy(across), _energy(twice_down) + _energy(twice_across)
    thrice = twice_down[:, 1:] - twice_down[:, :-1]
    both = np.abs(thrice[:, 1:] - thrice[:, :-1]).mean(axis=(0, 1))
    edges = np.argsort(slope, kind="stable")[-len(slope) // 4 :]
    noise = math.sqrt(math.pi / 2.0) * _part(both, 0.25) / 6.0
    return {
        "sharpness": float(np.median(np.log((curve[edges] + 1e-3) / (slope[edges] + 1e-3)))),
        "noise": math.log(noise + _LEAST_NOISE),
    }


def _energy(differences: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """`(T,)` mean square of `(rows, columns, T)` differences."""
    return np.asarray(np.square(differences).mean(axis=(0, 1)), np.float32)


def _seam(pixels: npt.NDArray[np.generic], spec: FrameSpec) -> float:
    """How much the two most different neighbouring rows differ, in logarithms, beside half of all that do."""
    columns = np.arange(_SEAM_COLUMNS) * pixels.shape[1] // _SEAM_COLUMNS
    levels = _in_levels(_green(pixels).take(columns, axis=1), spec, clip=True)
    blocks = np.abs(levels[1:] - levels[:-1]).reshape(len(levels) - 1, _TILES, -1).mean(axis=2)
    # a seam crosses the frame, a defect only some of its columns
    jumps = np.sort(blocks, axis=1)[:, : _TILES - 3].mean(axis=1)
    return math.log(float(jumps.max()) + 0.1) - math.log(float(np.median(jumps)) + 0.1)


def _green(pixels: npt.NDArray[_Pixel]) -> npt.NDArray[_Pixel]:
    """`(H, W)` the middle channel: it stands for grey where only neighbours are compared."""
    return pixels if pixels.ndim == 2 else pixels[:, :, 1]


def _window_places(length_px: int, side_px: int) -> npt.NDArray[np.int64]:
    """The rows, or columns, of a window in the middle of each tile."""
    starts = (2 * np.arange(_TILES) + 1) * length_px // (2 * _TILES) - side_px // 2
    return np.asarray((starts[:, np.newaxis] + np.arange(side_px)).ravel(), np.int64)


def _tiles(pixels: npt.NDArray[_Pixel]) -> npt.NDArray[_Pixel]:
    """`(T, N)` pixels of each tile of `(H, W)`, row by row."""
    height, width = (length // _TILES for length in pixels.shape)
    cut = pixels.reshape(_TILES, height, _TILES, width).swapaxes(1, 2)
    return np.asarray(cut.reshape(_TILES * _TILES, height * width))


def _in_levels(values: npt.NDArray[np.generic], spec: FrameSpec, *, clip: bool) -> npt.NDArray[np.float32]:
    levels = values.astype(np.float32)
    if spec.value_range is None:
        return levels
    low, high = spec.value_range
    scaled = (levels - np.float32(low)) * np.float32(_TOP / (high - low))
    return np.asarray(np.clip(scaled, 0.0, _TOP) if clip else scaled, np.float32)


def _middle(tiles: npt.NDArray[np.float32]) -> float:
    """Mean of the middle half of the tiles."""
    ordered, quarter = np.sort(tiles), len(tiles) // 4
    return float(ordered[quarter : len(tiles) - quarter].mean(dtype=np.float64))


def _part(tiles: npt.NDArray[np.float32], share: float) -> float:
    """The tiles' quantile, smoothed by the eight tiles around it, so that it varies without steps."""
    ordered, place = np.sort(tiles), round(share * (len(tiles) - 1))
    return float(ordered[max(0, place - 4) : place + 5].mean(dtype=np.float64))


def _without_most(at_end: list[npt.NDArray[np.bool_]]) -> float:
    """Mean share over the tiles, without the eighth that has the most, of one or more `(T, N)` channels."""
    counts = np.sort(np.sum([np.count_nonzero(channel, axis=1) for channel in at_end], axis=0))
    kept = counts[: len(counts) - len(counts) // 8]
    return float(kept.mean(dtype=np.float64) / (len(at_end) * at_end[0].shape[1]))
