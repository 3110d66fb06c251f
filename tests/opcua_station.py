"""A station with products of several names and a ring that serves OPC UA, and a client that calls its methods."""

import contextlib
import dataclasses
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peers
from goodpart import Store
from goodpart_station.engine import Engine
from goodpart_station.ring.config import RingConfig
from goodpart_station.ring.ring import Ring
from goodpart_station.running import Plugs
from goodpart_station.sinks.ring import RingSink
from goodpart_station.tokens import Role
from opcua_site import OpcuaSite

_PEER = Path(__file__).parent / "station" / "plc" / "opcua_jobs.js"

STATION = "line1"


@dataclasses.dataclass(frozen=True)
class Named:
    """A product with a name of its own, which stays loaded: a change-over takes no time."""

    number: int
    name: str
    preload: bool = True


class JobsSite(OpcuaSite):
    """A station with these products, and a ring that keeps every frame; a product named "nothing" has no bundle."""

    def __init__(self, folder: Path, *names: str) -> None:
        super().__init__(folder, products=len(names))
        self.ring = Ring(folder / "ring", RingConfig(random_rate=1.0), boot=self.boot)
        products = tuple(Named(number, name) for number, name in enumerate(names, 1))
        self.plan = dataclasses.replace(self.plan, products=products)
        for product in products:
            if product.name == "nothing":
                self.stores[product.number] = Store(folder / "nothing")

    def _plugs(self, engine: Engine) -> Plugs:
        plugs = super()._plugs(engine)
        return dataclasses.replace(plugs, sinks=[*plugs.sinks, RingSink(self.ring)])


class Mes:
    """opcua_jobs.js."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, **asked: Any) -> dict[str, Any]:
        """What it answers to a line."""
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self.told()

    def told(self) -> dict[str, Any]:
        """Its next line."""
        line = self._process.stdout.readline()
        assert line, "the client has ended"
        answer: dict[str, Any] = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer

    def call(self, method: str, *given: Any) -> list[Any]:
        """The outputs of a method, nothing of which is null."""
        answer = self.ask(call=method, **{"in": given})
        assert (answer["code"], answer["nulls"]) == ("Good", []), answer
        outputs: list[Any] = answer["out"]
        return outputs

    def status(self, method: str, *given: Any) -> str:
        """The status of a call."""
        return str(self.ask(call=method, **{"in": given})["code"])

    def event(self, kind: str) -> dict[str, Any]:
        """The next event of a type, nothing of which is null."""
        answer = self.ask(event=kind)
        assert answer["nulls"] == [], answer
        event: dict[str, Any] = answer["event"]
        return event


@contextlib.contextmanager
def mes(site: OpcuaSite, role: Role = Role.OPERATOR) -> Iterator[Mes]:
    """A client that is connected, and hears the events of the VisionSystem."""
    peers.npm_package("node-opcua-client")
    command = [peers.program("node", "nodejs"), str(_PEER), site.url, STATION, role.value, site.tokens[role]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            client = Mes(process)
            assert client.told() == {"ready": True}
            yield client
            process.stdin.close()
            assert process.wait(60) == 0
        finally:
            process.kill()
