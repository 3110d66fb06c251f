"""Which clients' certificates are trusted: two folders of certificates, and a person who moves them."""

import dataclasses
import hashlib
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from goodpart import UsageError
from goodpart._host.atomic import write_file
from goodpart.printable import printable
from goodpart_station.opcua.certificates import named, parsed

log = logging.getLogger("goodpart_station.opcua")

FOLDER = "opcua"
"""Where the two folders lie, in the station's data folder."""

REJECTED_MOST = 32
"""So many certificates of strangers are kept; a further one takes the place of the oldest."""

CERTIFICATE_BYTES_MOST = 1 << 14

_WAITING_MOST = 4
"""Strangers between two looks at the folders; further ones are not kept, so that a flood costs a disk little."""

_FILES_MOST = 1000

_SHOWN_MOST = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class Client:
    """One client's certificate in a folder.

    Attributes:
        fingerprint: SHA-256 of the certificate, hexadecimal.
        subject: whom it names, one line.
        uri: its application URI, or "".
        begins, ends: days between which it is valid, such as "2026-11-27".
        trusted: whether it is trusted.
    """

    fingerprint: str
    subject: str
    uri: str
    begins: str
    ends: str
    trusted: bool


class TrustList:
    """The certificates that are trusted. The server asks `trusts` and `meet`; a thread calls `refresh`.

    A certificate is trusted by itself: who has signed it does not count.
    """

    def __init__(self, data: Path) -> None:
        """Names the folders below the station's data folder; nothing is read yet."""
        self._trusted, self._rejected = data / FOLDER / "trusted", data / FOLDER / "rejected"
        self._known: frozenset[str] = frozenset()
        self._stamp: object = None
        self._waiting: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def trusts(self, found: str) -> bool:
        """Whether the certificate with this fingerprint is trusted. Memory alone: `refresh` looks at the disk."""
        return found in self._known

    def meet(self, certificate: bytes) -> None:
        """Remembers a stranger's certificate (DER), which `refresh` writes to the folder of those rejected."""
        with self._lock:
            if len(certificate) <= CERTIFICATE_BYTES_MOST and len(self._waiting) < _WAITING_MOST:
                self._waiting[fingerprint(certificate)] = certificate

    def refresh(self) -> None:
        """Reads which certificates are trusted if files have changed, and writes those of strangers.

        It waits for the disk.

        Raises:
            UsageError: the folders cannot be read or written. Nobody is trusted until they can be read.
        """
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        try:
            stamp = [(entry.name, entry.stat().st_ctime_ns, entry.inode()) for entry in _entries(self._trusted)]
            if stamp != self._stamp:
                self._known, self._stamp = frozenset(_files(self._trusted)), stamp
            for name, certificate in waiting.items():
                if name not in self._known and (found := parsed(certificate)) is not None:
                    self._keep(name, certificate, found)
        except OSError as error:
            self._known, self._stamp = frozenset(), None
            raise _unreadable(self._trusted.parent, error) from error

    def clients(self) -> Iterator[Client]:
        """All certificates, those trusted first, each group by fingerprint.

        Raises:
            UsageError: the folders cannot be read.
        """
        for folder, trusted in ((self._trusted, True), (self._rejected, False)):
            try:
                found = _files(folder)
            except OSError as error:
                raise _unreadable(folder, error) from error
            for name in sorted(found):
                yield _client(name, found[name][1], trusted=trusted)

    def trust(self, beginning: str) -> Client:
        """Trusts a certificate that was rejected, from the next second on.

        Args:
            beginning: of its fingerprint, long enough to mean one alone.

        Raises:
            UsageError: it means none or several, or the folders cannot be written.
        """
        return self._move(beginning, self._rejected, self._trusted, trusted=True)

    def distrust(self, beginning: str) -> Client:
        """Trusts a certificate no more; its connections end within a second or two.

        Args:
            beginning: as in `trust`.

        Raises:
            UsageError: as in `trust`.
        """
        return self._move(beginning, self._trusted, self._rejected, trusted=False)

    def _keep(self, name: str, data: bytes, certificate: x509.Certificate) -> None:
        """Writes the certificate of a stranger, if it is new, in the place of the oldest if there are many."""
        path = self._rejected / f"{name}.der"
        if path.exists():
            return
        self._write(self._rejected, name, data)
        there = sorted(_entries(self._rejected), key=lambda each: each.stat().st_mtime_ns)
        for old in there[: max(0, len(there) - REJECTED_MOST)]:
            Path(old.path).unlink(missing_ok=True)
        log.warning(
            "a client is refused, because its certificate is not trusted: %s; if it is yours: goodpart-station opcua "
            "trust FILE.toml %s", _client(name, certificate, trusted=False).subject, name[:16],
        )  # fmt: skip

    def _move(self, beginning: str, source: Path, target: Path, *, trusted: bool) -> Client:
        self._refuse_links()
        try:
            files = _files(source)
            wanted = beginning.lower().replace(":", "")
            found = [name for name in files if wanted and name.startswith(wanted)]
            if len(found) != 1:
                raise UsageError(
                    f"fingerprint {printable(beginning)[:_SHOWN_MOST]}: expected the beginning of that of one "
                    f"certificate that is {source.name}, found {len(found) or 'none'}; goodpart-station opcua clients "
                    f"lists them"
                )
            path, certificate = files[found[0]]
            self._write(target, found[0], certificate.public_bytes(serialization.Encoding.DER))
            path.unlink()
        except OSError as error:
            raise _unreadable(source.parent, error) from error
        return _client(found[0], certificate, trusted=trusted)

    def _refuse_links(self) -> None:
        """Raises UsageError if root would write, remove or give away files where a link of the station's user leads."""
        for path in (self._trusted.parent, self._trusted, self._rejected):
            if os.geteuid() == 0 and path.is_symlink():
                raise UsageError(f"{path}: expected a folder, found a link, which root does not follow; remove it")

    def _write(self, folder: Path, name: str, certificate: bytes) -> None:
        self._refuse_links()
        data = folder.parent.parent
        write_file(folder / f"{name}.der", certificate, mode=0o644)
        # an administrator decides for the station's user
        if os.geteuid() == 0:
            owner = data.stat()
            for path in (folder.parent, folder, folder / f"{name}.der"):
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a certificate (DER), hexadecimal."""
    return hashlib.sha256(certificate).hexdigest()


def _entries(folder: Path) -> "list[os.DirEntry[str]]":
    """Plain files of a folder, in the order of their names; hidden ones are not whole yet."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        found = [each for each in entries if not each.name.startswith(".") and each.is_file(follow_symlinks=False)]
    return sorted(found, key=lambda each: each.name)[:_FILES_MOST]


def _files(folder: Path) -> dict[str, tuple[Path, x509.Certificate]]:
    """The certificates of a folder by fingerprint. Files have any name: a person may have put them there."""
    found = {}
    for entry in _entries(folder):
        with Path(entry.path).open("rb") as file:
            certificate = parsed(file.read(CERTIFICATE_BYTES_MOST))
        if certificate is not None:
            plain = certificate.public_bytes(serialization.Encoding.DER)
            found[fingerprint(plain)] = Path(entry.path), certificate
    return found


def _client(name: str, certificate: x509.Certificate, *, trusted: bool) -> Client:
    uris, _ = named(certificate)
    return Client(
        fingerprint=name,
        subject=printable(certificate.subject.rfc4514_string())[:_SHOWN_MOST],
        uri=printable(uris[0] if uris else "")[:_SHOWN_MOST],
        begins=certificate.not_valid_before_utc.date().isoformat(),
        ends=certificate.not_valid_after_utc.date().isoformat(),
        trusted=trusted,
    )


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path}: expected a folder that can be read and written, found none ({error.strerror})")
