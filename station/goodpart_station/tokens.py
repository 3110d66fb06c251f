"""Tokens: who may do what at the page and over OPC UA. Only their SHA-256 is stored."""

import contextlib
import dataclasses
import datetime
import enum
import hashlib
import os
import re
import secrets
import stat
from pathlib import Path

from goodpart import BundleError, UsageError
from goodpart._host import strict_json
from goodpart._host.atomic import write_file
from goodpart._host.locks import locked

TOKENS_NAME = "tokens.json"
"""The file's name in the data folder."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_LIMIT_BYTES = 1 << 18

_TOKEN_BYTES = 24


class Role(enum.Enum):
    """What somebody may do; each may do what those before it may.

    VIEWER sees. OPERATOR labels, changes the product, halts, resets and resyncs. ENGINEER sets the threshold.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    ENGINEER = "engineer"

    def may(self, needed: "Role") -> bool:
        """Whether this role is enough where another is needed."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Token:
    """One token, without the token itself.

    Attributes:
        name: of the person or screen that has it; 1 to 64 letters, digits, ".", "_" and "-".
        role: what it allows.
        sha256: of the token, hexadecimal.
        added: day on which it was made, UTC, such as "2026-11-27".
    """

    name: str
    role: Role
    sha256: str
    added: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UsageError(
                f'token name: expected 1 to 64 letters, digits, ".", "_" and "-", found {self.name!r}; choose another'
            )
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise UsageError(f"token {self.name}: expected a SHA-256 of 64 hexadecimal digits, found {self.sha256!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Listed:
    tokens: tuple[Token, ...]


class TokenFile:
    """The file of tokens in the station's data folder. Only its owner may read it."""

    def __init__(self, path: Path) -> None:
        """Names the file; it need not exist."""
        self.path = path

    def stamp(self) -> tuple[int, int, int] | None:
        """Changes whenever the file does; None without a file."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        # not the time of its content, which stays when its mode changes
        return found.st_ctime_ns, found.st_ino, found.st_size

    def read(self) -> tuple[Token, ...]:
        """All tokens, in the order in which they were added; none without a file.

        Raises:
            UsageError: the file is damaged, cannot be read, or others may read it.
        """
        try:
            with self.path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                text = file.read(_LIMIT_BYTES + 1)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise UsageError(
                f"{self.path}: expected a file of tokens that this user can read, found {error.strerror}; run "
                f"goodpart-station token as the user of the station"
            ) from error
        if mode & 0o077:
            raise UsageError(
                f"{self.path}: expected a file that only its owner can read, found mode {mode:04o}; chmod 600 it, and "
                f"replace the tokens if a stranger may have read it"
            )
        if len(text) > _LIMIT_BYTES:
            raise UsageError(f"{self.path}: expected at most {_LIMIT_BYTES} bytes, found more; it is no file of tokens")
        try:
            return strict_json.decode(_Listed, text, where=str(self.path)).tokens
        except BundleError as error:
            raise UsageError(f"{error}; remove the file and add the tokens again") from error

    def add(self, name: str, role: Role) -> str:
        """Makes a token.

        Args:
            name: of whoever gets it; no other token has it.
            role: what it allows.

        Returns:
            the token, which is stored nowhere.

        Raises:
            UsageError: the name is taken or cannot be one, or the file cannot be read or written.
        """
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        made = Token(name=name, role=role, sha256=digest(token), added=today)
        with self._locked():
            there = self.read()
            if any(each.name == name for each in there):
                raise UsageError(f"token {name}: expected a new name, found one in use; choose another or remove it")
            self._write((*there, made))
        return token

    def remove(self, name: str) -> None:
        """Removes a token; whoever has it is out within a second.

        Raises:
            UsageError: there is none of that name, or the file cannot be read or written.
        """
        with self._locked():
            there = self.read()
            kept = tuple(each for each in there if each.name != name)
            if len(kept) == len(there):
                names = ", ".join(each.name for each in there) or "none"
                raise UsageError(f"token {name}: expected the name of a token, found none of it; there are: {names}")
            self._write(kept)

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return locked(self.path.with_name(f".{self.path.name}.lock"))

    def _write(self, tokens: tuple[Token, ...]) -> None:
        write_file(self.path, strict_json.encode(_Listed(tokens=tokens)), mode=0o600)
        # an administrator adds tokens for the station's user
        if os.geteuid() == 0:
            owner = self.path.parent.stat()
            # that user may have put a link there meanwhile
            os.chown(self.path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def digest(token: str) -> str:
    """SHA-256 of a token, hexadecimal. A token has 192 random bits, so that nothing slower is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
