"""Atomic output: staged beside its target, flushed to disk, then renamed, so that it is complete or absent."""

import contextlib
import ctypes
import errno
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from goodpart._host.locks import hold
from goodpart.errors import UsageError

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2

_PARTIAL = ".partial"
_LEFTOVER = re.compile(r"\.(?P<target>.+)\.[a-z0-9_]{8}\.partial")
"""Names of temporary files and folders; the eight characters are random."""


def check_target(out: Path, *, force: bool, mark: str, own: re.Pattern[str]) -> None:
    """Refuses a target folder that must not be written; to be called before any long work.

    Args:
        out: the folder to make.
        force: whether an older output may be replaced.
        mark: a file that every older output holds.
        own: matches the relative names of all files that an older output may hold. A folder with any other file is
            never replaced, so `force` destroys no foreign file.

    Raises:
        UsageError: the folder exists and `force` is off, or it is not an older output.
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
    """Refuses a file that `write_file` cannot write; to be called before any long work. It leaves nothing behind.

    Raises:
        UsageError: the path is not a file, or cannot be written.
    """
    _try_place(path)
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: expected a file to write, found a folder, pipe or device; name a file")


def _try_place(out: Path) -> None:
    """Refuses a path in a place that cannot be written, or with an impossible name."""
    try:
        place = next(folder for folder in out.absolute().parents if folder.exists())
        # permissions do not reveal a read-only disk; only an attempt to write does
        with _temporary(place / out.name, _make_folder):
            pass
        out.exists()
    except OSError as error:
        raise UsageError(f"{out}: expected a place that can be written, found none ({error.strerror})") from error


@contextlib.contextmanager
def staged_folder(out: Path, *, force: bool = False, mark: str, own: re.Pattern[str]) -> Iterator[Path]:
    """A temporary folder that becomes `out` when the block ends without an error, and is removed otherwise.

    Args:
        out: the target; missing parents are made.
        force: whether to replace an older output; the two folders are exchanged in one step.
        mark, own: as in `check_target`.

    Raises:
        UsageError: as in `check_target`, a write fails, or this system cannot exchange two folders.
    """
    check_target(out, force=force, mark=mark, own=own)
    # what is removed in the end is the old output after an exchange, the unfinished output after a failure
    with _beside(out, _make_folder) as staging:
        try:
            staging.chmod(0o755)
            yield staging
            for path in sorted(staging.rglob("*")):
                _flush(path)
            _flush(staging)
            _publish(staging, out)
            _flush(out.parent)
        except OSError as error:
            raise UsageError(
                f"{out}: expected a disk that takes the files, found {error}; nothing was written"
            ) from error


def write_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Writes a complete file or none; an existing file is replaced.

    Args:
        path: the file.
        data: the whole content.
        mode: the permissions of the file.

    Raises:
        UsageError: the file cannot be written.
    """
    with _beside(path, _make_file) as temporary:
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


@contextlib.contextmanager
def _beside(out: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    """As `_temporary`, in a folder that may not exist yet; what killed processes left there is removed first."""
    with contextlib.ExitStack() as stack:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            sweep(out.parent, of=out.name)
            place = stack.enter_context(_temporary(out, make))
        except OSError as error:
            raise UsageError(f"{out}: expected a place that can be written, found none ({error.strerror})") from error
        yield place


@contextlib.contextmanager
def _temporary(out: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    """A temporary file or folder beside `out`, marked as in use; in the end it is not there.

    Its name is known before it is made, so that no moment is left at which an interrupt would leave it behind.
    """
    while True:
        place, held = out.with_name(f".{out.name}.{secrets.token_hex(4)}{_PARTIAL}"), None
        if os.path.lexists(place):
            continue
        try:
            make(place)
            held = hold(place)
            if place.exists():
                yield place
                return
            # another process has just removed it as a leftover
        finally:
            try:
                remove(place)
            except (KeyboardInterrupt, OSError) as error:
                remove(place)
                # an interrupt in the midst of it may make rmtree close a file twice, and the OSError would hide it
                if isinstance(error.__context__, KeyboardInterrupt):
                    raise KeyboardInterrupt from error
                raise
            finally:
                if held is not None:
                    os.close(held)


def _make_folder(place: Path) -> None:
    place.mkdir(mode=0o700)


def _make_file(place: Path) -> None:
    os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def sweep(folder: Path, *, of: str | None = None) -> None:
    """Removes incomplete outputs of killed processes from a folder, but not those of running processes.

    Args:
        folder: the folder to sweep.
        of: name of the target whose leftovers are removed; None for all targets.
    """
    for left in folder.iterdir():
        found = _LEFTOVER.fullmatch(left.name)
        if found is None or of not in (None, found["target"]) or (held := hold(left)) is None:
            continue
        remove(left)
        os.close(held)


def remove(path: Path) -> None:
    """Removes a file, or a folder with its content, as far as permissions allow."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def leftover(path: Path) -> Path:
    """A path beside `path` that marks it as incomplete, so that a sweep removes it."""
    return path.with_name(f".{path.name}.removed_{_PARTIAL}")


def _publish(staging: Path, out: Path) -> None:
    if not out.exists() or not any(out.iterdir()):
        staging.rename(out)
        return
    # rename() cannot replace a non-empty folder; an exchange keeps a complete bundle in place at every moment
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
    """Flushes a file or a folder to disk, so that it survives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
