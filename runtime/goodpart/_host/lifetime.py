"""Lifetime: from loading to closing, in one process, with frames of several threads in between.

Nothing waits for a lock here, because signal handlers and forked children would wait for ever: a handler that closes
runs in the middle of what it interrupted, and a child has no thread that could release the lock. Instead the steps are
ordered. A frame is noted before it checks whether it may come in, and closing is noted before anyone counts frames.
"""

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterator

from goodpart.errors import UsageError


class Lifetime:
    """Lets frames in until it is closed, and releases what they need when the last one is out."""

    def __init__(self, release: Callable[[], None]) -> None:
        """Begins now, in this process.

        Args:
            release: a method, called once: by `close`, or by the last frame that is still in then. Its object is not
                kept alive, so that an Inspector that nobody holds ends at once.
        """
        self._release = weakref.WeakMethod(release)
        # a set's own methods are single steps: no signal handler's exception comes between
        self._frames: set[object] = set()
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
        """Lets no further frame in; frames that are in get their verdict. Closing twice is fine."""
        self._closed = True
        self._release_if_over()

    def _release_if_over(self) -> None:
        if not self._closed or len(self._frames) or os.getpid() != self._process:
            return
        # of several threads that come here at once, one releases
        release = self._release()
        if release is not None and self._released.acquire(blocking=False):
            release()
