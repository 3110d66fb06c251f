"""Painter: paints a small defect onto a good frame."""

import dataclasses
import enum
import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import BackboneSpec
from goodpart_bank_builder.paint.cuttings import paste, rectangle, strip
from goodpart_bank_builder.paint.strokes import Floats, Rng, blob, dots, scratch

_TRIES = 50
_LEAST_CHANGE, _LEAST_PIXELS, _SEEN_CHANGE = 4.0, 6, 2.0
_FULL_CHANGE = 4.0
"""Grey levels from which on a pixel counts fully as painted."""


class Kind(enum.Enum):
    """The kinds of painted defects."""

    SCRATCH = "scratch"
    DOTS = "dots"
    BLOB = "blob"
    CUTPASTE = "cut and pasted"
    SCAR = "scar"


_SHARES = (Kind.SCRATCH, Kind.SCRATCH, Kind.DOTS, Kind.BLOB, Kind.CUTPASTE, Kind.SCAR)
_STROKES = {Kind.SCRATCH: (scratch, 1.5), Kind.DOTS: (dots, 1.5), Kind.BLOB: (blob, 1.0)}
_CUTTINGS = {Kind.CUTPASTE: rectangle, Kind.SCAR: strip}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Painted:
    """A painted frame.

    Attributes:
        frame: as the backbone declares its frames.
        kind: what was painted.
        cover: `(rows, columns) float32` of the patch grid, 0 to 1: how much of a patch's cell is painted.
    """

    frame: npt.NDArray[Any]
    kind: Kind
    cover: Floats


class Painter:
    """Paints small defects onto good frames, inside the region of interest and outside ignored areas."""

    def __init__(self, spec: BackboneSpec, ignored: npt.NDArray[np.bool_] | None) -> None:
        """Sets what frames are.

        Args:
            spec: the backbone's.
            ignored: `(rows, columns) bool` patches that never count, None if all count.
        """
        self._spec, self._ignored = spec, ignored

    def paint(self, frame: npt.NDArray[Any], source: npt.NDArray[Any], rng: Rng) -> Painted | None:
        """Paints one defect.

        Args:
            frame: a good frame; it stays as it is.
            source: a good frame, the same or another one, that pieces are cut from.
            rng: draws the kind, the place, the size and the strength.

        Returns:
            the painted frame; None if no try changed the frame enough to be seen, as on a frame without contrast.
        """
        good, other = self._levels(frame), self._levels(source)
        if other.shape != good.shape:
            other = _resized(other, good.shape)
        scale = self._scale(good.shape)
        deviation = max(6.0, float(good.mean(axis=2).std()))
        allowed = self._allowed(good.shape)
        for _ in range(_TRIES):
            kind = _SHARES[rng.integers(len(_SHARES))]
            painted = good + allowed * (_painted(rng, kind, good, other, deviation=deviation, scale=scale) - good)
            made = self._frame(frame, painted)
            change = np.abs(self._levels(made) - good).max(axis=2)
            if change.max() > _LEAST_CHANGE and np.count_nonzero(change > _SEEN_CHANGE) >= _LEAST_PIXELS * scale**2:
                return Painted(frame=made, kind=kind, cover=self._cover(change))
        return None

    def _levels(self, frame: npt.NDArray[Any]) -> Floats:
        """`(H, W, C) float32` grey levels from 0 to 255 of the inspected area."""
        low, high = self._spec.frame.value_range or (0, 255)
        area = self._spec.frame.inspected(frame)
        levels = (area.astype(np.float32) - low) * (255.0 / (high - low))
        return levels[:, :, np.newaxis] if levels.ndim == 2 else levels

    def _frame(self, frame: npt.NDArray[Any], painted: Floats) -> npt.NDArray[Any]:
        """A copy of the frame with these grey levels in the inspected area, where they differ from its own."""
        low, high = self._spec.frame.value_range or (0, 255)
        made: npt.NDArray[Any] = np.array(frame)
        area = self._spec.frame.inspected(made)
        values = np.rint(np.clip(painted, 0.0, 255.0) * ((high - low) / 255.0) + low).astype(frame.dtype)
        # pixels beyond the range of a 16-bit frame stay as they are where nothing is painted
        changed = np.abs(painted - self._levels(frame)) > 0.5
        np.copyto(area, values.reshape(area.shape), where=changed.reshape(area.shape))
        return made

    def _scale(self, shape: tuple[int, ...]) -> float:
        """Frame pixels per input pixel."""
        profile = self._spec.profile
        return math.sqrt(shape[0] * shape[1] / (profile.input_height_px * profile.input_width_px))

    def _allowed(self, shape: tuple[int, ...]) -> Floats | float:
        """`(H, W, 1) float32`: 1 where it may be painted."""
        if self._ignored is None:
            return 1.0
        counted = (~self._ignored).astype(np.float32)
        allowed = cv2.resize(counted, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)
        return np.asarray(allowed, np.float32)[:, :, np.newaxis]

    def _cover(self, change: Floats) -> Floats:
        """Mean of each patch's cell of the change, in shares of a full one."""
        grid = self._spec.grid
        seen = np.minimum(change / _FULL_CHANGE, 1.0)
        return np.asarray(cv2.resize(seen, (grid.columns, grid.rows), interpolation=cv2.INTER_AREA), np.float32)


def _painted(rng: Rng, kind: Kind, good: Floats, other: Floats, *, deviation: float, scale: float) -> Floats:
    """The picture with a defect of this kind, anywhere."""
    if kind in _CUTTINGS:
        source = good if rng.random() < 0.5 else other
        cutting = _CUTTINGS[kind](rng, good.shape[:2], scale)
        return paste(rng, good, source, cutting, deviation=deviation)
    draw, strength = _STROKES[kind]
    sign = -1.0 if rng.random() < 0.65 else 1.0
    levels = sign * deviation * math.exp(rng.uniform(math.log(0.25), math.log(2.5))) * strength
    tint = np.ones(good.shape[2], np.float32)
    if good.shape[2] > 1 and rng.random() < 0.5:
        tint += np.asarray(rng.normal(0, 0.25, good.shape[2]), np.float32)
    cover = draw(rng, good.shape[:2], scale)
    return np.asarray(good + cover[:, :, np.newaxis] * (levels * tint), np.float32)


def _resized(picture: Floats, shape: tuple[int, ...]) -> Floats:
    return np.asarray(cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), np.float32).reshape(
        shape
    )
