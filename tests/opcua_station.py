"""A station that serves OPC UA in this process, and the peer in node that talks to it (tests/station/plc)."""

import contextlib
import dataclasses
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peers
from goodpart import Store
from goodpart_station.engine import Engine
from goodpart_station.opcua.around import Around
from goodpart_station.opcua.make import make_opcua
from goodpart_station.opcua.options import OpcuaTable
from goodpart_station.ring.config import RingConfig
from goodpart_station.ring.ring import Ring
from goodpart_station.running import Plugs
from goodpart_station.settings import Endpoint
from goodpart_station.sinks.ring import RingSink
from station_parts import Site

BOOT = "6f0c5d2b9a71e384"
STATION = "line1"
_PEER = Path(__file__).parent / "station" / "plc" / "opcua_jobs.js"


@dataclasses.dataclass(frozen=True)
class Named:
    """A product with a name of its own."""

    number: int
    name: str
    preload: bool = False


class OpcuaSite(Site):
    """A station with an OPC UA server, and a ring that keeps every frame."""

    def __init__(self, folder: Path, *, names: tuple[str, ...] = ("bar",), **rules: Any) -> None:
        super().__init__(folder, products=len(names), **rules)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.ring = Ring(folder / "ring", RingConfig(random_rate=1.0), boot=BOOT)
        self.plan = dataclasses.replace(
            self.plan,
            products=tuple(Named(number, name) for number, name in enumerate(names, 1)),
            plugs=self._plugs,
        )

    def store(self, number: int) -> Store:
        return self.stores[number]

    def _plugs(self, engine: Engine) -> Plugs:
        around = Around(
            station=STATION,
            boot=BOOT,
            data=self.plan.data,
            line=engine,
            products=engine.products,
            store_of=self.stores.__getitem__,
            takes_jobs=True,
            ring=self.ring,
        )
        self.link = make_opcua(OpcuaTable(listen=Endpoint("127.0.0.1", self.port)), around)
        return Plugs(
            links=[self.link],
            watchers=[self.link.outbox],
            sinks=[self.records, RingSink(self.ring), self.link.outbox],
        )

    @property
    def url(self) -> str:
        return f"opc.tcp://127.0.0.1:{self.port}"


class Mes:
    """The peer in node."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.errors: list[str] = []

    def ask(self, **asked: Any) -> dict[str, Any]:
        """What the peer answers to a line."""
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        assert line, "the peer has ended"
        answer: dict[str, Any] = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer

    def call(self, method: str, *given: Any) -> list[Any]:
        """The outputs of a method, none of which is null."""
        answer = self.ask(call=method, **{"in": given})
        assert (answer["code"], answer["nulls"]) == ("Good", []), answer
        return answer["out"]

    def status(self, method: str, *given: Any) -> str:
        """The status of a call."""
        return self.ask(call=method, **{"in": given})["code"]

    def event(self, kind: str) -> dict[str, Any]:
        """The next event of a type, none of whose fields is null."""
        answer = self.ask(event=kind)
        assert answer["nulls"] == [], answer
        return answer["event"]


@contextlib.contextmanager
def mes(url: str) -> Iterator[Mes]:
    """The peer, connected and subscribed to the events of the VisionSystem."""
    peers.npm_package("node-opcua-client")
    command = [peers.program("node", "nodejs"), str(_PEER), url, STATION]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ}
    ) as process:
        peer = Mes(process)
        try:
            peer.answer()
            yield peer
        finally:
            process.stdin.close()
            process.wait(60)
