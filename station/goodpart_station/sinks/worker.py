"""The thread of a sink: takes results out of a mailbox, one after the other."""

import logging
import threading
import time
from collections.abc import Callable

from goodpart_station.mailbox import Mailbox
from goodpart_station.part import Result

_LOG = logging.getLogger("goodpart_station.sinks")
_PATIENCE_S = 2.0
_LAST_S = 0.5
"""For the result in hand when the patience ends."""


class Worker:
    """A mailbox, and a thread that empties it."""

    def __init__(
        self, name: str, size: int, handle: Callable[[Result], None], *, finish: Callable[[], None] | None = None
    ) -> None:
        """Starts nothing.

        Args:
            name: of the sink.
            size: results that wait, at most.
            handle: takes one result, in the thread. What it raises is told once, and counts as a drop.
            finish: called in the thread when it ends.
        """
        self._name, self._handle, self._finish = name, handle, finish
        self._mailbox: Mailbox[Result | None] = Mailbox(size)
        self._thread: threading.Thread | None = None
        self._ends_at: float | None = None
        self._failed = 0

    @property
    def dropped(self) -> int:
        """How many results did not fit into the mailbox, or failed."""
        return self._mailbox.dropped + self._failed

    @property
    def waiting(self) -> int:
        """How many results wait now."""
        return len(self._mailbox)

    def put(self, result: Result) -> tuple[Result, ...]:
        """Hands a result over, without waiting; returns those that it has pushed out."""
        return tuple(each for each in self._mailbox.put(result) if each is not None)

    def start(self) -> None:
        """Starts the thread."""
        self._thread = threading.Thread(target=self._run, name=f"sink {self._name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Gives the thread two seconds for what still waits, and ends it. A call that hangs is left behind."""
        if self._thread is None:
            return
        self._ends_at = time.monotonic() + _PATIENCE_S
        # it may push out a result, which then counts as dropped
        self._mailbox.put(None)
        self._thread.join(_PATIENCE_S + _LAST_S)
        self._thread = None

    def _run(self) -> None:
        try:
            while (result := self._mailbox.take()) is not None:
                if self._ends_at is not None and time.monotonic() > self._ends_at:
                    self._failed += 1
                    continue
                try:
                    self._handle(result)
                except Exception:  # noqa: BLE001 - the thread must not end while the station judges
                    if self._failed == 0:
                        _LOG.exception("%s: a result could not be written; the next one will be tried", self._name)
                    self._failed += 1
        finally:
            if self._finish is not None:
                self._finish()
