"""The OPC UA server of the station, in a thread and an event loop of its own."""

import asyncio
import concurrent.futures
import contextlib
import gc
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence

from asyncua import Client, Server, ua

from goodpart import UsageError
from goodpart_station.opcua.access import Access
from goodpart_station.opcua.around import Around
from goodpart_station.opcua.guard import GuardedServer
from goodpart_station.opcua.jobs import Jobs
from goodpart_station.opcua.journal import Journal
from goodpart_station.opcua.machine import StateMachine
from goodpart_station.opcua.model import Model, Piece
from goodpart_station.opcua.options import NAMESPACE, WHERE, OpcuaTable, application_uri
from goodpart_station.opcua.outbox import Outbox
from goodpart_station.opcua.recipes import Recipes
from goodpart_station.opcua.results import Results
from goodpart_station.opcua.sessions import StationServer
from goodpart_station.opcua.variables import Variables
from goodpart_station.settings import Endpoint

_log = logging.getLogger("goodpart_station.opcua")

_POLL_S = 0.01
"""How often news are taken out. The judge could wake the loop instead, but that is a write to a socket."""

_FOLLOW_S = 0.1

_SECOND_S = 1.0

_CLOSE_WITHIN_S = 0.9

_ANSWER_S = 4.0

_AGAIN_S = 5.0
"""How long a server that has failed rests before it starts anew."""


class OpcuaLink:
    """Serves OPC UA. `open` and `close` belong to the station's loop; news come through `outbox`.

    It does not run in the station's loop: its start takes seconds of computing, and signatures and long answers take
    longer than a part's deadline may wait.
    """

    name = f"[{WHERE}]"
    """What `check` calls it."""

    def __init__(self, table: OpcuaTable, around: Around) -> None:
        """Reads tokens and certificates; nothing is served yet.

        Raises:
            UsageError: as `Access` says.
        """
        self._table, self._around = table, around
        self._access = Access(table, around)
        self.outbox = Outbox()
        self._ending = threading.Event()
        self._opened: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name="opcua", daemon=True)

    def faults(self) -> Sequence[str]:
        """Why clients would not accept the server's certificate, for `check`."""
        return self._access.faults()

    def warnings(self) -> Sequence[str]:
        """What will be wrong with it soon, for `check`."""
        return self._access.warnings()

    async def served(self) -> str | None:
        """Whether the station that runs serves another certificate than that of the file, for `check`."""
        client = Client(f"opc.tcp://{self._table.listen}", timeout=_ANSWER_S)
        try:
            found = await client.connect_and_get_server_endpoints()
        except (OSError, asyncio.TimeoutError, ua.UaError):
            return f"no OPC UA server answers on {self._table.listen}, although a station runs; see its log"
        if all(self._access.is_own(each.ServerCertificate) for each in found):
            return None
        return "certificate: the station that runs serves another one than that of the file; restart the station"

    def pieces(self) -> Sequence[Piece]:
        """What follows the station, in the order in which it is told. A new piece is a line here."""
        jobs = Jobs(self._around)
        return (
            jobs,
            Variables(jobs.record),
            # who hears ResultReady may ask for the result at once
            Results(self._around, jobs.record),
            Recipes(self._around),
            StateMachine(self._around, jobs.record),
        )

    async def open(self) -> None:
        """Starts to serve.

        Raises:
            UsageError: the address is taken or is not this PC's.
        """
        self._thread.start()
        await asyncio.wrap_future(self._opened)

    async def close(self) -> None:
        """Ends all sessions."""
        self._ending.set()
        until_s = time.monotonic() + _CLOSE_WITHIN_S
        while self._thread.is_alive() and time.monotonic() < until_s:
            await asyncio.sleep(_POLL_S)

    def _run(self) -> None:
        """Serves until the end. A server that fails starts anew, and parts are judged meanwhile."""
        while not self._ending.is_set():
            try:
                asyncio.run(self._live())
            except BaseException as error:  # noqa: BLE001 - the thread has nobody else to tell
                if not self._opened.done():
                    self._opened.set_exception(error)
                    return
                _log.critical("the OPC UA server has failed, and starts anew in %g s", _AGAIN_S, exc_info=error)
                self._ending.wait(_AGAIN_S)

    async def _live(self) -> None:
        Journal().open()
        with _address(self._table.listen):
            # before the seconds that the address space takes
            _try(self._table.listen)
        iserver = StationServer(self._access)
        server = GuardedServer(iserver, self._access.trust, self._access.journal)
        model, pieces = Model(server, self._around), self.pieces()
        telling = asyncio.Lock()

        async def take_in() -> None:
            """One at a time: methods of clients ask for it as well."""
            if not self.outbox:
                return
            async with telling:
                for news in self.outbox.take_in():
                    for piece in pieces:
                        await piece.tell(news)

        model.take_in = take_in
        with _no_collections():
            await self._build(server, iserver, model, pieces)
        with _address(self._table.listen):
            await server.start()
        _log.info("serves OPC UA on %s", self._table.listen)
        if not self._opened.done():
            self._opened.set_result(None)
        try:
            await self._follow(server, iserver, model, pieces)
        finally:
            await server.stop()

    async def _build(self, server: Server, iserver: StationServer, model: Model, pieces: Sequence[Piece]) -> None:
        server.application_type = ua.ApplicationType.Server
        server.product_uri, server.manufacturer_name = NAMESPACE, "goodpart"
        server.set_server_name(f"goodpart {self._around.station}")
        await server.init()
        await iserver.tell_bounds()
        # its clock would let the end wait for a second
        server.disable_clock()
        server.set_endpoint(f"opc.tcp://{self._table.listen}/")
        await server.set_application_uri(application_uri(self._around.station))
        await self._access.prepare(server)
        await model.build()
        for piece in pieces:
            await piece.build(model)

    async def _follow(self, server: Server, iserver: StationServer, model: Model, pieces: Sequence[Piece]) -> None:
        """Tells the pieces what happens, until the link closes."""
        follow_s = second_s = time.monotonic()
        while not self._ending.is_set():
            await model.take_in()
            now_s = time.monotonic()
            if now_s >= follow_s:
                follow_s = now_s + _FOLLOW_S
                # the state first: what happened before it is then among the news
                status = self._around.line.status()
                await model.take_in()
                for piece in pieces:
                    await piece.follow(status)
            if now_s >= second_s:
                second_s = now_s + _SECOND_S
                await self._access.refresh(server)
                await iserver.end_silent()
                await iserver.tell_time()
            await asyncio.sleep(_POLL_S)


@contextlib.contextmanager
def _no_collections() -> Iterator[None]:
    """Half a million objects are made, and none of them is garbage: looking for it took two fifths of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _try(listen: Endpoint) -> None:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    socket.create_server((listen.host, listen.port), family=family).close()


@contextlib.contextmanager
def _address(listen: Endpoint) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # asyncio puts a sentence of its own in the place of the system's
        why = os.strerror(error.errno) if error.errno else str(error)
        raise UsageError(
            f"{WHERE}.listen: expected to listen on {listen}, found: {why}; is another server there, is the address "
            "this PC's, and does a port below 1024 have CAP_NET_BIND_SERVICE?"
        ) from error
