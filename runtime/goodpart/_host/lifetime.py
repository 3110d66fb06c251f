"""Lifetime of an Inspector from loading to closing, in one process, with frames of several threads.

This module never waits for a lock, because signal handlers and forked children could wait for ever. A handler that
closes may interrupt the holder of the lock, and a child has no thread that could release it. The order of steps
replaces the lock: a frame is recorded before it checks for closing, and closing is recorded before frames are counted.
"""

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterator

from goodpart.errors import UsageError


class Lifetime:
    """Admits frames until it is closed, and releases resources after the last frame."""

    def __init__(self, release: Callable[[], None]) -> None:
        """Begins the lifetime in this process.

        Args:
            release: a method, called once: by `close`, or by the last frame that is under way at that time. Its object
                is not kept alive, so an Inspector without references is released at once.
        """
        self._release = weakref.WeakMethod(release)
        # a set's methods are atomic: no exception of a signal handler interrupts them
        self._frames: set[object] = set()
        self._closed, self._released = False, threading.Lock()
        self._process = os.getpid()

    @contextlib.contextmanager
    def frame(self) -> Iterator[None]:
        """Admits one frame during a `with` block.

        Raises:
            UsageError: the Inspector is closed, or the process was forked from the process that loaded it. Native
                threads do not exist in a forked process, so a frame would wait for them for ever.
        """
        if os.getpid() != self._process:
            raise UsageError(
                "inspector: expected the process that loaded it, found one that was forked from it; load the bundle "
                "after forking"
            )
        frame = object()
        try:
            self._frames.add(frame)
            if self._closed:
                raise UsageError("inspector: expected an open one, found a closed one; load the bundle again")
            yield
        finally:
            self._frames.discard(frame)
            self._release_if_over()

    def close(self) -> None:
        """Admits no further frame; frames under way get their verdict. Closing twice has no effect."""
        self._closed = True
        self._release_if_over()

    def _release_if_over(self) -> None:
        if not self._closed or len(self._frames) or os.getpid() != self._process:
            return
        # if several threads arrive at once, only one releases
        release = self._release()
        if release is not None and self._released.acquire(blocking=False):
            release()
