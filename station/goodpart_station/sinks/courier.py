"""The thread of a sink that needs no pixels: takes results out of a mailbox, one after the other."""

import logging
import threading
import time
from collections.abc import Callable

from goodpart_station.mailbox import Mailbox
from goodpart_station.part import Frame, Result

MAILBOX_RESULTS = 1000
"""Results that wait for a sink whose receiver is away."""

CLOSE_S = 2.0
"""Seconds that a sink may take for what is still in its mailbox when the station ends."""

_LOG = logging.getLogger(__name__)


def without_pixels(result: Result) -> Result:
    """The result with one pixel of its frame, which tells what the others were; a thousand frames take gigabytes."""
    frame = result.frame
    if frame is None:
        return result
    one = frame.pixels[(slice(1),) * min(2, frame.pixels.ndim)].copy()
    # written out, because dataclasses.replace takes five times as long, and the judging thread calls this
    light = Frame(one, frame.at_ns, frame.camera_frame, frame.complete, frame.name, frame.unreadable)
    return Result(
        result.part, result.verdict, result.reason, result.detail, result.product, result.bundle, result.serial,
        result.inspection, light, result.late, result.simulated, result.answered_ns, result.at, result.ms,
    )  # fmt: skip


class Courier:
    """A thread with a mailbox. Sinks hold one each."""

    def __init__(
        self,
        name: str,
        handle: Callable[[Result], None],
        *,
        idle: Callable[[], None] = lambda: None,
        every_s: float = 0.25,
    ) -> None:
        """Starts nothing yet.

        Args:
            name: of the thread.
            handle: called in the thread with each result, without its pixels. It may wait, but no longer than
                `closing` lets it. What it raises is told once, and counts as a drop.
            idle: called in the thread after each result, and at least every `every_s` seconds.
            every_s: see `idle`.
        """
        self._handle, self._idle, self._every_s = handle, idle, every_s
        self._failed = 0
        self._mailbox: Mailbox[Result | None] = Mailbox(MAILBOX_RESULTS)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._ends_at = float("inf")
        self.closing = threading.Event()
        """Set once the station ends: whatever waits for a receiver that is away gives up."""

    @property
    def dropped(self) -> int:
        """How many results were dropped since the start, or could not be handled."""
        return self._mailbox.dropped + self._failed

    @property
    def waiting(self) -> int:
        """How many results wait now."""
        return len(self._mailbox)

    @property
    def is_overdue(self) -> bool:
        """Whether the time for what is still in the mailbox is over."""
        return self.closing.is_set() and time.monotonic() > self._ends_at

    def put(self, result: Result) -> None:
        """Hands a result over without waiting."""
        self._mailbox.put(without_pixels(result))

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self, within_s: float = CLOSE_S) -> bool:
        """Lets the thread handle what waits, for so many seconds; returns whether it has ended."""
        self._ends_at = min(self._ends_at, time.monotonic() + within_s)
        self.closing.set()
        if not len(self._mailbox):
            # wakes it
            self._mailbox.put(None)
        if self._thread.ident is not None:
            self._thread.join(within_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            result = self._mailbox.take(self._every_s)
            try:
                if result is not None:
                    self._handle(result)
                self._idle()
            except Exception:  # noqa: BLE001 - the thread must not end while the station judges
                if not self._failed:
                    _LOG.exception("%s: a result could not be handled; the next one will be tried", self._thread.name)
                self._failed += 1
            if self.is_overdue or (self.closing.is_set() and not len(self._mailbox)):
                return
