"""Locks on files and folders; the system releases them when their process ends in any way."""

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
    """Takes the lock of an existing file or folder if it is free.

    Args:
        place: path of the file or folder.

    Returns:
        a handle that holds the lock until it is closed; None if another process holds it or the system has no locks.
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
    """Holds the lock of a file during a `with` block; a missing file is made.

    Args:
        path: the file.
        wait_s: longest time to wait for another process, in seconds.

    Raises:
        UsageError: the file cannot be made, or another process does not release the lock in time.
    """
    until = time.monotonic() + wait_s
    try:
        if not path.exists():  # a file of another user works as well
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
