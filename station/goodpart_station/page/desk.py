"""The desk: the one thread in which the page waits for the disk."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from goodpart import UsageError

T = TypeVar("T")

_MOST_ERRANDS = 32


class Desk:
    """Does errands one after the other. The loop alone calls it."""

    def __init__(self) -> None:
        """Starts no thread before the first errand."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="page-desk")
        self._errands = 0

    async def do(self, errand: Callable[[], T]) -> T:
        """Does what waits for the disk, one after the other, in a thread of its own.

        Raises:
            UsageError: too many are waiting.
        """
        if self._errands >= _MOST_ERRANDS:
            raise UsageError("page: expected a disk that answers, found too many requests waiting for it; ask again")
        self._errands += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, errand)
        finally:
            self._errands -= 1

    def errand(self, errand: Callable[[], None]) -> Future[None]:
        """As `do`, without waiting for its end; for the station's own few errands, which always find room."""
        return self._thread.submit(errand)

    def close(self) -> None:
        """Ends the thread after the errand in hand."""
        self._thread.shutdown(wait=True, cancel_futures=True)
