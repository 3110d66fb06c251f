"""What tests of OPC UA share: certificates, servers, stations in processes of their own, and a client in Node.js."""

import asyncio
import contextlib
import dataclasses
import sys
from pathlib import Path

import peers
from goodpart_station.opcua.around import Around
from goodpart_station.opcua.certificates import certificate_bytes, key_bytes, make_identity
from goodpart_station.opcua.make import make_opcua
from goodpart_station.opcua.options import OpcuaTable, application_uri
from goodpart_station.opcua.trust import FOLDER, TrustList, fingerprint
from goodpart_station.settings import Endpoint
from goodpart_station.tokens import TOKENS_NAME, Role, TokenFile

BUNDLE = Path(__file__).parent / "fixtures" / "format_2"

FILE = """\
[station]
name = "line1"
data = "data"
deadline_ms = 60000
[[product]]
number = 1
name = "bar"
store = "bar"
[source]
kind = "folder"
path = "frames"
trigger = "software"
timeout_s = 60
pair_after_ms = 50000
resync_ms = 51000
[ring]
max_bytes = "50 MB"
random_rate = 0.05
[plc.opcua]
listen = "127.0.0.1:{port}"
certificate = "own.pem"
key = "own-key.pem"
"""


@dataclasses.dataclass(frozen=True)
class Files:
    """A certificate and its key on the disk."""

    certificate: Path
    key: Path
    uri: str
    fingerprint: str
    der: bytes


def write_identity(folder, name, uri, **options):
    """A certificate that signs itself, as files."""
    from cryptography.hazmat.primitives.serialization import Encoding

    made = make_identity(uri, station=name, host="127.0.0.1", **options)
    certificate, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    certificate.write_bytes(certificate_bytes(made))
    key.write_bytes(key_bytes(made))
    key.chmod(0o600)
    der = made.certificate.public_bytes(Encoding.DER)
    return Files(certificate, key, uri, fingerprint(der), der)


class Place:
    """The files of a secured server: its certificate, a token of each role, and a client that is trusted."""

    def __init__(self, folder, port=None):
        self.folder, self.port = folder, port or peers.free_port()
        self.data = folder / "data"
        self.data.mkdir()
        self.own = write_identity(folder, "own", application_uri("line1"))
        self.client = write_identity(folder, "client", "urn:peer")
        self.tokens = TokenFile(self.data / TOKENS_NAME)
        self.token = {role: self.tokens.add(role.value, role) for role in Role}
        self.trust = TrustList(self.data)
        self.bring(self.client)
        (folder / "line.toml").write_text(FILE.format(port=self.port))

    def bring(self, files):
        """A person puts a client's certificate among those that are trusted."""
        folder = self.data / FOLDER / "trusted"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / files.certificate.name).write_bytes(files.certificate.read_bytes())

    @property
    def url(self):
        return f"opc.tcp://127.0.0.1:{self.port}/"

    def login(self, role=Role.OPERATOR, files=None, **changed):
        """What the Node.js client needs to connect."""
        files = files or self.client
        found = {
            "url": self.url, "mode": "SignAndEncrypt", "policy": "Basic256Sha256", "uri": files.uri,
            "certificate": str(files.certificate), "key": str(files.key), "user": role.value,
            "password": self.token[role],
        }  # fmt: skip
        found.update(changed)
        return {key: value for key, value in found.items() if value is not None}


class NoProducts:
    """The products of a station that has none."""

    numbers = ()

    def name(self, number):
        return ""

    def get(self, number):
        return None


class Quiet:
    """A line on which nothing happens."""

    def status(self):
        from goodpart_station.codes import Bits, State
        from goodpart_station.part import Status

        return Status(State.READY, Bits(0), 0, 0, 0, 1, 0, "", "")


@contextlib.contextmanager
def serving(place, **keys):
    """The server alone, in this process, without a station."""
    table = OpcuaTable(
        **{
            "listen": Endpoint("127.0.0.1", place.port),
            "certificate": place.own.certificate,
            "key": place.own.key,
            **keys,
        }
    )
    around = Around(
        station="line1",
        boot="0" * 16,
        data=place.data,
        line=Quiet(),
        products=NoProducts(),
        store_of=None,
        takes_jobs=False,
    )
    link = make_opcua(table, around)
    asyncio.run(link.open())
    try:
        yield link
    finally:
        asyncio.run(link.close())


@contextlib.contextmanager
def node(folder):
    """The client of opcua.js."""
    with peers.node("opcua.js", folder, package="node-opcua-client") as talker:
        yield talker


@contextlib.contextmanager
def station(place):
    """The real station of the place's file, READY."""
    program = peers.PLC / "opcua_station.py"
    with (
        (place.folder / "log").open("a") as log,
        peers.talking(sys.executable, program, BUNDLE, place.folder, errors=log) as talker,
    ):
        assert talker.hear() == {"state": "READY"}
        yield talker
