"""Bytes that are no OPC UA, connections that say nothing, and clients that do not read: the others are served."""

import asyncio
import contextlib
import os
import random
import socket
import struct

import pytest
from asyncua import ua

from goodpart_station.opcua.guard import CHUNK_MOST, STRANGERS_MOST
from goodpart_station.tokens import Role
from secure_client import channel
from small_opcua import Place, node, station
from station_parts import until

MESSAGES = int(os.environ.get("GOODPART_MESSAGES", "300"))
"""`make opcua` sends 10,000."""

_HELLO = struct.pack("<5I", 0, 65535, 65535, 0, 0) + struct.pack("<i", -1)

_OPEN_NONE = (
    struct.pack("<i", 47) + b"http://opcfoundation.org/UA/SecurityPolicy#None" + struct.pack("<ii", -1, -1)
    + struct.pack("<II", 1, 1) + bytes.fromhex("0100be01")
    + bytes.fromhex("0000") + struct.pack("<qIIiI", 0, 1, 0, -1, 60000) + bytes.fromhex("000000")
    + struct.pack("<IIIiI", 0, 0, 1, -1, 60000)
)  # fmt: skip


def message(kind, body, *, size=None, chunk=b"F"):
    return kind + chunk + struct.pack("<I", 8 + len(body) if size is None else size) + body


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("opcua"))


@pytest.fixture(scope="module")
def running(place):
    with station(place) as running:
        yield running


@pytest.fixture(scope="module")
def peer(place, running):
    """A good client, which stays."""
    with node(place.folder) as peer:
        assert peer.ask(connect=place.login(Role.VIEWER)) == {"ok": True}
        yield peer
        assert peer.ask(close=True) == {"ok": True}


