"""Locks on files and folders that the system lifts by itself when their process ends, however it ends."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from goodpart.errors import UsageError

if sys.platform != "win32":
    import fcntl

_POLL_S = 0.05


def hold(place: Path) -> int | None:
    """Takes the lock of an existing file or folder, if nobody has it.

    Args:
        place: its path.

    Returns:
        a handle that holds the lock until it is closed; None if another process has it or the system has none to give.
    """
    if sys.platform == "win32":
        return None
    try:
        handle = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


@contextlib.contextmanager
def locked(path: Path, *, wait_s: float = 30.0) -> Iterator[None]:
    """The time in which this process alone holds the lock of a file, which is made where it is missing.

    Args:
        path: the file.
        wait_s: how long to wait for another process.

    Raises:
        UsageError: the file cannot be made, or another process does not let go of it.
    """
    until = time.monotonic() + wait_s
    try:
        if not path.exists():  # another user's lock serves as well
            path.touch(mode=0o644)
    except OSError as error:
        raise UsageError(f"{path}: expected a place that can be written, found none ({error.strerror})") from error
    while (handle := hold(path)) is None:
        if time.monotonic() > until:
            raise UsageError(f"{path}: expected a free lock, found one held by another process; try again later")
        time.sleep(_POLL_S)
    try:
        yield
    finally:
        os.close(handle)
