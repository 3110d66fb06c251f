"""The files of a bundle, read once, as plain files of a known size and sha256."""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from goodpart.errors import BundleMissingError, ContractError, IntegrityError, UnreadableError, found_at
from goodpart.facts.manifest import FileFacts

# a link would lead out of the bundle, and opening a pipe would wait for ever; neither flag exists on Windows
_PLAIN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

_BLOCK_BYTES = 1 << 20

_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)
"""Errors of a file that is not there, or is a link since a moment ago."""


def read_file(folder: Path, name: str, limit_bytes: int) -> bytes:
    """A file's bytes.

    Raises:
        BundleMissingError: there is none.
        UnreadableError: the system does not give it.
        ContractError: a link, folder, pipe or device.
        IntegrityError: more than `limit_bytes`.
    """
    with _opened(folder / name) as file:
        size_bytes = os.fstat(file.fileno()).st_size
        # one byte more than expected, so that a file that grows during the read is noticed
        data = file.read(min(size_bytes, limit_bytes) + 1)
    if len(data) > limit_bytes:
        raise IntegrityError(
            f"{folder / name}: expected at most {limit_bytes} bytes, found {max(size_bytes, len(data))}; "
            f"copy the bundle again"
        )
    return data


def check_folder(folder: Path) -> None:
    """Refuses what is no folder.

    Raises:
        BundleMissingError: there is none, or something else.
        UnreadableError: the system does not say.
    """
    try:
        if stat.S_ISDIR(folder.stat().st_mode):
            return
    except OSError as error:
        if error.errno not in _ABSENT:
            raise UnreadableError(
                f"{folder}: expected a bundle folder that the system gives, found {error.strerror}; check its owner"
            ) from error
    raise BundleMissingError(
        f"{folder}: expected a bundle folder, found {found_at(folder)}; build one with goodpart-bank"
    )


def read_checked(folder: Path, name: str, facts: FileFacts) -> bytes:
    """A file's bytes, if they are the recorded ones.

    Raises:
        BundleMissingError, UnreadableError, ContractError: as in `read_file`.
        IntegrityError: another size or sha256.
    """
    data = read_file(folder, name, facts.size_bytes)
    _compare(folder / name, facts, FileFacts(size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest()))
    return data


def check_file_facts(folder: Path, name: str, facts: FileFacts) -> None:
    """Refuses a file whose bytes are not the recorded ones, without keeping them.

    Raises:
        BundleMissingError, UnreadableError, ContractError: as in `read_file`.
        IntegrityError: another size or sha256.
    """
    _compare(folder / name, facts, file_facts(folder / name))


def file_facts(path: Path) -> FileFacts:
    """Size and sha256 of a file.

    Raises:
        BundleMissingError, UnreadableError, ContractError: as in `read_file`.
    """
    digest, size_bytes = hashlib.sha256(), 0
    with _opened(path) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            size_bytes += len(block)
    return FileFacts(size_bytes=size_bytes, sha256=digest.hexdigest())


def _compare(path: Path, expected: FileFacts, found: FileFacts) -> None:
    if found.size_bytes != expected.size_bytes:
        raise IntegrityError(
            f"{path}: expected {expected.size_bytes} bytes, found {found.size_bytes}; copy the bundle again"
        )
    if found.sha256 != expected.sha256:
        raise IntegrityError(f"{path}: expected sha256 {expected.sha256}, found {found.sha256}; copy the bundle again")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise ContractError(f"{path}: expected a plain file, found a link, folder or device")
        with os.fdopen(os.open(path, os.O_RDONLY | _PLAIN), "rb") as file:
            # what was a file a moment ago may be something else now
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ContractError(f"{path}: expected a plain file, found a link, folder or device")
            yield file
    except OSError as error:
        if error.errno in _ABSENT:
            raise BundleMissingError(f"{path}: expected a file of the bundle, found none ({error.strerror})") from error
        raise UnreadableError(
            f"{path}: expected a file that the system gives, found {error.strerror}; check its owner and the disk"
        ) from error
