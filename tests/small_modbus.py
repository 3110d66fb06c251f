"""A Modbus client that tests write byte by byte, and a link that serves in the test's event loop."""

import asyncio
import contextlib
import struct

from goodpart_station.links.modbus import ModbusLink, ModbusTable
from goodpart_station.settings import Endpoint

PATIENCE_S = 20.0
"""How long a test waits for what must come; nothing waits for it to pass."""


def frame(request, *, transaction=1, protocol=0, unit=1, length=None):
    """A request with its header."""
    size = len(request) + 1 if length is None else length
    return struct.pack(">HHHB", transaction, protocol, size, unit) + request


def read(address, count, *, function=4):
    return struct.pack(">BHH", function, address, count)


def write(address, *values):
    return struct.pack(f">BHHB{len(values)}H", 16, address, len(values), 2 * len(values), *values)


def registers(answer):
    """The values of an answer to a read."""
    assert answer[0] < 0x80, f"exception {answer[1]}"
    return list(struct.unpack(f">{answer[1] // 2}H", answer[2:]))


async def until(condition):
    """Waits for what other tasks of the loop do."""

    async def wait():
        while not condition():
            await asyncio.sleep(0)

    await asyncio.wait_for(wait(), PATIENCE_S)


class Peer:
    """One connection."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self):
        """Transaction, unit and answer."""
        head = await asyncio.wait_for(self.reader.readexactly(7), PATIENCE_S)
        transaction, protocol, length, unit = struct.unpack(">HHHB", head)
        assert protocol == 0
        return transaction, unit, await asyncio.wait_for(self.reader.readexactly(length - 1), PATIENCE_S)

    async def ask(self, request, **header):
        await self.send(frame(request, **header))
        return (await self.receive())[2]

    async def is_closed(self):
        """Waits until the server has closed the connection, and takes nothing else."""
        with contextlib.suppress(ConnectionError):
            return await asyncio.wait_for(self.reader.read(1), PATIENCE_S) == b""
        return True


@contextlib.asynccontextmanager
async def served(line, **settings):
    """An open link on a port of its own, and a function that connects to it."""
    link = ModbusLink(line, ModbusTable(listen=Endpoint("127.0.0.1", 0), **settings))
    await link.open()
    peers = []

    async def connect(source="127.0.0.1"):
        peer = Peer(*await asyncio.open_connection("127.0.0.1", link.port, local_addr=(source, 0)))
        peers.append(peer)
        return peer

    try:
        yield link, connect
    finally:
        for peer in peers:
            peer.writer.close()
            with contextlib.suppress(ConnectionError):
                await peer.writer.wait_closed()
        await asyncio.wait_for(link.close(), PATIENCE_S)
