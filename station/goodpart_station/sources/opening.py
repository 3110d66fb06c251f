"""Opening a camera in a thread of its own: it takes seconds on a network, and some libraries never come back."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from goodpart_station.sources.source import POLL_S, Opening, SourceLostError, taken

_LIMIT_S = 30.0

_T = TypeVar("_T")


class Opener(Generic[_T]):
    """Opens one camera, and never two at a time: a call that hangs is waited for before the next."""

    def __init__(self, opens: Callable[[], _T], close: Callable[[_T], None]) -> None:
        """Opens nothing yet.

        Args:
            opens: opens the camera.
            close: gives a camera back that nobody waits for any more.
        """
        self._opens, self._close = opens, close
        self._box: queue.SimpleQueue[_T | BaseException] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._is_wanted = False
        self.opened: _T | None = None

    def steps(self, limit_s: float = _LIMIT_S) -> Iterator[Opening]:
        """Opens it; `opened` has it in the end.

        Raises:
            SourceLostError: it takes longer than `limit_s`.
            BaseException: what `opens` raised.
        """
        self.opened = None
        with self._lock:
            self._is_wanted = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="opening", daemon=True)
            self._thread.start()
        try:
            for _ in range(max(round(limit_s / POLL_S), 1)):
                found = taken(self._box, POLL_S)
                if found is not None:
                    self._thread = None
                    break
                yield Opening()
            else:
                raise SourceLostError(
                    f"camera: expected it open within {limit_s:g} s, found that its library has not come back; look at "
                    f"the network, switch the camera off and on, and restart the station if this stays"
                )
        finally:
            with self._lock:
                self._is_wanted = False
        if isinstance(found, BaseException):
            raise found
        self.opened = found

    def _run(self) -> None:
        found: _T | BaseException
        try:
            found = self._opens()
        except BaseException as error:  # noqa: BLE001 - it is raised where the camera is waited for
            found = error
        with self._lock:
            if self._is_wanted:
                self._box.put(found)
                return
            self._thread = None
        if not isinstance(found, BaseException):
            self._close(found)
