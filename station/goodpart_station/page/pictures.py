"""Pictures for the page: drawn and encoded by one thread, one at a time, when somebody asks."""

import asyncio
import contextlib
import functools
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart import FrameError, Inspection
from goodpart._host.opencv import load_opencv
from goodpart.scoring.overlay import visible
from goodpart_station.page.live import Recent

MOST_WAITING = 4
"""How many pictures may wait for the one in hand."""

WHOLE_PX, SMALL_PX = 1280, 160
"""The longest side of a picture, and of a thumbnail."""

_QUALITY = 85

_CACHE_BYTES = 16 << 20

_NICENESS = 10


class BusyError(Exception):
    """So many pictures are waiting that no further one is taken."""


class Pictures:
    """The one thread that encodes, and what it encoded last. The loop alone calls it."""

    def __init__(self) -> None:
        """Starts no thread before the first picture."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="page-pictures", initializer=_step_back)
        self._asked: dict[object, asyncio.Future[bytes | None]] = {}
        self._made: OrderedDict[object, bytes] = OrderedDict()
        self._made_bytes = 0

    async def get(self, key: object, make: Callable[[], bytes | None]) -> bytes | None:
        """A picture.

        Args:
            key: the same for the same picture; who asks for one that is being made waits for that.
            make: draws and encodes it; None if there is nothing to draw.

        Raises:
            BusyError: one is in hand and four are waiting.
        """
        if (made := self._made.get(key)) is not None:
            self._made.move_to_end(key)
            return made
        asked = self._asked.get(key)
        if asked is None:
            if len(self._asked) > MOST_WAITING:
                raise BusyError
            asked = asyncio.wrap_future(self._thread.submit(make))
            self._asked[key] = asked
            asked.add_done_callback(functools.partial(self._keep, key))
        # whoever asked may go away; the others, and the cache, still want it
        return await asyncio.shield(asked)

    def close(self) -> None:
        """Ends the thread after the picture in hand."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _keep(self, key: object, done: "asyncio.Future[bytes | None]") -> None:
        del self._asked[key]
        if done.cancelled() or done.exception() is not None or (made := done.result()) is None:
            return
        self._made[key] = made
        self._made_bytes += len(made)
        while self._made_bytes > _CACHE_BYTES:
            self._made_bytes -= len(self._made.popitem(last=False)[1])


def draw(recent: Recent | None, kept: Path | None, *, heat: bool, is_thumb: bool) -> bytes | None:
    """The picture of a part as JPEG.

    Args:
        recent: the part, if it is one of the newest.
        kept: its file in the ring, or None.
        heat: whether heat map and boxes are drawn, where the part was inspected.
        is_thumb: whether a small one is wanted.

    Returns:
        None if neither frame nor file is left, or the file cannot be read.
    """
    inspection = None if recent is None else recent.result.inspection
    pixels = _pixels(recent, kept)
    if pixels is not None and inspection is not None:
        # another camera setting may have come between frame and file
        with contextlib.suppress(FrameError):
            return _encode(_with_map(inspection, pixels) if heat else _as_seen(inspection, pixels), is_thumb=is_thumb)
    if pixels is None and recent is not None:
        pixels = recent.small
    return None if pixels is None else _encode(_plain(pixels), is_thumb=is_thumb)


def _pixels(recent: Recent | None, kept: Path | None) -> npt.NDArray[Any] | None:
    """The whole frame: from memory, else from the ring."""
    frame = None if recent is None else recent.result.frame
    if frame is not None and frame.unreadable is None and frame.pixels.size:
        return frame.pixels
    if kept is None:
        return None
    cv2 = load_opencv("pictures of the page")
    try:
        image = cv2.imdecode(np.fromfile(kept, np.uint8), cv2.IMREAD_UNCHANGED)
    except (OSError, cv2.error):
        return None
    return image if image is None or image.ndim == 2 else np.ascontiguousarray(image[:, :, 2::-1])


def _with_map(inspection: Inspection, pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return inspection.overlay(pixels, outlines=True)


def _as_seen(inspection: Inspection, pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.rint(visible(inspection.frame_spec.check(pixels), inspection.frame_spec)).astype(np.uint8)


def _plain(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Pixels of which nothing is known, as a picture: more than 8 bits are stretched from lowest to highest."""
    picture = pixels
    if picture.dtype != np.uint8:
        levels = np.nan_to_num(picture.astype(np.float32))
        low, high = float(levels.min()), float(levels.max())
        picture = np.asarray((levels - low) * (255.0 / max(high - low, 1e-9)), dtype=np.uint8)
    if picture.ndim == 2:
        picture = np.repeat(picture[:, :, np.newaxis], 3, axis=2)
    return np.ascontiguousarray(picture[:, :, :3])


def _encode(picture: npt.NDArray[np.uint8], *, is_thumb: bool) -> bytes:
    """`(H, W, 3) uint8` RGB as JPEG, made smaller where it is larger than the page needs."""
    cv2 = load_opencv("pictures of the page")
    most_px = SMALL_PX if is_thumb else WHOLE_PX
    height_px, width_px = picture.shape[:2]
    share = most_px / max(height_px, width_px)
    if share < 1:
        size = max(1, round(width_px * share)), max(1, round(height_px * share))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    bgr = np.ascontiguousarray(picture[:, :, ::-1])
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])


def _step_back() -> None:
    """Lets the judge go first: on Linux each thread has a niceness of its own."""
    if hasattr(os, "setpriority"):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
