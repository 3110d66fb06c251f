"""Journal: what asyncua has to say goes into the station's log, each line once a minute at most."""

import logging
import math
import time
from collections.abc import Callable

_log = logging.getLogger("goodpart_station.opcua")

_QUIET_S = 60.0

_REMEMBERED = 64

_OF_CLIENTS = (
    # it answers what a client asks wrongly, and what one still asks that has just gone (BadNoSubscription)
    "sending service fault response",
    "Rejected active session",
    # the station says it in words of its own
    "%s error starting server",
)


class Journal(logging.Handler):
    """Takes asyncua's log: clients can make it say a thousand lines a second, most of them as ERROR."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Has said nothing yet.

        Args:
            clock: seconds, for the pauses.
        """
        super().__init__(logging.ERROR)
        self._clock = clock
        # when a line was written, and how often it was not since then
        self._said: dict[str, tuple[float, int]] = {}

    def open(self) -> None:
        """Takes over the logger "asyncua" and those below it."""
        logger = logging.getLogger("asyncua")
        logger.handlers = [self]
        logger.propagate = False
        # it would format what it knows about each request
        logger.setLevel(logging.ERROR)

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a line, or counts it."""
        if str(record.msg).startswith(_OF_CLIENTS):
            return
        now_s = self._clock()
        at_s, skipped = self._said.get(record.msg, (-math.inf, 0))
        if now_s - at_s < _QUIET_S:
            self._said[record.msg] = (at_s, skipped + 1)
            return
        if len(self._said) >= _REMEMBERED:
            self._said.clear()
        self._said[record.msg] = (now_s, 0)
        more = f" ({skipped} times more before this)" if skipped else ""
        why = f": {record.exc_info[1]!r}" if record.exc_info and record.exc_info[1] else ""
        _log.warning("asyncua: %.300s%.300s%s", record.getMessage(), why, more)
