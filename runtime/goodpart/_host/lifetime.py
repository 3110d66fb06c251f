"""Lifetime: from loading to closing, in one process, with frames of several threads in between.

Nothing waits for a lock here, for signal handlers and forked children would wait in vain: a handler that closes runs in
the midst of what it interrupted, and a child has no thread that could let go. Steps are ordered instead: a frame is
noted before it looks whether it may come in, and closing is noted before anyone looks for frames.
"""

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterator

from goodpart.errors import UsageError


class _Frame:
    """Stands for one frame that is in. One that a signal handler's exception has thrown out vanishes by itself."""


class Lifetime:
    """Lets frames in until it is closed, and releases what they need when the last one is out."""

    def __init__(self, release: Callable[[], None]) -> None:
        """Begins now, in this process.

        Args:
            release: a method, called once, by whoever closes or by the last frame that is still in then. Its object is
                not kept alive: without anybody else who needs it, it ends by itself and at once.
        """
        self._release = weakref.WeakMethod(release)
        self._frames: weakref.WeakSet[_Frame] = weakref.WeakSet()
        self._closed, self._released = False, threading.Lock()
        self._process = os.getpid()

    @contextlib.contextmanager
    def frame(self) -> Iterator[None]:
        """The time that one frame takes.

        Raises:
            UsageError: closed, or in a process that was forked from the one that loaded: native threads stay behind
                there, and waiting for them would never end.
        """
        if os.getpid() != self._process:
            raise UsageError(
                "inspector: expected the process that loaded it, found one that was forked from it; load the bundle "
                "after forking"
            )
        frame = _Frame()
        try:
            self._frames.add(frame)
            if self._closed:
                raise UsageError("inspector: expected an open one, found a closed one; load the bundle again")
            yield
        finally:
            self._frames.discard(frame)
            del frame  # or else an exception that somebody keeps would keep it, too
            self._release_if_over()

    def close(self) -> None:
        """Lets no further frame in; those that are in get their verdict. Closing twice is fine."""
        self._closed = True
        self._release_if_over()

    def _release_if_over(self) -> None:
        if not self._closed or len(self._frames) or os.getpid() != self._process:
            return
        # of several that come here at once, one gets it
        release = self._release()
        if release is not None and self._released.acquire(blocking=False):
            release()
