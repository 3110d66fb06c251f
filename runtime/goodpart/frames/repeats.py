"""Which of the last frames a frame repeats, told by a thumbnail of each."""

import dataclasses
import math
import threading
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

_GRID = 32
"""Patches per side that are looked at: enough to tell noise levels apart to a few per cent."""

_PATCH_PX, _SMALLEST_PATCH_PX = 8, 4
_LAPLACIAN_PX = 3

_GREEN = 3
"""Weight of the middle channel: close to the brightness, which JPEG keeps best, and the same for RGB and BGR."""

_UNCHANGED = 0.8
"""Share of the differences that have to be small, so that a time stamp may differ."""

_Z = 1.2816
"""The absolute value of a standard normal variable is below this with probability `_UNCHANGED`."""

_SMOOTH = 0.25
"""The noise is read where the scene is smoothest: at this quantile of the patches."""

_FEWEST_TO_LEARN_FROM = 200
"""With fewer differences, two noise levels cannot be told apart, and only equal ones count."""

_FEWEST = 16

_COPY = 0.5
"""Two frames of one scene differ by once the noise; a copy by less than this."""

_SAME_SCENE, _SAME_CONTRAST = 12.0, 0.25
"""Two frames show the same scene up to so many times the noise, and up to this share of the scene's own contrast."""

_SAME_NOISE = 1.25
"""A sensor's noise level is the same from frame to frame within a few per cent; compression takes noise away."""

_ALIKE = 1.25
"""Three frames of a scene that stands still are equally far from each other, within this factor."""


@dataclasses.dataclass(frozen=True, eq=False)
class Thumbnail:
    """What is kept of one frame: 32x32 patches of 8x8 pixels (fewer and smaller ones for a small frame).

    Attributes:
        kind: shape and dtype of the frame; only frames of one kind are compared.
        sums: `(rows, columns) int32` weighted sums of the pixels of each patch.
        steps: `(rows, columns - 1) int32` differences between the sums of neighbours: a lamp that flickers moves them
            less than the sums.
        live: `(rows, columns) bool` whether a patch has more than one value. A clipped one, black or white, tells
            nothing.
        roughness: `(rows, columns) float32` noise of a pixel and what looks like it, in weighted grey levels: the root
            mean square of J. Immerkaer's mask (Fast noise variance estimation, 1996), which is blind to flat and
            evenly shaded surfaces.
        expected: how far two frames of a part that stands still are from each other, in the unit of `steps`.
        contrast: how far neighbours are from each other in this frame, in the unit of `steps`.
    """

    kind: tuple[tuple[int, ...], np.dtype[Any]]
    sums: npt.NDArray[np.int32]
    steps: npt.NDArray[np.int32]
    live: npt.NDArray[np.bool_]
    roughness: npt.NDArray[np.float32]
    expected: float
    contrast: float

    @classmethod
    def of(cls, frame: npt.NDArray[Any], noise: float | None) -> "Thumbnail":
        """Reads the patches of a `(H, W)` or `(H, W, 3)` frame of uint8 or uint16; nothing of the frame is kept.

        Args:
            frame: the frame.
            noise: standard deviation of a pixel in grey levels; None to read it from the smooth patches, which is too
                high for a surface that is rough everywhere.
        """
        patches, weight = _patches(np.asarray(frame))
        sums = patches.sum((0, 1), dtype=np.int32)
        live = patches.max((0, 1)) > patches.min((0, 1))
        roughness, steps = _roughness(patches), np.diff(sums, axis=1)
        if noise is None:
            level = float(np.quantile(roughness[live], _SMOOTH)) if live.any() else 0.0
        else:
            level = noise * weight
        return cls(
            kind=(frame.shape, frame.dtype),
            sums=sums,
            steps=steps,
            live=live,
            roughness=roughness,
            # the difference between two frames of a difference between two patches: four sums
            expected=_Z * 2.0 * level * math.sqrt(patches.shape[0] * patches.shape[1]),
            contrast=_most(np.abs(steps).ravel()),
        )

    def compare(self, other: "Thumbnail") -> tuple[float, int]:
        """How far two frames are from each other, in the unit of `steps`, and how many steps count."""
        live = self.live | other.live
        counted = live[:, 1:] & live[:, :-1]
        count = int(np.count_nonzero(counted))
        if count < _FEWEST:
            # nothing but flat patches: only equal frames are near each other
            return (0.0 if np.array_equal(self.sums, other.sums) else math.inf), count
        return _most(np.abs(self.steps - other.steps)[counted]), count

    def noise_changed(self, other: "Thumbnail") -> bool:
        """Whether one of two frames of the same scene has less noise than a sensor leaves in it."""
        live = self.live | other.live
        mine, others = float(np.median(self.roughness[live])), float(np.median(other.roughness[live]))
        return max(mine, others) > _SAME_NOISE * min(mine, others)


