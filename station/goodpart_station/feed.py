"""Feed: the thread of the source. It brings frames to the conductor, and opens a lost source again."""

import threading
import time
from typing import Protocol

from goodpart_station.life import Life
from goodpart_station.part import Frame
from goodpart_station.sources.source import Opening, Source, SourceLostError, pause

SOURCE = "source"
"""The name of the thread among those that must show life."""

_REOPEN_S = 1.0
"""How long a lost source is left alone before it is opened again."""


class Takes(Protocol):
    """What the feed tells the station. Every call returns at once."""

    def source_ready(self) -> None:
        """Frames come from now on."""

    def source_lost(self, why: str) -> None:
        """No frames come any more."""

    def frame(self, frame: Frame) -> bool:
        """A frame has come; returns whether the judge has got it."""

    def is_over(self) -> bool:
        """Whether the station ends, and no part needs a frame any more."""

    def stop(self, failure: BaseException | None = None) -> None:
        """The source has ended; for ever, and unexpectedly if there is a failure."""


class Feed:
    """Runs a source."""

    def __init__(self, source: Source, station: Takes, life: Life) -> None:
        """Takes no frame yet.

        Args:
            source: where frames come from.
            station: where they go to.
            life: where each sign of life of the source is noted.
        """
        self._source, self._station, self._life = source, station, life
        # None before the source has shown anything; held together with what the station is told about it
        self._is_up: bool | None = None
        self._why = ""
        self._telling = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=SOURCE, daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Waits for the end of the thread, but no longer than `timeout_s`."""
        self._thread.join(timeout_s)

    def watch(self, limit_s: float) -> None:
        """Loses a source that has shown no life for `limit_s` seconds. The event loop calls it."""
        if SOURCE in self._life.silent(limit_s):
            self._lose(f"expected life from the source, found none for {limit_s:g} s; look at camera and cable")

    def _run(self) -> None:
        try:
            while not self._station.is_over():
                self._take_frames()
        except BaseException as error:  # noqa: BLE001 - without a source the station would wait for ever
            self._station.stop(error)

    def _take_frames(self) -> None:
        """Takes frames until the source is lost, or the station has ended."""
        try:
            for frame in self._source.frames():
                self._life.beat(SOURCE)
                if self._station.is_over():
                    return
                if isinstance(frame, Opening):
                    continue
                self._tell_ready()
                if frame is not None and not self._station.frame(frame):
                    self._source.done(frame)
        except SourceLostError as error:
            self._lose(str(error))
            until_s = time.monotonic() + _REOPEN_S
            while time.monotonic() < until_s and not self._station.is_over():
                self._life.beat(SOURCE)
                pause()
        else:
            # there will be no more
            self._station.stop()
            while not self._station.is_over():
                self._life.beat(SOURCE)
                pause()

    def _tell_ready(self) -> None:
        if not self._is_up:
            with self._telling:
                self._is_up = True
                self._station.source_ready()

    def _lose(self, why: str) -> None:
        with self._telling:
            # the reason of the last try as well: a camera that is back may have another fault
            if self._is_up is not False or why != self._why:
                self._is_up, self._why = False, why
                self._station.source_lost(why)
