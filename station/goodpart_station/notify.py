"""What systemd is told (sd_notify(3)): that the station is ready, lives, and ends. Without systemd it does nothing."""

import contextlib
import os
import socket


def notify(state: str) -> None:
    """Sends a state to systemd; never waits.

    Args:
        state: such as "READY=1", "WATCHDOG=1" or "STATUS=what it does".
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    # a full queue already says the same, and a manager that is gone is told nothing
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel, contextlib.suppress(OSError):
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        channel.send(state.encode("utf-8"), socket.MSG_DONTWAIT)


def watchdog_s() -> float | None:
    """After how many seconds of silence systemd ends this process (`WatchdogSec=`), or None if it does not."""
    microseconds, process = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not microseconds.isdecimal() or int(microseconds) == 0 or process not in ("", str(os.getpid())):
        return None
    return int(microseconds) / 1e6
