"""A page in a loop of its own, with a line that only takes notes: for tests of the page, and for looking at it."""

import asyncio
import concurrent.futures
import dataclasses
import http.client
import json
import threading
import time
from pathlib import Path
from typing import Any

from goodpart import LiveInspector
from goodpart_station.codes import Bits, Command, Reason, State
from goodpart_station.page.around import Around
from goodpart_station.page.live import Live
from goodpart_station.page.options import PageTable
from goodpart_station.page.server import Page
from goodpart_station.part import Result, Status
from goodpart_station.ring.config import RingConfig
from goodpart_station.ring.ring import Ring
from goodpart_station.settings import Endpoint
from goodpart_station.tokens import TOKENS_NAME, Role, TokenFile
from small_answers import BOOT

READY = Status(
    state=State.READY, bits=Bits(0), heartbeat=1, accepted_seq=0, result_seq=0, product=1, good_total=0, bundle="",
    why="",
)  # fmt: skip

EVERYTHING = RingConfig(random_rate=1.0)

ANY_PORT = Endpoint("127.0.0.1", 0)

WAIT_S = 20.0


class NotedLine:
    """A line that notes the commands and says the state that the test sets."""

    def __init__(self) -> None:
        self.now, self.answer = READY, Reason.NONE
        self.commands: list[tuple[Command, int, str]] = []

    def command(self, command: int, *, product: int = 0, who: str) -> Reason:
        self.commands.append((Command(command), product, who))
        return self.answer

    def status(self) -> Status:
        return self.now

    def trigger(self, plc_seq: int | None, *, product: int = 0, part_id: int = 0) -> int | None:
        raise NotImplementedError

    def plc_heartbeat(self) -> None:
        raise NotImplementedError

    def acknowledge(self, plc_seq: int) -> None:
        raise NotImplementedError


class OneShop:
    """Two products, of which the first one may be loaded."""

    numbers = (1, 2)

    def __init__(self, live: LiveInspector | None) -> None:
        self._live = live

    def name(self, number: int) -> str:
        return {1: "bracket", 2: "washer"}.get(number, "")

    def get(self, number: int) -> LiveInspector | None:
        return self._live if number == 1 else None


class Station:
    """The page at work, and what surrounds it. Use it in a `with` block."""

    def __init__(
        self,
        folder: Path,
        *,
        config: PageTable | None = None,
        live: LiveInspector | None = None,
        ring: RingConfig | None = EVERYTHING,
        roles: tuple[Role, ...] = tuple(Role),
        **around: Any,
    ) -> None:
        self.line, self.live = NotedLine(), Live()
        tokens = TokenFile(folder / TOKENS_NAME)
        self.tokens = {role: tokens.add(role.value, role) for role in roles}
        self.ring = None if ring is None else Ring(folder / "ring", ring, boot=BOOT)
        if self.ring is not None:
            self.ring.open()
        self.around = Around(
            station="line1", boot=BOOT, data=folder, line=self.line, live=self.live, products=OneShop(live),
            ring=self.ring, **around,
        )  # fmt: skip
        self.config = config or PageTable(listen=ANY_PORT)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="io")
        self.page: Page

    def __enter__(self) -> "Station":
        self._thread.start()
        try:
            self.do(self._open())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.do(self.page.close())
        finally:
            self._stop()

    async def _open(self) -> None:
        self.page = Page(self.config, self.around)
        await self.page.open()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def _stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
        if self.ring is not None:
            self.ring.close()

    def do(self, work: Any) -> Any:
        """Runs a coroutine in the loop, and waits for it."""
        future: concurrent.futures.Future[Any] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return future.result(WAIT_S)

    def settle(self, now: float | None = None) -> None:
        """Has the page take in what was answered, as its ticker does ten times a second."""

        async def take_in() -> None:
            self.page._take_in(time.time() if now is None else now)

        self.do(take_in())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.page.port}"

    def says(self, **changes: Any) -> None:
        """Changes the state of the line."""
        self.line.now = dataclasses.replace(self.line.now, **changes)

    def put(self, *results: Result) -> None:
        """Answers parts: the page gets them, and the ring keeps their frames."""
        for result in results:
            self.live.put(result)
            if self.ring is not None:
                self.ring.keep(result)

    def ask(
        self,
        path: str,
        *,
        role: Role | None = None,
        post: Any = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any, dict[str, str]]:
        """One request: status, body (JSON as plain values), headers in lower case."""
        sent = {"Authorization": f"Bearer {token or self.tokens[role]}"} if role or token else {}
        if post is not None:
            sent |= {"X-Goodpart": "1", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.page.port, timeout=WAIT_S)
        try:
            body = None if post is None else post if isinstance(post, bytes) else json.dumps(post)
            connection.request("GET" if post is None else "POST", path, body, sent | (headers or {}))
            answer = connection.getresponse()
            content = answer.read()
            kind = answer.headers.get_content_type()
            found = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, json.loads(content) if kind == "application/json" else content, found
        finally:
            connection.close()

    def events(self, count: int, *, role: Role = Role.VIEWER) -> list[dict[str, Any]]:
        """The next states that `/events` sends."""
        with Watcher(self, role=role) as watcher:
            return [watcher.next() for _ in range(count)]


class Watcher:
    """A client of `/events`."""

    def __init__(self, station: Station, *, role: Role = Role.VIEWER) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", station.page.port, timeout=WAIT_S)
        self._connection.request("GET", "/events", headers={"Authorization": f"Bearer {station.tokens[role]}"})
        self._answer = self._connection.getresponse()
        self.status = self._answer.status

    def __enter__(self) -> "Watcher":
        return self

    def __exit__(self, *_: object) -> None:
        self._answer.close()
        self._connection.close()

    def next(self) -> dict[str, Any]:
        """The next state; raises EOFError at the end of the stream."""
        while line := self._answer.readline():
            if line.startswith(b"data: "):
                found: dict[str, Any] = json.loads(line[6:])
                return found
        raise EOFError

    def until(self, holds: Any) -> dict[str, Any]:
        """The first state for which something holds."""
        while True:
            found = self.next()
            if holds(found):
                return found
