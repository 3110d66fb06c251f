"""The page as a link: a web server in the station's loop, and the ticker that shows the newest state."""

import asyncio
import contextlib
import json
import logging
import socket
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import anyio
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from goodpart import UsageError
from goodpart._host.opencv import load_opencv
from goodpart_station.codes import Bits
from goodpart_station.gate import Gate
from goodpart_station.page.app import App
from goodpart_station.page.around import Around
from goodpart_station.page.newest import Newest
from goodpart_station.page.options import PageTable, check_tokens
from goodpart_station.page.state import Shift, shift_start, shown, signature
from goodpart_station.page.trend import Minute, Trend
from goodpart_station.tokens import TOKENS_NAME, TokenFile

_log = logging.getLogger("goodpart_station.page")

TREND_NAME = "trend.db"
"""The trend's database in the data folder."""

MOST_CONNECTIONS = 200
"""Further ones are closed at once: they must not take the handles that the ring and the PLC's link need."""

_REQUEST_WITHIN_S = 20.0

_SEND_BYTES = 1 << 16

_UNREAD_MS = 30_000

_TICK_S = 0.1
"""The page is told at most ten times a second."""

_CLOSE_WITHIN_S = 0.8


class Page:
    """Serves the page. `open` and `close` belong to the station's loop; results come through `Around.live`."""

    name = "[page]"
    """What `check` calls it."""

    def __init__(self, config: PageTable, around: Around) -> None:
        """Reads the tokens; nothing is served yet.

        Raises:
            UsageError: other computers could reach it without TLS or tokens, or the tokens cannot be read.
            MissingExtraError: OpenCV is not installed.
        """
        load_opencv("the page")
        self._config, self._around = config, around
        self._gate = Gate(TokenFile(around.data / TOKENS_NAME), is_loopback=config.listen.loopback)
        check_tokens(config, tokens=len(self._gate))
        self._trend = Trend(around.data / TREND_NAME)
        self._newest = Newest()
        self._app = App(config, around, self._gate, self._trend, self._newest)
        self._shift = Shift(0.0, {})
        self._before_shift = dict.fromkeys(around.live.counts(), 0)
        self._sent: tuple[object, ...] = ()
        self._server: _Server | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._refreshed: Future[None] | None = None

    @property
    def port(self) -> int:
        """The port that it listens on; of port 0, the one that the system chose."""
        return self._config.listen.port if self._server is None else self._server.port

    @property
    def bits(self) -> Bits:
        """THRESHOLD_CHANGED while another threshold than the bundle's own holds."""
        live = self._around.judging()
        return Bits.THRESHOLD_CHANGED if live is not None and live.inspector.threshold_moved else Bits(0)

    async def open(self) -> None:
        """Starts to serve.

        Raises:
            UsageError: the address is taken or is not this PC's, or certificate and key do not fit.
        """
        # its first use imports modules, for which no PLC should have to wait later
        async with anyio.create_task_group():
            pass
        since = shift_start(time.time(), self._config.shifts)
        await self._app.desk.do(self._trend.open)
        counted = await self._app.desk.do(lambda: self._trend.counts(since=since))
        # parts of this shift that were answered before the station was started again
        self._before_shift = {verdict: -count for verdict, count in counted.items()}
        self._shift = Shift(since, counted)
        self._server = _Server(self._config, self._app)
        try:
            sockets = [_listen(self._config)]
        except UsageError:
            await self._end()
            raise
        self._tasks = [asyncio.create_task(self._server.serve(sockets=sockets)), asyncio.create_task(self._tick())]
        self._tasks[1].add_done_callback(_tell_end)
        up = asyncio.create_task(self._server.up.wait())
        await asyncio.wait([self._tasks[0], up], return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        scheme = "https" if self._config.has_tls else "http"
        _log.info("the page is at %s://%s", scheme, self._config.listen)

    async def close(self) -> None:
        """Ends within a second, whatever clients do."""
        self._newest.end()
        if self._server is not None and self._tasks:
            serving, ticking = self._tasks
            ticking.cancel()
            self._server.leave()
            await asyncio.wait([serving, ticking], timeout=_CLOSE_WITHIN_S)
            self._server.cut()
            await asyncio.wait([serving])
        await self._end()

    async def _end(self) -> None:
        await self._app.desk.do(self._trend.close)
        self._app.close()

    async def _tick(self) -> None:
        """Takes results in, and replaces the newest state if somebody looks and anything has changed."""
        second = 0
        while True:
            await asyncio.sleep(_TICK_S)
            now = time.time()
            came = self._take_in(now)
            if int(now) != second:
                second = int(now)
                self._each_second(now)
            if self._newest.watchers:
                self._show(now, came=came)

    def _show(self, now: float, *, came: bool) -> None:
        around = self._around
        dropped = tuple(sink.dropped for sink in around.sinks)
        sign = (*signature(around.line.status()), int(now), dropped, self._newest.joined)
        if came or sign != self._sent:
            self._sent = sign
            plain = shown(around, self._shift, now=now)
            self._newest.replace(json.dumps(plain, allow_nan=False, ensure_ascii=True).encode("ascii"))

    def _take_in(self, now: float) -> bool:
        """Puts new results into trend and counters; returns whether there were any."""
        found = self._around.live.take_in()
        self._store([minute for result in found for minute in self._trend.add(result)])
        counts = self._around.live.counts()
        since = shift_start(now, self._config.shifts) if int(now) % 60 == 0 else self._shift.since
        if since > self._shift.since:
            # what was counted until now belongs to the shift before
            self._before_shift = counts
        got = {verdict: counts[verdict] - self._before_shift.get(verdict, 0) for verdict in counts}
        self._shift = Shift(max(since, self._shift.since), got)
        return bool(found)

    def _each_second(self, now: float) -> None:
        """Looks for changed tokens, and stores minutes in which no further part came."""
        self._store(self._trend.finished(int(now // 60)))
        # a disk that hangs gets one such errand, not one more each second
        if self._refreshed is None or self._refreshed.done():
            self._refreshed = self._app.desk.errand(self._refresh_tokens)

    def _refresh_tokens(self) -> None:
        try:
            self._gate.refresh()
        except UsageError as error:
            _log.warning("nobody has a role until this is mended: %s", error)

    def _store(self, over: list[Minute]) -> None:
        if over:
            self._app.desk.errand(lambda: self._trend.write(over))


def _tell_end(ticking: asyncio.Task[None]) -> None:
    """Says why the page stands still: browsers see only that nothing comes any more."""
    if not ticking.cancelled() and (error := ticking.exception()) is not None:
        _log.critical("the page shows no new state any more", exc_info=error)


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the main thread owns signals."""

    def __init__(self, config: PageTable, app: App) -> None:
        try:
            settings = uvicorn.Config(
                app.application, http=_Protocol, ws="none", lifespan="off", log_config=None, access_log=False,
                proxy_headers=False, server_header=False, timeout_graceful_shutdown=1,
                ssl_certfile=config.certificate, ssl_keyfile=None if config.key is None else str(config.key),
            )  # fmt: skip
            settings.load()
        except OSError as error:
            raise UsageError(
                f"[page] certificate and key: expected PEM files that belong together, found {config.certificate} and "
                f"{config.key} ({error})"
            ) from error
        super().__init__(settings)
        # its warnings are about what clients send
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self.up = asyncio.Event()
        self.port = config.listen.port

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.port = self.servers[0].sockets[0].getsockname()[1]
        self.up.set()

    def leave(self) -> None:
        """Begins to end: no new request is taken."""
        self.should_exit = True

    def cut(self) -> None:
        """Cuts off clients that do not read what they asked for."""
        self.force_exit = True
        for connection in list(self.server_state.connections):
            connection.transport.abort()


class _Protocol(H11Protocol):
    """HTTP/1.1 that ends connections on which no whole request comes: the first one, or the next one."""

    _silence: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_request()

    def on_response_complete(self) -> None:
        self._await_request()
        super().on_response_complete()

    def _await_request(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        self._silence = self.loop.call_later(_REQUEST_WITHIN_S, self._end_if_silent, self.cycle)

    def _end_if_silent(self, last: object) -> None:
        # uvicorn's own limit begins anew with each byte
        if self.cycle is last and not self.transport.is_closing():
            self.transport.abort()


class _Listener(socket.socket):
    """A socket that listens, and closes at once what comes beyond `MOST_CONNECTIONS`.

    The protocol would be too late: it hears of a connection only when that has shaken hands for TLS.
    """

    def __init__(self, listening: socket.socket) -> None:
        super().__init__(fileno=listening.detach())
        self._accepted: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def accept(self) -> tuple[socket.socket, Any]:
        accepted, address = super().accept()
        if sum(each.fileno() >= 0 for each in self._accepted) >= MOST_CONNECTIONS:
            accepted.close()
            # the loop knows it as a client that went away
            raise ConnectionAbortedError
        self._accepted.add(accepted)
        return accepted, address


def _listen(config: PageTable) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.listen.host else socket.AF_INET
    try:
        listening = _Listener(
            socket.create_server((config.listen.host, config.listen.port), family=family, backlog=128)
        )
    except OSError as error:
        raise UsageError(
            f"[page] listen: expected an address of this PC with a free port, found {config.listen} "
            f"({error.strerror}); choose another, or end what listens there"
        ) from error
    # a client that does not read would be given megabytes of the kernel's memory; accepted sockets inherit this
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # nor may it hold its connection for ever
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MS)
    return listening
