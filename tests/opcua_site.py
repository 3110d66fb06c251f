"""A station with an OPC UA server for tests, and a client of it with an independent library."""

import contextlib
import dataclasses
from pathlib import Path

import peers
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.message import new_boot
from goodpart_station.opcua.around import Around
from goodpart_station.opcua.make import make_opcua
from goodpart_station.opcua.options import OpcuaTable
from goodpart_station.running import Plugs
from goodpart_station.settings import Endpoint
from goodpart_station.tokens import TOKENS_NAME, Role, TokenFile
from small_frames import draw_defect, draw_small
from station_parts import Site


class OpcuaSite(Site):
    """A station that judges with the small bundle, with a camera in the test's hands and an OPC UA server."""

    ring = None

    def __init__(
        self, folder: Path, *, trigger: TriggerKind = TriggerKind.SOFTWARE, products: int = 1, **rules: object
    ):
        super().__init__(folder, trigger=trigger, products=products, **rules)
        self.boot, self.port = new_boot(), peers.free_port()
        tokens = TokenFile(self.plan.data / TOKENS_NAME)
        self.tokens = {role: tokens.add(role.value, role) for role in (Role.VIEWER, Role.OPERATOR)}
        self.plan = dataclasses.replace(self.plan, plugs=self._plugs)

    @property
    def url(self) -> str:
        """Where the server is."""
        return f"opc.tcp://127.0.0.1:{self.port}"

    def _plugs(self, engine) -> Plugs:
        around = Around(
            station="line1",
            boot=self.boot,
            data=self.plan.data,
            line=engine,
            products=engine.products,
            store_of=self.stores.__getitem__,
            takes_jobs=self.rules.trigger is not TriggerKind.NONE,
            triggered=self.rules.trigger is not TriggerKind.NONE,
            ring=self.ring,
            hardware=self.rules.trigger is TriggerKind.HARDWARE,
        )
        self.link = make_opcua(OpcuaTable(listen=Endpoint("127.0.0.1", self.port)), around)
        return Plugs(links=[self.link], watchers=[self.link.outbox], sinks=[self.records, self.link.outbox])

    def picture(self, seed: int, *, defect: bool = False) -> None:
        """Gives the frame of the part that was announced last."""
        self.camera.triggers.get(timeout=300)
        self.camera.show(draw_defect(seed) if defect else draw_small(seed))


class Client:
    """opcua_mes.js."""

    def __init__(self, talker: peers.Talker) -> None:
        self._talker = talker

    def ask(self, **command):
        """What it answers to a command."""
        found = self._talker.ask(**command)
        assert "error" not in found, found
        return found["answer"]

    def events(self, kind, count, **more):
        """Takes events of a kind out, as soon as there are so many."""
        found = self.ask(events=count, of=kind, **more)
        assert len(found) >= count, (kind, found)
        return found


@contextlib.contextmanager
def client_of(site: OpcuaSite, role: Role = Role.OPERATOR):
    """A client that is connected, and has subscribed to all events of the VisionSystem."""
    login = site.url, "line1", role.value, site.tokens[role]
    with peers.node("opcua_mes.js", *login, package="node-opcua-client") as talker:
        assert talker.hear() == {"ready": True}
        yield Client(talker)
