"""The gate: whom a request of the page or of an OPC UA client comes from, and how often an address may be wrong."""

import dataclasses
import hmac
import ipaddress
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from goodpart_station.tokens import Role, Token, TokenFile, digest

WRONG_TRIES = 5
"""How many wrong tokens an address may show in a minute."""

_MINUTE_S = 60.0

_MOST_ADDRESSES = 1024


@dataclasses.dataclass(frozen=True)
class Visitor:
    """Whom a request comes from.

    Attributes:
        name: of the token, "this PC" on a loopback server without tokens, "" for a stranger.
        role: what they may do; None for nothing.
        sha256: of the token, "" without one.
    """

    name: str
    role: Role | None
    sha256: str = ""


STRANGER = Visitor("", None)

LOCAL = Visitor("this PC", Role.VIEWER)


class TooManyTriesError(Exception):
    """An address has shown too many wrong tokens."""


class Gate:
    """Knows the tokens. The loop asks `who`; another thread calls `refresh`, which reads the disk."""

    def __init__(self, file: TokenFile, *, is_loopback: bool, clock: Callable[[], float] = time.monotonic) -> None:
        """Reads the tokens.

        Args:
            file: of the tokens.
            is_loopback: whether only this PC reaches the server. Without any token everybody on it is a viewer then.
            clock: seconds that never go back.

        Raises:
            UsageError: the file is damaged or open to others.
        """
        self._file, self._is_loopback, self._clock = file, is_loopback, clock
        self._stamp = file.stamp()
        # None while the file is damaged; one attribute, because the loop reads while `refresh` writes
        self._tokens: tuple[Token, ...] | None = file.read()
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._tokens or ())

    def refresh(self) -> None:
        """Reads the file again if it has changed.

        Raises:
            UsageError: the file is damaged or open to others. Nobody has a role until it is mended.
        """
        with self._lock:
            stamp = self._file.stamp()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._tokens = None
            self._tokens = self._file.read()

    def who(self, token: str | None, address: str) -> Visitor:
        """Whom a request comes from.

        Args:
            token: that it shows, or None.
            address: that it comes from.

        Raises:
            TooManyTriesError: the address has shown five wrong tokens within a minute; no token is looked at.
        """
        tokens = self._tokens
        if token is None:
            return LOCAL if self._is_loopback and tokens == () else STRANGER
        place = _place(address)
        wrong = self._wrong(place)
        if len(wrong) >= WRONG_TRIES:
            raise TooManyTriesError
        shown, found = digest(token), STRANGER
        # all are compared: how long it takes tells nothing about where it lies
        for each in tokens or ():
            if hmac.compare_digest(each.sha256, shown):
                found = Visitor(each.name, each.role, each.sha256)
        if found is STRANGER:
            self._note_wrong(place, wrong)
        return found

    def still(self, visitor: Visitor) -> bool:
        """Whether somebody who was let in would be let in now."""
        tokens = self._tokens
        if not visitor.sha256:
            return visitor.role is not None and self._is_loopback and tokens == ()
        return any(each.sha256 == visitor.sha256 and each.role is visitor.role for each in tokens or ())

    def _wrong(self, place: str) -> deque[float]:
        """When an address was wrong within the last minute."""
        wrong = self._tries.get(place, deque())
        while wrong and wrong[0] <= self._clock() - _MINUTE_S:
            wrong.popleft()
        return wrong

    def _note_wrong(self, place: str, wrong: deque[float]) -> None:
        wrong.append(self._clock())
        self._tries[place] = wrong
        self._tries.move_to_end(place)
        while len(self._tries) > _MOST_ADDRESSES:
            self._tries.popitem(last=False)


def _place(address: str) -> str:
    """The address, or its network where one computer has many addresses."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(found) if found.version == 4 else str(ipaddress.ip_network(f"{found}/64", strict=False))
