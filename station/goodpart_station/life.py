"""Signs of life: whether the source, the judge and the event loop still run, whatever hangs in them."""

import time
from collections.abc import Sequence


class Life:
    """When each of the station's threads last showed life. Any thread may call it; nothing waits."""

    def __init__(self, names: Sequence[str]) -> None:
        """Counts from now on.

        Args:
            names: of the threads.
        """
        self._last_ns = dict.fromkeys(names, 0)
        self.begin()

    def begin(self) -> None:
        """Counts from now on: before, the threads had no reason to show life."""
        now_ns = time.monotonic_ns()
        self._last_ns = dict.fromkeys(self._last_ns, now_ns)

    def beat(self, name: str) -> None:
        """The thread of this name lives."""
        self._last_ns[name] = time.monotonic_ns()

    def silent(self, limit_s: float) -> list[str]:
        """The names of the threads that have shown no life for longer than `limit_s` seconds."""
        now_ns = time.monotonic_ns()
        return [name for name, last_ns in self._last_ns.items() if now_ns - last_ns > limit_s * 1e9]