class RecentFrames:
    """The last frames of one camera; may be used from several threads."""

    def __init__(self, count: int, *, noise: float | None) -> None:
        """Starts without a frame.

        Args:
            count: the number of frames that are remembered.
            noise: standard deviation of the camera's noise in grey levels; None to learn it.
        """
        self._kept: deque[Thumbnail] = deque(maxlen=count)
        self._noise, self._learned = noise, math.inf
        self._lock = threading.Lock()

    def take(self, frame: npt.NDArray[Any]) -> list[int]:
        """Remembers a frame, and says which ones it repeats.

        Returns:
            how many frames ago each of them came, the latest first: 1 is the frame before.
        """
        new = Thumbnail.of(frame, self._noise)
        with self._lock:
            old = [(age, one) for age, one in enumerate(reversed(self._kept), 1) if one.kind == new.kind]
            found = [(age, one, *new.compare(one)) for age, one in old]
            self._learn([(far, one) for _, one, far, _ in found])
            self._kept.append(new)
            return [age for age, one, far, count in found if self._repeats(new, one, far, count)]

    def _repeats(self, new: Thumbnail, old: Thumbnail, far: float, count: int) -> bool:
        if far == 0.0:
            return True
        if count < _FEWEST_TO_LEARN_FROM:
            return False
        if far <= _COPY * min(new.expected, old.expected, self._learned):
            return True
        scene = min(_SAME_SCENE * max(new.expected, old.expected), _SAME_CONTRAST * old.contrast)
        return far <= scene and new.noise_changed(old)

    def _learn(self, found: list[tuple[float, Thumbnail]]) -> None:
        """Learns from three frames that are equally far from each other; it never makes more frames repeats."""
        if self._noise is not None or len(found) < 2:
            return
        (near, one), (next_near, other) = sorted(found, key=lambda pair: pair[0])[:2]
        if near > 0.0 and next_near <= _ALIKE * near:
            sides = near, next_near, one.compare(other)[0]
            if max(sides) <= _ALIKE * min(sides):
                self._learned = min(self._learned, max(sides))


def _patches(frame: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int32], float]:
    """`(height, width, rows, columns) int32` pixels of the patches, and the weight of a pixel's noise in them."""
    (tops, height), (lefts, width) = _places(frame.shape[0]), _places(frame.shape[1])
    # rows first: whole rows are copied quickly, and few of them are needed
    values = frame.take(_indices(tops, height), 0).take(_indices(lefts, width), 1).astype(np.int32)
    weight = 1.0
    if values.ndim == 3:
        values = values[:, :, 0] + _GREEN * values[:, :, 1] + values[:, :, 2]
        weight = math.sqrt(2 + _GREEN**2)
    ordered = values.reshape(len(tops), height, len(lefts), width).transpose(1, 3, 0, 2)
    return np.ascontiguousarray(ordered), weight


def _places(length_px: int) -> tuple[npt.NDArray[np.intp], int]:
    """Where the patches begin along one side of a frame, and their size in pixels."""
    count = max(1, min(_GRID, length_px // _SMALLEST_PATCH_PX))
    size = min(_PATCH_PX, length_px // count)
    return (2 * np.arange(count) + 1) * length_px // (2 * count) - size // 2, size


def _indices(begins: npt.NDArray[np.intp], size: int) -> npt.NDArray[np.intp]:
    return np.asarray((begins[:, np.newaxis] + np.arange(size)).ravel())


def _roughness(patches: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """`(rows, columns) float32` of `(height, width, rows, columns)` patches; 0 where they are too small."""
    if min(patches.shape[:2]) < _LAPLACIAN_PX:
        return np.zeros(patches.shape[2:], np.float32)
    across = patches[:, :-2] + patches[:, 2:] - 2 * patches[:, 1:-1]
    both = (across[:-2] + across[2:] - 2 * across[1:-1]).astype(np.float32)
    # the mask's weights squared add up to 36
    return np.asarray(np.sqrt((both * both).mean((0, 1)) / 36.0), np.float32)


def _most(values: npt.NDArray[np.int32]) -> float:
    """The value that most of the values do not exceed; 0 of none."""
    if not len(values):
        return 0.0
    at = math.ceil(_UNCHANGED * len(values)) - 1
    return float(np.partition(values, at)[at])
