"""The newest state, and whoever waits for it. There is no queue: who is slow gets the newest one when ready."""

import asyncio
from collections.abc import AsyncIterator, Callable

_RETRY = b"retry: 2000\n\n"


class Newest:
    """One message that is replaced. It belongs to one loop.

    Attributes:
        watchers: how many streams there are.
        joined: how many there have been.
    """

    def __init__(self) -> None:
        """Starts without a message."""
        self._data = b""
        self._version = 0
        self._changed = asyncio.Event()
        self._is_over = False
        self.watchers = self.joined = 0

    def replace(self, data: bytes) -> None:
        """Puts a message in the place of the one before, and wakes whoever waits.

        Args:
            data: JSON in one line.
        """
        self._data = b"data: " + data + b"\n\n"
        self._version += 1
        self._wake()

    def end(self) -> None:
        """Ends all streams."""
        self._is_over = True
        self._wake()

    async def stream(self, may_stay: Callable[[], bool]) -> AsyncIterator[bytes]:
        """Server-sent events: the next message, then the newest one whenever it has changed.

        The next message is read only when the one before is sent, so a client that never reads holds one message.

        Args:
            may_stay: asked before each message; False ends the stream.
        """
        self.watchers += 1
        self.joined += 1
        # nobody may have looked for an hour, and then nothing was made: what is there is old
        seen = self._version
        try:
            yield _RETRY
            while True:
                while self._version == seen and not self._is_over:
                    await self._changed.wait()
                if self._is_over or not may_stay():
                    return
                seen, data = self._version, self._data
                yield data
        finally:
            self.watchers -= 1

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
