"""Lifetime: from loading to closing, in one process, with frames of several threads in between."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator

from goodpart.errors import UsageError


class Lifetime:
    """Lets frames in until it is closed, and releases what they need when the last one is out."""

    def __init__(self, release: Callable[[], None]) -> None:
        """Begins now, in this process.

        Args:
            release: called once, by whoever closes or by the last frame that is still in then.
        """
        self._release = release
        self._lock = threading.Lock()
        self._frames, self._closed = 0, False
        self._process = os.getpid()

    @contextlib.contextmanager
    def frame(self) -> Iterator[None]:
        """The time that one frame takes.

        Raises:
            UsageError: closed, or in a process that was forked from the one that loaded: native threads stay behind
                there, and waiting for them would never end.
        """
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def close(self) -> None:
        """Lets no further frame in; those that are in get their verdict. Closing twice is fine."""
        with self._lock:
            first, self._closed = not self._closed, True
            idle = self._frames == 0
        if first and idle and os.getpid() == self._process:
            self._release()

    def _enter(self) -> None:
        if os.getpid() != self._process:
            raise UsageError(
                "inspector: expected the process that loaded it, found one that was forked from it; load the bundle "
                "after forking"
            )
        with self._lock:
            if self._closed:
                raise UsageError("inspector: expected an open one, found a closed one; load the bundle again")
            self._frames += 1

    def _leave(self) -> None:
        with self._lock:
            self._frames -= 1
            last = self._closed and self._frames == 0
        if last:
            self._release()
