"""Output that appears whole or not at all: staged beside its target, flushed to disk, then renamed."""

import contextlib
import ctypes
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from goodpart._host.locks import hold
from goodpart.errors import UsageError

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2

_PARTIAL = ".partial"
_LEFTOVER = re.compile(r"\.(?P<target>.+)\.[a-z0-9_]{8}\.partial")
"""What temporary files and folders here are called: tempfile fills in the eight characters."""


def check_target(out: Path, *, force: bool, mark: str, own: re.Pattern[str]) -> None:
    """Refuses a target folder that must not be written; call it before any long work.

    Args:
        out: the folder to be.
        force: whether an older one may be replaced.
        mark: a file that every older output holds.
        own: the relative names of all files that an older output may hold; with anything else in it a folder is never
            replaced, so that `force` destroys nothing foreign.

    Raises:
        UsageError: it exists and `force` is off, or it is not an older output.
    """
    _try_place(out)
    if not out.exists() and not out.is_symlink():
        return
    if not force:
        raise UsageError(
            f"{out}: expected a new folder, found an existing one; name another or give --force to replace it"
        )
    if out.is_symlink() or not out.is_dir() or (any(out.iterdir()) and not (out / mark).is_file()):
        raise UsageError(f"{out}: expected a new folder or one that holds {mark}, found neither; name another")
    for path in out.rglob("*"):
        name = path.relative_to(out).as_posix()
        if not path.is_dir() and not own.fullmatch(name):
            raise UsageError(f"{out}: expected an older output alone, found {name} in it; move it away first")


def check_file(path: Path) -> None:
    """Refuses a file that `write_file` could not write; call it before any long work. Nothing is left behind.

    Raises:
        UsageError: something else than a file is there, or nothing can be.
    """
    _try_place(path)
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: expected a file to write, found a folder, pipe or device; name a file")


def _try_place(out: Path) -> None:
    """Refuses a name beside which nothing can be written, or that cannot exist."""
    try:
        place = next(folder for folder in out.absolute().parents if folder.exists())
        # permissions do not tell of read-only disks and the like: only trying does
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", suffix=_PARTIAL, dir=place):
            pass
        out.exists()
    except OSError as error:
        raise UsageError(f"{out}: expected a place that can be written, found none ({error.strerror})") from error


@contextlib.contextmanager
def staged_folder(out: Path, *, force: bool = False, mark: str, own: re.Pattern[str]) -> Iterator[Path]:
    """A temporary folder that becomes `out` when the block ends without an error, and vanishes otherwise.

    Args:
        out: the target; its parents are made.
        force: replace an older output; the two folders are exchanged in one step.
        mark, own: as in `check_target`.

    Raises:
        UsageError: as in `check_target`, a write fails, or this system cannot exchange two folders.
    """
    check_target(out, force=force, mark=mark, own=own)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staging, held = _temporary(out, tempfile.mkdtemp)
    except OSError as error:
        raise UsageError(f"{out}: expected a place that can be written, found none ({error.strerror})") from error
    try:
        staging.chmod(0o755)
        yield staging
        for path in sorted(staging.rglob("*")):
            _flush(path)
        _flush(staging)
        _publish(staging, out)
        _flush(out.parent)
    except OSError as error:
        raise UsageError(f"{out}: expected a disk that takes the files, found {error}; nothing was written") from error
    finally:
        # after a successful exchange this is the old output, after a failure the unfinished one
        shutil.rmtree(staging, ignore_errors=True)
        if held is not None:
            os.close(held)


def write_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Writes one file so that it appears whole or not at all; an existing one is replaced.

    Args:
        path: the file.
        data: all of it.
        mode: who may read and write it.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary, held = _temporary(path, _make_file)
    except OSError as error:
        raise UsageError(f"{path}: expected a place that can be written, found none ({error.strerror})") from error
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
        _flush(path.parent)
    except OSError as error:
        raise UsageError(
            f"{path}: expected a disk that takes {len(data)} bytes, found {error}; nothing was written"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
        if held is not None:
            os.close(held)


def _temporary(out: Path, make: Callable[..., str]) -> tuple[Path, int | None]:
    """A place beside `out` to write to, and the handle that says that it is in use; leftovers are swept first."""
    sweep(out.parent, of=out.name)
    while True:
        place = Path(make(prefix=f".{out.name}.", suffix=_PARTIAL, dir=out.parent))
        held = hold(place)
        if place.exists():
            return place, held
        # another process swept at this moment and took it for a leftover
        if held is not None:
            os.close(held)


def _make_file(**where: Any) -> str:
    """As `tempfile.mkdtemp`, but an empty file that only its owner may read."""
    handle, name = tempfile.mkstemp(**where)
    os.close(handle)
    return str(name)


def sweep(folder: Path, *, of: str | None = None) -> None:
    """Removes what killed processes left half-written in a folder; what a running process is writing stays.

    Args:
        folder: where.
        of: the name of the target whose leftovers go; None for all.
    """
    for left in folder.iterdir():
        found = _LEFTOVER.fullmatch(left.name)
        if found is None or of not in (None, found["target"]) or (held := hold(left)) is None:
            continue
        remove(left)
        os.close(held)


def remove(path: Path) -> None:
    """Removes a file, or a folder with all that is in it, as far as the system permits."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def leftover(path: Path) -> Path:
    """A name beside `path` that marks it as half-written or half-removed, so that a sweep removes it."""
    return path.with_name(f".{path.name}.removed_{_PARTIAL}")


def _publish(staging: Path, out: Path) -> None:
    if not out.exists() or not any(out.iterdir()):
        staging.rename(out)
        return
    # rename() cannot put a folder over a non-empty one; exchanging them leaves no moment without a whole bundle
    exchange = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if exchange is None:
        raise UsageError(f"{out}: this system cannot exchange two folders in one step; remove the old one first")
    if exchange(_AT_FDCWD, os.fsencode(staging), _AT_FDCWD, os.fsencode(out), _RENAME_EXCHANGE) != 0:
        code = ctypes.get_errno()
        if code in (errno.EINVAL, errno.ENOSYS):
            raise UsageError(
                f"{out}: its file system cannot exchange two folders in one step; remove the old one first"
            )
        raise OSError(code, os.strerror(code), str(out))


def _flush(path: Path) -> None:
    """Makes a file's or a folder's content survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
