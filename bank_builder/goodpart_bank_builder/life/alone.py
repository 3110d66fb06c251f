"""Alone: one build of a product at a time, on all machines that share its folder."""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_POLL_S = 0.05
_MODE = 0o644
_HOLDER_BYTES = 200


def lock_file(out: Path) -> Path:
    """The file beside a bundle whose lock a build holds. It goes when the build ends."""
    folder = out.resolve()
    return folder.with_name(f".{folder.name}.lock")


def holder(out: Path) -> str:
    """Which process builds a product, in words, as it has written into the lock file."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        stated = lock_file(out).read_bytes()[:_HOLDER_BYTES].decode().strip()
        if stated.isprintable() and stated:
            return stated
    return "another process"


@contextlib.contextmanager
def alone(out: Path, *, wait: bool) -> Iterator[bool]:
    """Holds the lock of a product during a `with` block; gives False if another process holds it and `wait` is off.

    Where the system or the folder has no locks, nobody is kept out.

    Args:
        out: the bundle folder.
        wait: whether to wait for the other process, however long it takes.
    """
    lock = lock_file(out)
    made = not lock.parent.exists()
    with contextlib.suppress(OSError):  # the build says in words what cannot be made
        lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = _acquired(lock, wait=wait)
    except BlockingIOError:
        yield False
        return
    except OSError:  # the folder has no locks, or cannot be written
        handle = None
    try:
        if handle is not None:
            _write_holder(handle)
        yield True
    finally:
        if handle is not None:
            with contextlib.suppress(OSError):
                lock.unlink()
            os.close(handle)
        if made:
            with contextlib.suppress(OSError):  # it holds a bundle
                lock.parent.rmdir()


def _acquired(lock: Path, *, wait: bool) -> int | None:
    """A handle that holds the lock; None on a system without locks.

    Raises:
        BlockingIOError: another process holds it.
        OSError: the folder has no locks, or cannot be written.
    """
    if sys.platform == "win32":
        return None
    while True:
        handle = _opened(lock)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(handle, lock):
                return handle
        except BlockingIOError:
            if not wait:
                os.close(handle)
                raise
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        if wait:
            time.sleep(_POLL_S)


def _opened(lock: Path) -> int:
    try:
        # for writing, because NFS gives no exclusive lock otherwise
        return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    except PermissionError:  # a file of another user
        return os.open(lock, os.O_RDONLY | os.O_CLOEXEC)


def _is(handle: int, lock: Path) -> bool:
    """Whether the file is still there: who held it before has removed it."""
    try:
        return os.path.samestat(os.fstat(handle), lock.stat())
    except FileNotFoundError:
        return False


def _write_holder(handle: int) -> None:
    with contextlib.suppress(OSError):  # a full disk; the build will say so
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
