"""Strokes: coverage maps of scratches, dots and blobs, drawn at random.

Every function draws into a picture of `size` and returns `(H, W) float32` from 0 to 1: how much of a pixel it covers.
Lengths are in pixels of the backbone's input; `scale` converts them to pixels of the picture. The kinds, their sizes
and their shares come from the recipe of the head (`docs/decisions.md`).
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Rng = np.random.Generator
Size = tuple[int, int]
"""Height and width in pixels."""

_STEP_PX = 4.0
_SECOND_LINE_PX = 0.7


def scratch(rng: Rng, size: Size, scale: float) -> Floats:
    """A scratch: a random walk of 8 to 60 % of the longer side, in 30 % of the cases with a second, thin one."""
    drawn = _line(rng, size, scale, thickness_px=_log_uniform(rng, 0.5, 3.0))
    if rng.random() < 0.3:
        drawn = np.maximum(drawn, _line(rng, size, scale, thickness_px=_SECOND_LINE_PX))
    return drawn


def dots(rng: Rng, size: Size, scale: float) -> Floats:
    """One to five round dots."""
    drawn = np.zeros(size, np.float32)
    for _ in range(rng.integers(1, 6)):
        radius_px = _log_uniform(rng, 0.005, 0.03) * max(size) / 2 + 0.8 * scale
        y, x = _point(rng, size)
        rows, columns = _window(size, y, x, radius_px + 1)
        distance = np.hypot(np.arange(rows.start, rows.stop)[:, None] - y, np.arange(columns.start, columns.stop) - x)
        window = drawn[rows, columns]
        np.maximum(window, np.clip(radius_px + 0.5 - distance, 0.0, 1.0), out=window)
    return drawn


def blob(rng: Rng, size: Size, scale: float) -> Floats:
    """An ellipse with an uneven rim and an edge that is hard or soft."""
    radius_px = max(_log_uniform(rng, 0.02, 0.25) * max(size) / 2, scale)
    aspect, softness = math.exp(rng.uniform(-0.9, 0.9)), rng.choice([0.1, 0.3, 0.8])
    turn = rng.uniform(0, math.pi)
    y, x = _point(rng, size)
    rows, columns = _window(size, y, x, radius_px * max(aspect, 1 / aspect) * 1.7)
    dy = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - y
    dx = np.arange(columns.start, columns.stop, dtype=np.float32) - x
    along, across = math.cos(turn) * dx + math.sin(turn) * dy, math.cos(turn) * dy - math.sin(turn) * dx
    radius = np.hypot(along / (radius_px * math.sqrt(aspect)), across * math.sqrt(aspect) / radius_px)
    rim = 1.0 + 0.25 * _clouds(rng, radius.shape)
    drawn = np.zeros(size, np.float32)
    drawn[rows, columns] = np.clip((rim - radius) / softness, 0.0, 1.0)
    return drawn


def _line(rng: Rng, size: Size, scale: float, *, thickness_px: float) -> Floats:
    """A line of any thickness: coverage falls off over one pixel on either side."""
    steps = max(2, round(rng.uniform(0.08, 0.6) * max(size) / (_STEP_PX * scale)))
    bend, jitter = rng.normal(0, 0.06), rng.choice([0.0, 0.15, 0.4])
    headings = rng.uniform(0, 2 * math.pi) + np.cumsum(bend + rng.normal(0, jitter, steps))
    y, x = _point(rng, size)
    ys = y + np.cumsum(np.sin(headings)) * _STEP_PX * scale
    xs = x + np.cumsum(np.cos(headings)) * _STEP_PX * scale
    path = np.round(np.stack([xs, ys], axis=1)).astype(np.int32)
    off = np.full(size, 255, np.uint8)
    cv2.polylines(off, [path], isClosed=False, color=0)
    distance = cv2.distanceTransform(off, cv2.DIST_L2, cv2.DIST_MASK_3)
    thickness = thickness_px * scale
    return np.asarray(np.clip(thickness / 2 + 0.5 - distance, 0.0, min(1.0, thickness)), np.float32)


def _clouds(rng: Rng, shape: Size) -> Floats:
    """Smooth noise of about unit deviation: some five lumps across."""
    coarse = rng.standard_normal((6, 6), np.float32)
    return np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def _window(size: Size, y: float, x: float, reach_px: float) -> tuple[slice, slice]:
    """The part of the picture within `reach_px` of a point."""
    top, left = max(0, math.floor(y - reach_px)), max(0, math.floor(x - reach_px))
    bottom, right = min(size[0], math.ceil(y + reach_px) + 1), min(size[1], math.ceil(x + reach_px) + 1)
    return slice(top, bottom), slice(left, right)


def _point(rng: Rng, size: Size) -> tuple[float, float]:
    return rng.uniform(0, size[0]), rng.uniform(0, size[1])


def _log_uniform(rng: Rng, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))
