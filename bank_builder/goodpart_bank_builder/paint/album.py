"""Album: small pictures of what was painted on good parts, for a person to judge."""

import bisect
import dataclasses
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import BackboneSpec, FrameSpec, Roi
from goodpart.scoring.overlay import visible
from goodpart_bank_builder.paint.painter import Kind

PAGES = 12
"""Pictures of an album, and at most one more for each kind of defect that none of them shows."""

_SIDE_PX, _CLOSE_PX, _BETWEEN_PX = 320, 144, 4
_SEEN_CHANGE = 2.0
_AROUND, _LEAST_SHARE = 1.6, 0.12
"""A close-up reaches this far beyond a defect, and shows at least this share of the longer side."""

Pixels = npt.NDArray[np.uint8]
"""`(H, W, 3)` RGB."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """One defect as it is painted: its kind, and the frame before and after."""

    kind: Kind
    before: npt.NDArray[Any]
    after: npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Mark:
    """A painted defect in a picture.

    Attributes:
        kind: what was painted.
        box: where, in pixels of the picture.
        close_up: the place before and after, side by side with a white line between, enlarged or made smaller.
    """

    kind: Kind
    box: Roi
    close_up: Pixels


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Page:
    """A good image with painted defects.

    Attributes:
        path: the good image.
        picture: the inspected area with all its defects, its longer side 320 pixels.
        marks: the defects, in the order in which they were painted.
    """

    path: Path
    picture: Pixels
    marks: tuple[Mark, ...]


class Album:
    """A sample of painted frames; several threads may add to it at a time.

    Which frames it keeps depends on their keys alone, not on the order in which they come: the lowest ones, and of each
    kind of defect the lowest one that shows it.
    """

    def __init__(self, spec: BackboneSpec) -> None:
        """Sets what frames are.

        Args:
            spec: the backbone's.
        """
        self._spec, self._lock = spec.frame, threading.Lock()
        self._pages: list[tuple[bytes, Page]] = []

    @property
    def pages(self) -> tuple[Page, ...]:
        """The pages, by ascending key."""
        return tuple(page for _, page in self._pages)

    def add(self, key: bytes, path: Path, steps: Sequence[Step]) -> None:
        """Takes a painted frame, if it belongs to the sample.

        Args:
            key: of the good frame, as good as random.
            path: the good image.
            steps: the defects in the order in which they were painted, each on top of the last.
        """
        if not steps or not self._wants(key, {step.kind for step in steps}):
            return
        page = _page(path, steps, self._spec)
        with self._lock:
            bisect.insort(self._pages, (key, page), key=lambda entry: entry[0])
            kept = {each for each, _ in self._pages[:PAGES]}
            kept |= {first for kind in Kind if (first := self._first_with(kind)) is not None}
            self._pages = [entry for entry in self._pages if entry[0] in kept]

    def _wants(self, key: bytes, kinds: set[Kind]) -> bool:
        with self._lock:
            if len(self._pages) < PAGES or key < self._pages[PAGES - 1][0]:
                return True
            firsts = [self._first_with(kind) for kind in kinds]
            return any(first is None or key < first for first in firsts)

    def _first_with(self, kind: Kind) -> bytes | None:
        return next((key for key, page in self._pages if any(mark.kind is kind for mark in page.marks)), None)


def _page(path: Path, steps: Sequence[Step], spec: FrameSpec) -> Page:
    last = _seen(steps[-1].after, spec)
    scale = _SIDE_PX / max(last.shape[:2])
    marks = []
    for step in steps:
        before, after = _seen(step.before, spec), _seen(step.after, spec)
        place = _changed(before, after)
        between = np.full((_CLOSE_PX, _BETWEEN_PX, 3), 255, np.uint8)
        pair = np.hstack([_close_up(before, place), between, _close_up(after, place)])
        marks.append(Mark(kind=step.kind, box=_box(place, scale, last.shape), close_up=pair))
    return Page(path=path, picture=_scaled(last, scale), marks=tuple(marks))


def _seen(frame: npt.NDArray[Any], spec: FrameSpec) -> Pixels:
    """The inspected area as a person sees it."""
    return np.rint(visible(spec.inspected(frame), spec)).astype(np.uint8)


def _changed(before: Pixels, after: Pixels) -> Roi:
    """The smallest box around what changed enough to be seen, or else around all that changed."""
    change = np.abs(after.astype(np.int16) - before).max(axis=2)
    rows, columns = np.nonzero(change > (_SEEN_CHANGE if change.max() > _SEEN_CHANGE else 0))
    if len(rows) == 0:  # values that differ and look the same
        return Roi(y_px=0, x_px=0, height_px=before.shape[0], width_px=before.shape[1])
    top, left = int(rows.min()), int(columns.min())
    return Roi(y_px=top, x_px=left, height_px=int(rows.max()) + 1 - top, width_px=int(columns.max()) + 1 - left)


def _box(place: Roi, scale: float, shape: tuple[int, ...]) -> Roi:
    """A place in pixels of the picture; at least 8 pixels a side where the picture allows, so that its inside shows."""
    sides = []
    for start, length, whole in ((place.y_px, place.height_px, shape[0]), (place.x_px, place.width_px, shape[1])):
        most = max(1, round(whole * scale))
        size = min(max(8, round(length * scale) + 6), most)
        middle = (start + length / 2) * scale
        sides.append((min(max(0, round(middle - size / 2)), most - size), size))
    (top, height), (left, width) = sides
    return Roi(y_px=top, x_px=left, height_px=height, width_px=width)


def _close_up(picture: Pixels, place: Roi) -> Pixels:
    """A square around a place, with some surroundings."""
    wanted = max(place.height_px, place.width_px) * _AROUND
    side = max(1, min(round(max(wanted, _LEAST_SHARE * max(picture.shape[:2]))), *picture.shape[:2]))
    top = min(max(0, place.y_px + place.height_px // 2 - side // 2), picture.shape[0] - side)
    left = min(max(0, place.x_px + place.width_px // 2 - side // 2), picture.shape[1] - side)
    square = picture[top : top + side, left : left + side]
    method = cv2.INTER_AREA if side > _CLOSE_PX else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (_CLOSE_PX, _CLOSE_PX), interpolation=method), np.uint8)


def _scaled(picture: Pixels, scale: float) -> Pixels:
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)
