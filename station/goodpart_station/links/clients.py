"""Clients of the Modbus server: who may connect, the frames that they send, and one line in the log for each.

pymodbus has a server too. It drops requests that arrive together, and answers nothing more on a connection that once
carried something else (docs/decisions.md), so that the seven bytes around each request are read here.
"""

import asyncio
import logging
import math
import socket
import struct
import time
from collections.abc import Callable, Collection
from typing import Protocol, cast

from goodpart_station.links.addresses import Address, address_of, is_served

log = logging.getLogger("goodpart_station.modbus")

CLIENTS_MOST = 32
"""Connections at once. One more ends the one that has been silent longest: a PLC gets in whatever others leave open."""

_HEADER = struct.Struct(">HHHB")

_LENGTHS = range(2, 255)
"""Values of the header's length: unit and function code at least, 253 bytes of request at most."""

_BUFFER_MOST = 16 * 260
"""Bytes that may wait: 16 of the longest requests. The specification allows 16 requests without an answer."""

_QUIET_S = 60.0


class Answer(Protocol):
    """Serves one request of a client."""

    def __call__(self, unit: int, request: bytes) -> bytes:
        """The answer to a request to a unit."""


class Clients:
    """All connections of one server."""

    def __init__(
        self, answer: Answer, allowed: Collection[Address], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Starts without connections.

        Args:
            answer: serves one request.
            allowed: whose connections are served; nobody else's, not even for one byte. None: those of this PC.
            clock: seconds, for the log's pauses.
        """
        self.answer = answer
        self.journal = Journal(clock)
        self._allowed = frozenset(allowed)
        # ordered by who spoke last
        self._there: dict[Client, None] = {}

    def __len__(self) -> int:
        return len(self._there)

    def connect(self) -> "Client":
        """The protocol for a new connection."""
        return Client(self)

    def admit(self, client: "Client") -> bool:
        """Whether a client may stay; it is counted then."""
        if client.address is None or not is_served(client.address, self._allowed):
            self.journal.say(
                logging.WARNING, f"client {client.shown} is refused: its address is not in plc.modbus.allow"
            )
            return False
        while len(self._there) >= CLIENTS_MOST:
            next(iter(self._there)).end(f"{CLIENTS_MOST} clients are there, and it has been silent longest")
        self._there[client] = None
        self.journal.say(logging.INFO, f"client {client.shown} comes")
        return True

    def hear(self, client: "Client") -> None:
        """Notes that a client has spoken."""
        del self._there[client]
        self._there[client] = None

    def leave(self, client: "Client", why: str) -> None:
        """Notes that a client has gone."""
        if client in self._there:
            del self._there[client]
            self.journal.say(logging.INFO, f"client {client.shown} goes: {why}")

    def end(self) -> None:
        """Ends all connections."""
        for client in list(self._there):
            client.end("the station stops")


class Client(asyncio.Protocol):
    """One connection."""

    _transport: asyncio.Transport

    def __init__(self, clients: Clients) -> None:
        self.address: Address | None = None
        self.shown = "an unknown address"
        self._clients = clients
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio has accepted the connection."""
        self._transport = cast(asyncio.Transport, transport)
        if peer := transport.get_extra_info("peername"):
            self.address = address_of(peer[0])
            self.shown = str(self.address)
        if not self._clients.admit(self):
            self._transport.abort()
            return
        end_when_dead(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        """Bytes have come: parts of a request, or several."""
        if self._transport.is_closing():
            return
        self._clients.hear(self)
        waiting = self._waiting + data
        if len(waiting) > _BUFFER_MOST:
            self.end(f"expected at most {_BUFFER_MOST} bytes of requests at once, found more")
            return
        while len(waiting) >= _HEADER.size:
            transaction, protocol, length, unit = _HEADER.unpack_from(waiting)
            if protocol != 0 or length not in _LENGTHS:
                # nothing after it could be told apart either; the client connects anew
                self.end("expected Modbus/TCP, found something else")
                return
            end = _HEADER.size - 1 + length
            if len(waiting) < end:
                break
            request, waiting = waiting[_HEADER.size : end], waiting[end:]
            answer = self._clients.answer(unit, request)
            self._transport.write(_HEADER.pack(transaction, 0, len(answer) + 1, unit) + answer)
            if self._transport.is_closing():
                # `write` has found that the client does not read
                return
        self._waiting = waiting

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        self.end("expected a client that reads its answers, found one that does not")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._clients.leave(self, "it has closed the connection" if exc is None else f"the connection broke ({exc})")

    def end(self, why: str) -> None:
        """Ends the connection now."""
        self._clients.leave(self, why)
        self._transport.abort()


def end_when_dead(channel: socket.socket) -> None:
    """Lets the system end the connection of a client that lost power: after 15 s at the latest."""
    for level, option, value in (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 6),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 3),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 15_000),
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    ):
        channel.setsockopt(level, option, value)


class Journal:
    """The log: each line once a minute at most, so that a client that knocks for hours does not fill it."""

    _REMEMBERED = 256

    def __init__(self, clock: Callable[[], float], log: logging.Logger = log) -> None:
        self._clock, self._log = clock, log
        # when a line was written, and how often it was not since then
        self._said: dict[str, tuple[float, int]] = {}

    def say(self, level: int, line: str, *, with_traceback: bool = False) -> None:
        """Writes a line, or counts it."""
        now_s = self._clock()
        at_s, skipped = self._said.get(line, (-math.inf, 0))
        if now_s - at_s < _QUIET_S:
            self._said[line] = (at_s, skipped + 1)
            return
        if len(self._said) >= self._REMEMBERED:
            self._said.clear()
        self._said[line] = (now_s, 0)
        more = f" ({skipped} times more before this)" if skipped else ""
        self._log.log(level, "%s%s", line, more, exc_info=with_traceback)