def connected(place, stack):
    made = stack.enter_context(socket.create_connection(("127.0.0.1", place.port), timeout=60))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def answered(made):
    """All that the server says until it ends the connection."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while data := made.recv(65536):
            found += data
    return found


def code(answer):
    """The status code of an error message."""
    assert answer[:4] == b"ERRF", answer
    return struct.unpack_from("<I", answer, 8)[0]


def served(peer):
    return peer.ask(read=["i=2259"]) == {"values": ["0"], "codes": ["Good"]}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 0x807E0000),
        (b"\x16\x03\x01\x02\x00\x01", 0x807E0000),
        (message(b"HEL", _HELLO, size=1 << 31), 0x80800000),
        (message(b"OPN", bytes(40), size=CHUNK_MOST + 1), 0x80800000),
        # no chunk is that short, and no answer could be given in chunks of 100 bytes
        (message(b"HEL", struct.pack("<5Ii", 0, 100, 100, 0, 0, -1)), 0x80AC0000),
        (message(b"OPN", bytes(60)), 0x80820000),
        (message(b"MSG", bytes(60)), 0x807F0000),
        (message(b"HEL", b"\x01"), 0x80820000),
    ],
)
def test_what_is_no_opc_ua_is_answered_once_and_ends_the_connection(place, running, sent, expected):
    with contextlib.ExitStack() as stack:
        made = connected(place, stack)
        made.sendall(sent)
        assert code(answered(made)) == expected


def test_random_and_mutated_messages_leave_nothing_behind(place, running, peer):
    chance = random.Random(20261127)
    good = [message(b"HEL", _HELLO), message(b"OPN", struct.pack("<I", 0) + _OPEN_NONE)]
    before = running.ask()
    for index in range(MESSAGES):
        with contextlib.ExitStack() as stack, contextlib.suppress(ConnectionError):
            made = connected(place, stack)
            if chance.random() < 0.5:
                made.sendall(good[0])
            made.sendall(_bad(chance, good))
            made.shutdown(socket.SHUT_WR)
            answered(made)
        if index % (MESSAGES // 5) == 0:
            assert served(peer)
    until(lambda: running.ask()["connections"] == 1)
    after = running.ask()
    print(f"{MESSAGES} messages: before {before}, after {after}")
    for key in ("sessions", "subscriptions", "handles", "threads"):
        assert after[key] == before[key]
    assert after["mb"] - before["mb"] < 8
    assert served(peer)


def _bad(chance, good):
    """Random bytes, random bodies under a good head, or a good message in which some bytes are others."""
    kind = chance.randrange(3)
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 400))
    if kind == 1:
        body = chance.randbytes(chance.randrange(0, 300))
        return message(chance.choice([b"HEL", b"OPN", b"MSG", b"CLO", b"ERR"]), body, chunk=chance.choice([b"F", b"C"]))
    changed = bytearray(chance.choice(good))
    for _ in range(chance.randrange(1, 8)):
        changed[chance.randrange(3, len(changed))] = chance.randrange(256)
    return bytes(changed)


def test_silent_connections_and_halves_of_messages_make_room(place, running, peer):
    """They are more than the server takes, and a client that comes after them gets in."""
    with contextlib.ExitStack() as stack:
        for index in range(STRANGERS_MOST + 20):
            made = connected(place, stack)
            if index % 3:
                made.sendall(message(b"OPN", bytes(9000))[: 20 if index % 3 == 1 else 9000])
        until(lambda: running.ask()["connections"] <= STRANGERS_MOST + 1)
        assert served(peer)
        with node(place.folder) as other:
            assert other.ask(connect=place.login(Role.VIEWER)) == {"ok": True}
            assert served(other)
            assert other.ask(close=True) == {"ok": True}
    until(lambda: running.ask()["connections"] == 1)


def test_a_stranger_that_asks_and_does_not_read_is_cut_off(place, running, peer):
    """It asks for the endpoints again and again; asyncua would keep all questions, or all answers."""
    before = running.ask()
    with contextlib.ExitStack() as stack:
        made = connected(place, stack)
        made.sendall(message(b"HEL", _HELLO) + message(b"OPN", struct.pack("<I", 0) + _OPEN_NONE))
        found = b""
        while b"OPNF" not in found or len(found) < found.index(b"OPNF") + 12:
            found += made.recv(65536)
        (opened,) = struct.unpack_from("<I", found, found.index(b"OPNF") + 8)
        with pytest.raises(ConnectionError):
            for number in range(2, 100_000):
                made.sendall(_endpoints(opened, number))
    until(lambda: running.ask()["connections"] == 1)
    assert running.ask()["mb"] - before["mb"] < 16
    assert served(peer)


def _endpoints(opened, number):
    # the token that asyncua gives to all
    body = struct.pack("<IIII", opened, 13, number, number) + bytes.fromhex("0100ac01")
    body += bytes.fromhex("0000") + struct.pack("<qIIiI", 0, number, 0, -1, 60000) + bytes.fromhex("000000")
    return message(b"MSG", body + struct.pack("<iii", -1, -1, -1))


def test_a_user_that_asks_and_does_not_read_is_cut_off(place, running, peer):
    async def go():
        async with channel(place, role=Role.VIEWER) as made:
            await made.create_session()
            await made.activate_session(username="viewer", password=place.token[Role.VIEWER])
            gone, transport = asyncio.Event(), made.uaclient.protocol.transport
            transport.get_protocol().connection_lost = lambda error: gone.set()
            transport.pause_reading()
            node = ua.ReadValueId(NodeId=ua.NodeId(ua.ObjectIds.Server_NamespaceArray), AttributeId=13)
            tasks = []
            while not gone.is_set():
                # no faster than the server answers, which would be another fault
                tasks.append(asyncio.create_task(made.uaclient.read(ua.ReadParameters(NodesToRead=[node] * 900))))
                await asyncio.sleep(0.05)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    before = running.ask()
    asyncio.run(go())
    until(lambda: running.ask()["connections"] == 1)
    assert "cut off: it leaves more than" in (place.folder / "log").read_text()
    assert running.ask()["mb"] - before["mb"] < 32
    assert served(peer)
