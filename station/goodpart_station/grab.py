"""Grab: frames of a station's source as PNG files, before there is a bundle, a store or a PLC."""

import collections
import concurrent.futures
import dataclasses
import datetime
import time
from collections.abc import Callable, Generator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy.typing as npt

from goodpart import UsageError
from goodpart._host.atomic import check_file, write_file
from goodpart.errors import found_at
from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.part import Frame, Part
from goodpart_station.ring.pictures import encoded
from goodpart_station.sources.source import Opening, Source

_WAITING = 8
"""How many frames may wait for the disk."""

_SLACK_NS = 100_000_000
"""How long after its time a triggered frame is still awaited: the source has then given it up for certain."""

_MOST_IN_A_ROW = 20
"""So many failures in a row come from a setting, and more of them would be no better."""

INCOMPLETE, UNREADABLE, STRAY = "incomplete", "unreadable", "stray"
NOT_IN_TIME = "not within pair_after_ms"
"""Why a frame is left out."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Declared:
    """What a stream is asked for in the place of a bundle; see `Wanted`.

    Attributes:
        channels, dtype: of the pictures.
    """

    channels: Channels
    dtype: PixelType

    def spec(self, product: int = 0) -> FrameSpec | None:
        """The same frame for every product.

        Raises:
            UsageError: uint16 with colours.
        """
        value_range = (0, 65535) if self.dtype is PixelType.UINT16 else None
        return FrameSpec(channels=self.channels, dtype=self.dtype, value_range=value_range, roi=None)

    def has_room(self) -> bool:
        """Yes: whoever grabs waits for the disk."""
        return True


@dataclasses.dataclass(frozen=True)
class Look:
    """What pictures have in common.

    Attributes:
        height_px, width_px: their size.
        channels, dtype: as a bundle declares them.
        bits: how many bits of a value the camera uses, None if it does not say.
    """

    height_px: int
    width_px: int
    channels: Channels
    dtype: PixelType
    bits: int | None


def check_folder(out: Path) -> None:
    """Refuses a folder that is not new or empty, or cannot be written.

    Raises:
        UsageError: it is one of these.
    """
    if out.is_symlink() or out.exists():
        if not out.is_dir():
            raise UsageError(f"{out}: expected a new or empty folder, found {found_at(out)}; name another")
        if any(out.iterdir()):
            raise UsageError(f"{out}: expected a new or empty folder, found files in it; name another")
    check_file(out / "picture.png")


class Grab:
    """Takes frames of a source, and writes the whole ones.

    Attributes:
        count: how many pictures are wanted.
        picked: how many frames were taken for it so far.
        looks: how many of them look how.
        left_out: how many were not written, by the reason.
    """

    def __init__(
        self, source: Source, out: Path, *, trigger: TriggerKind, after_ns: int, count: int, every_s: float
    ) -> None:
        """Takes nothing yet.

        Args:
            source: where frames come from; nothing else may use it.
            out: the folder, as `check_folder` allows it. The first picture makes it.
            trigger: with SOFTWARE, each exposure is triggered here, one after the other.
            after_ns: how long after its trigger a frame may come.
            count: how many pictures.
            every_s: the shortest time between two of them; 0 for none.
        """
        self._source, self._trigger, self._after_ns = source, trigger, after_ns
        self._every_ns = round(every_s * 1e9)
        self.count, self.picked = count, 0
        self.looks: collections.Counter[Look] = collections.Counter()
        self.left_out: collections.Counter[str] = collections.Counter()
        self._writer = _Writer(out)
        self._asked: Part | None = None
        self._seq = self._in_a_row = 0
        self._due_ns: int | None = None
        self._stopped = False
        self._utc_less_monotonic_ns = time.time_ns() - time.monotonic_ns()

    @property
    def written(self) -> int:
        """How many pictures are on the disk."""
        return self._writer.written

    def stop(self) -> None:
        """Ends `run` as soon as the source shows life again. A signal handler may call it."""
        self._stopped = True

    def run(self, told: Callable[[], None]) -> None:
        """Grabs until there are enough, `stop` is called, or the source ends. Frames in hand are written in any case.

        Args:
            told: is called several times a second, to tell somebody.

        Raises:
            SourceLostError: the source is not there, or not any more.
            UsageError: the disk takes no more, or nothing that the source gives can be used.
        """
        frames = self._source.frames()
        try:
            with self._writer:
                for frame in frames:
                    told()
                    if self._stopped:
                        return
                    if isinstance(frame, Opening):
                        continue
                    if frame is not None:
                        self._take(frame)
                        self._source.done(frame)
                    if self.picked == self.count:
                        return
                    self._ask()
        finally:
            # the camera is free again, whatever has ended it
            if isinstance(frames, Generator):
                frames.close()

    def _ask(self) -> None:
        """Triggers the next exposure, if it is time for it."""
        if self._trigger is not TriggerKind.SOFTWARE:
            return
        now_ns = time.monotonic_ns()
        if self._asked is not None:
            if now_ns <= self._asked.deadline_ns + _SLACK_NS:
                return
            self._asked = None
            self._fail(
                NOT_IN_TIME,
                f"source: expected a frame within pair_after_ms ({self._after_ns / 1e6:g}) of its trigger, found none "
                f"for {_MOST_IN_A_ROW} triggers in a row; raise pair_after_ms, or look at the camera",
            )
        if self._due_ns is not None and now_ns < self._due_ns:
            return
        self._due_ns = now_ns + self._every_ns
        self._seq += 1
        self._asked = Part(
            seq=self._seq,
            plc_seq=None,
            part_id=0,
            product=0,
            triggered_ns=now_ns,
            deadline_ns=now_ns + self._after_ns,
        )
        self._source.trigger(self._asked)

    def _take(self, frame: Frame) -> None:
        software = self._trigger is TriggerKind.SOFTWARE
        if frame.stray or (software and (self._asked is None or frame.asked_by != self._asked.seq)):
            self.left_out[STRAY] += 1
            return
        self._asked = None
        if not frame.complete:
            self.left_out[INCOMPLETE] += 1
        elif frame.unreadable is not None:
            self._fail(UNREADABLE, f"source: {frame.unreadable}")
        elif software or self._due_ns is None or frame.at_ns >= self._due_ns:
            if not software:
                self._due_ns = frame.at_ns + self._every_ns
            self._in_a_row = 0
            self._write(frame)

    def _fail(self, why: str, error: str) -> None:
        self.left_out[why] += 1
        self._in_a_row += 1
        if self._in_a_row == _MOST_IN_A_ROW:
            raise UsageError(error)

    def _write(self, frame: Frame) -> None:
        pixels = frame.pixels
        channels = frame.channels or (Channels.GRAY if pixels.ndim == 2 else Channels.RGB)
        self.picked += 1
        at_ns = frame.at_ns + self._utc_less_monotonic_ns
        at = datetime.datetime.fromtimestamp(at_ns // 10**9, datetime.timezone.utc)
        # the number as well: two frames may come in the same millisecond
        name = f"{at:%Y%m%dT%H%M%S}-{at_ns // 10**6 % 1000:03d}-{self.picked:06d}.png"
        self._writer.put(name, pixels, channels)
        height_px, width_px = pixels.shape[:2]
        self.looks[Look(height_px, width_px, channels, PixelType(pixels.dtype.name), frame.bits)] += 1


class _Writer:
    """Writes pictures in a thread of its own: a camera is looked at meanwhile, and loses no frame to the disk."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._pool = concurrent.futures.ThreadPoolExecutor(1, "pictures")
        self._waiting: collections.deque[concurrent.futures.Future[None]] = collections.deque()
        self.written = 0

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()
        if error is None:
            while self._waiting:
                self._waiting.popleft().result()

    def put(self, name: str, pixels: npt.NDArray[Any], channels: Channels) -> None:
        """Writes a picture soon. It waits while too many are to be written.

        Raises:
            UsageError: the disk did not take an earlier one.
        """
        while self._waiting and (len(self._waiting) >= _WAITING or self._waiting[0].done()):
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(self._write, self._out / name, pixels, channels))

    def _write(self, path: Path, pixels: npt.NDArray[Any], channels: Channels) -> None:
        write_file(path, encoded(pixels, channels))
        self.written += 1
