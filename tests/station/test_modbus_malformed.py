"""10,000 malformed requests and frames: each has its exception or ends its connection, and others are served."""

import asyncio
import collections
import itertools
import logging
import os
import random
import struct

from goodpart_station.links.memory import Memory
from goodpart_station.links.requests import answer
from small_line import SmallLine, small_slot
from small_modbus import frame, read, registers, served, write

COUNT = 10_000
GOOD_REQUESTS = (
    read(0, 16),
    read(16, 8),
    read(0, 8, function=3),
    read(0, 7, function=2),
    write(0, 1, 2, 3, 4, 5, 6, 7, 8),
    struct.pack(">BHH", 6, 1, 77),
    struct.pack(">BHHHHB2H", 23, 0, 8, 1, 2, 4, 5, 6),
)


def malformed_request(draw):
    """A request in a whole frame: random bytes, or a good one that is cut, longer, or changed somewhere."""
    good = draw.choice(GOOD_REQUESTS)
    match draw.randrange(4):
        case 0:
            return draw.randbytes(draw.randint(1, 253))
        case 1:
            return good[: draw.randint(1, len(good))]
        case 2:
            return good + draw.randbytes(draw.randint(1, 200))
    changed = bytearray(good)
    for _ in range(draw.randint(1, 4)):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def malformed_frame(draw):
    """Bytes that are no frame: another protocol, an impossible length, noise, or a frame that never ends."""
    good = draw.choice(GOOD_REQUESTS)
    match draw.randrange(4):
        case 0:
            return frame(good, protocol=draw.randint(1, 65535))
        case 1:
            return frame(good, length=draw.choice([0, 1, 255, draw.randint(255, 65535)]))
        case 2:
            return draw.randbytes(draw.randint(1, 2000))
    whole = frame(good)
    return whole[: draw.randint(1, len(whole) - 1)]


async def attack(line, draw, found):
    async with served(line) as (link, connect):
        link.publish(small_slot(5))
        peer = await connect()
        for number in range(COUNT):
            if draw.random() < 0.8:
                # whatever the request says, its frame has one answer with the same numbers, or one exception
                request = malformed_request(draw)
                code = (await ask(peer, request, draw.randrange(65536)))[0]
                assert code & 0x7F == request[0] & 0x7F
                found["exception" if code & 0x80 else "answer"] += 1
            else:
                await peer.send(malformed_frame(draw))
                peer.writer.write_eof()
                while await peer.reader.read(4096):
                    pass
                peer.writer.close()
                found["frame"] += 1
                peer = await connect()
            if number % 100 == 0:
                assert registers(await peer.ask(read(88, 8)))[0] in (0, 5)


async def ask(peer, request, transaction):
    await peer.send(frame(request, transaction=transaction))
    found, unit, said = await peer.receive()
    assert (found, unit) == (transaction, 1)
    return said


def test_ten_thousand_malformed_requests_and_frames(caplog):
    caplog.set_level(logging.INFO)
    line, found = SmallLine(), collections.Counter()
    before = len(os.listdir("/proc/self/fd"))
    asyncio.run(attack(line, random.Random(28), found))
    assert sum(found.values()) == COUNT
    assert min(found.values()) > 500
    # what came through is a write that a PLC could have sent, or nothing
    assert {call[0] for call in line.calls} <= {"trigger", "heartbeat", "acknowledge", "command"}
    assert all(1 <= call[1] <= 65535 for call in line.calls if call[0] in ("trigger", "acknowledge"))
    assert {record.name for record in caplog.records} <= {"asyncio", "goodpart_station.modbus"}
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(caplog.records) < 50
    assert len(os.listdir("/proc/self/fd")) <= before


def test_every_function_code_with_any_length_is_answered():
    memory = Memory(SmallLine())
    for function, size in itertools.product(range(256), range(260)):
        said = answer(memory, bytes([function]) + bytes([0, 1] * 130)[:size])
        assert said[0] | 0x80 == function | 0x80
        assert len(said) <= 253
