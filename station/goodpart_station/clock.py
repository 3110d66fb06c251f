"""The clock: whether the kernel says that somebody keeps it right. Verdicts do not depend on it, records do."""

import ctypes
import sys
import time

from goodpart_station.codes import Bits

_TIMEX_BYTES = 256
"""More than `struct timex` has on any machine. All zero, it asks and sets nothing."""

_TIME_ERROR = 5

_ASK_EVERY_S = 10.0


def is_synced() -> bool | None:
    """Whether a time service (chrony, systemd-timesyncd, ntpd) keeps the clock; None where the kernel does not say."""
    if sys.platform != "linux":
        return None
    ask = getattr(ctypes.CDLL(None), "adjtimex", None)
    state = -1 if ask is None else int(ask(ctypes.create_string_buffer(_TIMEX_BYTES)))
    return None if state < 0 else state != _TIME_ERROR


class Clock:
    """What the station's bits say about the clock."""

    def __init__(self) -> None:
        """Asks the kernel at the first question."""
        self._asked_s: float | None = None
        self._bits = Bits(0)

    @property
    def bits(self) -> Bits:
        """CLOCK_UNSYNCED if nobody keeps the clock right; asked anew every 10 seconds."""
        now_s = time.monotonic()
        if self._asked_s is None or now_s > self._asked_s + _ASK_EVERY_S:
            self._asked_s = now_s
            self._bits = Bits.CLOCK_UNSYNCED if is_synced() is False else Bits(0)
        return self._bits
