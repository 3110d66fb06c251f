"""The guard before asyncua: connections that say nothing, too much or nonsense, and clients that do not read.

asyncua 2.1 keeps what a connection sends until a message is whole, whatever length it announces, and keeps all answers
that nobody reads.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from asyncua import Server, ua
from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol
from asyncua.ua.ua_binary import uatcp_to_binary

from goodpart_station.links.clients import Journal, end_when_dead
from goodpart_station.opcua.channels import Channel, Limits, Processor, TrustedPolicy
from goodpart_station.opcua.trust import TrustList

STRANGERS_MOST = 32
"""Connections without a session at once. One more ends the oldest of the address that has most of them."""

CHUNK_MOST, MESSAGE_MOST = 65_535, 1 << 20

UNREAD_MOST = 2 << 20
"""Bytes of answers that a client may leave unread."""

_WAITING_MOST = 64
"""Messages of a connection that wait for their turn."""

_REST = 3.0
"""After a message of a stranger all strangers wait so many times as long as it took."""

_REST_MOST_S = 0.05

_KINDS = (b"HEL", b"OPN", b"MSG", b"CLO", b"ERR")

_BEGINNINGS = [{kind[:length] for kind in _KINDS} for length in range(4)]
"""What the first bytes of a message can be, by how many there are."""


class Connection(OPCUAProtocol):
    """One connection."""

    def __init__(self, listener: "Listener") -> None:
        """Belongs to a listener."""
        super().__init__(
            listener.iserver, listener._policies, listener.clients, listener.closing_tasks, listener.limits
        )
        self._listener = listener

    def connection_made(self, transport: Any) -> None:
        """Asyncio has accepted the connection."""
        self._listener.make_room()
        transport.set_write_buffer_limits(high=UNREAD_MOST)
        end_when_dead(transport.get_extra_info("socket"))
        super().connection_made(transport)
        # none if it was refused
        if getattr(self, "processor", None) is not None:
            self.processor: Any = Processor(self.iserver, transport, self.limits, secured=self._listener.secured)
            self.processor.set_policies(self.policies)

    def data_received(self, data: bytes) -> None:
        """Bytes have come: parts of a message, or several."""
        if self.is_ending:
            return
        super().data_received(data)
        if self.transport.is_closing():
            # asyncua has had enough of it, and would wait until its answers are read
            self.transport.abort()
            return
        begun = self._buffer
        if begun[:3] not in _BEGINNINGS[min(len(begun), 3)]:
            self.refuse(ua.StatusCodes.BadTcpMessageTypeInvalid)
        elif len(begun) >= 8 and int.from_bytes(begun[4:8], "little") > CHUNK_MOST:
            self.refuse(ua.StatusCodes.BadTcpMessageTooLarge)

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        self.cut_off(f"it leaves more than {UNREAD_MOST} bytes unread")

    async def _process_received_message_loop(self) -> None:
        while not self.is_ending:
            header, buf = await self.messages.get()
            if header is None:
                return
            try:
                if not await self._in_turn(header, buf):
                    return
            except Exception as error:  # noqa: BLE001 - whatever one client has sent, the others are served
                # what comes after it could not be told apart
                self.refuse(getattr(error, "code", ua.StatusCodes.BadTcpInternalError))
                return

    async def _in_turn(self, header: Any, buf: Any) -> bool:
        """Serves a message. Strangers are served one after the other, and take a share of the time alone."""
        if self.has_session:
            return bool(await self._process_one_msg(header, buf))
        async with self._listener.turnstile:
            began_s = time.perf_counter()
            try:
                return bool(await self._process_one_msg(header, buf))
            finally:
                await asyncio.sleep(min(_REST * (time.perf_counter() - began_s), _REST_MOST_S))

    def refuse(self, code: int) -> None:
        """Says why, and ends the connection."""
        if self.is_ending:
            return
        status = ua.StatusCode(code)
        self._listener.journal.say(logging.INFO, f"the client at {self.address} is sent away: {status.name}")
        self.transport.write(uatcp_to_binary(ua.MessageType.Error, ua.ErrorMessage(status, status.name)))
        self.transport.close()

    def cut_off(self, why: str) -> None:
        """Ends the connection now."""
        if not self.is_ending:
            self._listener.journal.say(logging.WARNING, f"the client at {self.address} is cut off: {why}")
            self.transport.abort()

    @property
    def is_ending(self) -> bool:
        """Whether nothing that comes counts any more."""
        return self.transport is None or bool(self.transport.is_closing())

    @property
    def has_session(self) -> bool:
        """Whether somebody has logged in."""
        return isinstance(self.processor, Processor) and self.processor.has_session

    @property
    def address(self) -> str:
        """Where it comes from."""
        return str((self.peer_name or ("?",))[0])


class Listener(BinaryServer):
    """Accepts connections."""

    def __init__(self, iserver: Any, host: str, port: int, journal: Journal, *, secured: bool) -> None:
        """Listens to nobody yet.

        Args:
            iserver: asyncua's server.
            host, port: where to listen.
            journal: takes a line for each client that is sent away.
            secured: whether a channel without security is for looking around alone.
        """
        super().__init__(iserver, host, port, Limits(CHUNK_MOST, CHUNK_MOST, MESSAGE_MOST // 8192, MESSAGE_MOST))
        iserver.max_pending_messages_per_connection = _WAITING_MOST
        self.journal, self.secured = journal, secured
        self.turnstile = asyncio.Lock()

    def _make_protocol(self) -> Connection:
        return Connection(self)

    def make_room(self) -> None:
        """Ends a connection without a session if there are too many."""
        strangers = [each for each in self.clients if not each.has_session]
        if len(strangers) < STRANGERS_MOST:
            return
        count = Counter(each.address for each in strangers)
        victim = next(each for each in strangers if count[each.address] == max(count.values()))
        self.clients.remove(victim)
        victim.cut_off(f"{STRANGERS_MOST} connections have not logged in")

    def look_again(self, fault: Callable[[Channel, Any], str | None]) -> None:
        """Ends the connections of clients that would not be let in any more.

        Args:
            fault: why a channel, with the user of its session or None, is not good any more.
        """
        for each in list(self.clients):
            processor = each.processor
            user = processor.session.user if each.has_session else None
            if (why := fault(processor.channel, user)) is not None:
                each.cut_off(why)


class GuardedServer(Server):
    """asyncua's server behind the guard."""

    def __init__(self, iserver: Any, trust: TrustList, journal: Journal) -> None:
        """Serves nothing yet.

        Args:
            iserver: asyncua's server.
            trust: whose certificates are trusted.
            journal: takes a line for each client that is sent away.
        """
        super().__init__(iserver=iserver)
        self.application_type = ua.ApplicationType.Server
        self._trust, self._journal = trust, journal

    async def start(self) -> None:
        """Starts to listen.

        Raises:
            OSError: the address is taken, or is not this PC's.
        """
        await self._setup_server_nodes()
        policies = [TrustedPolicy(each, self._trust, self._journal) for each in self._policies]
        await self.iserver.start()
        host, port = self._get_bind_socket_info()
        secured = self.iserver.certificate is not None
        self.bserver = Listener(self.iserver, host, port, self._journal, secured=secured)
        self.bserver.set_policies(policies)
        try:
            await self.bserver.start()
        except OSError:
            await self.iserver.stop()
            raise
