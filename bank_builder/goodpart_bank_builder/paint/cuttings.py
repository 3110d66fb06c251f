"""Cuttings: pieces of a good picture in the wrong place."""

import dataclasses
import math

import cv2
import numpy as np

from goodpart_bank_builder.paint.strokes import Floats, Rng, Size


@dataclasses.dataclass(frozen=True)
class Cutting:
    """The size of a piece in pixels, and how far it is turned when it is pasted."""

    height_px: int
    width_px: int
    degrees: float


def rectangle(rng: Rng, size: Size, scale: float) -> Cutting:
    """A rectangle of .4 to 8 % of a picture of `size`, in 60 % of the cases turned by any angle."""
    area = math.exp(rng.uniform(math.log(0.004), math.log(0.08))) * size[0] * size[1]
    aspect = math.exp(rng.uniform(-1.0, 1.0))
    degrees = rng.uniform(-180, 180) if rng.random() < 0.6 else 0.0
    return _cutting(size, math.sqrt(area * aspect), math.sqrt(area / aspect), degrees)


def strip(rng: Rng, size: Size, scale: float) -> Cutting:
    """A strip of 2 to 7 by 10 to 29 input pixels, lying or standing, turned by up to 45 degrees."""
    sides = float(rng.integers(2, 8)) * scale, float(rng.integers(10, 30)) * scale
    height, width = sides if rng.random() < 0.5 else sides[::-1]
    return _cutting(size, height, width, rng.uniform(-45, 45))


def paste(rng: Rng, picture: Floats, source: Floats, cutting: Cutting, *, deviation: float) -> Floats:
    """Cuts a piece anywhere, changes its contrast and its brightness, and pastes it anywhere.

    Args:
        rng: draws the places, the contrast and the brightness.
        picture: `(H, W, C) float32` grey levels.
        source: the good picture that is cut, of the same shape.
        cutting: what is cut.
        deviation: standard deviation of the picture's grey levels.

    Returns:
        the picture with the piece, `(H, W, C) float32`.
    """
    height, width = cutting.height_px, cutting.width_px
    top = int(rng.integers(0, source.shape[0] - height + 1))
    left = int(rng.integers(0, source.shape[1] - width + 1))
    piece = source[top : top + height, left : left + width]
    level = piece.mean(axis=(0, 1))
    piece = (piece - level) * rng.uniform(0.7, 1.3) + level + rng.normal(0, 0.3) * deviation
    move = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), cutting.degrees, 1.0)
    centre_y, centre_x = (rng.uniform(0, side) for side in picture.shape[:2])
    move[:, 2] += np.array([centre_x - (width - 1) / 2, centre_y - (height - 1) / 2])
    whole = picture.shape[1], picture.shape[0]
    covered = cv2.warpAffine(np.ones((height, width), np.float32), move, whole)[:, :, np.newaxis]
    pasted = cv2.warpAffine(np.ascontiguousarray(piece, np.float32), move, whole, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(picture + covered * (pasted.reshape(picture.shape) - picture), np.float32)


def _cutting(size: Size, height: float, width: float, degrees: float) -> Cutting:
    """A piece of at least 2 pixels a side, and no larger than the picture."""
    return Cutting(
        height_px=max(1, min(max(2, round(height)), size[0])),
        width_px=max(1, min(max(2, round(width)), size[1])),
        degrees=degrees,
    )
