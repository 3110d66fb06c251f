"""Frames whose time is not known well enough: told, but no more often than somebody reads it."""

import logging

_EVERY_NS = 10_000_000_000

_log = logging.getLogger(__name__)


class Strays:
    """Warns of frames that could be another part's and were thrown away: at most once in 10 s, with a count."""

    def __init__(self) -> None:
        """Has seen none."""
        self._untold = 0
        self._told_ns: int | None = None

    def tell(self, name: str, now_ns: int) -> None:
        """A frame was thrown away.

        Args:
            name: of the frame.
            now_ns: CLOCK_MONOTONIC.
        """
        self._untold += 1
        if self._told_ns is not None and now_ns - self._told_ns < _EVERY_NS:
            return
        others = f" (and {self._untold - 1} more before it)" if self._untold > 1 else ""
        _log.warning("%s came while nobody looked for too long, and may be another part's%s", name, others)
        self._untold, self._told_ns = 0, now_ns
