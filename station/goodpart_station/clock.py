"""The clock: whether the kernel says that somebody keeps it right. Verdicts do not depend on it, records do."""

import ctypes
import sys

_TIMEX_BYTES = 256
"""More than `struct timex` has on any machine. All zero, it asks and sets nothing."""

_TIME_ERROR = 5


def is_synced() -> bool | None:
    """Whether a time service (chrony, systemd-timesyncd, ntpd) keeps the clock; None where the kernel does not say."""
    if sys.platform != "linux":
        return None
    ask = getattr(ctypes.CDLL(None), "adjtimex", None)
    state = -1 if ask is None else int(ask(ctypes.create_string_buffer(_TIMEX_BYTES)))
    return None if state < 0 else state != _TIME_ERROR
