"""The Modbus server: requests are served in one step each and in their order, and only for those who may ask."""

import asyncio
import logging
import socket
import sys

import pytest

from goodpart.errors import MissingExtraError, UsageError
from goodpart_station.codes import PartVerdict
from goodpart_station.links.addresses import address_of, is_served
from goodpart_station.links.clients import CLIENTS_MOST, Clients
from goodpart_station.links.modbus import ModbusLink, ModbusTable
from goodpart_station.settings import Endpoint
from small_line import SmallLine, small_slot
from small_modbus import PATIENCE_S, frame, read, registers, served, until, write


class Wire(asyncio.Transport):
    """A connection that only notes what is written."""

    def __init__(self):
        super().__init__({"peername": ("127.0.0.1", 1), "socket": KeptAlive()})
        self.written, self._is_closing = [], False

    def write(self, data):
        self.written.append(data)

    def is_closing(self):
        return self._is_closing

    def abort(self):
        self._is_closing = True


class KeptAlive:
    """A socket that takes every option."""

    def setsockopt(self, level, option, value):
        pass


@pytest.fixture
def line():
    return SmallLine()


def test_a_part_from_its_trigger_to_its_slot(line):
    async def scenario():
        async with served(line) as (link, connect):
            peer = await connect()
            assert await peer.ask(write(1, 7, 0, 2, 0, 99)) == bytes([16, 0, 1, 0, 5])
            assert line.calls == [("trigger", 7, 2, 99)]
            assert registers(await peer.ask(read(72, 8))) == [0] * 8
            link.publish(small_slot(7, PartVerdict.DEFECT, score_millisigmas=70000))
            assert registers(await peer.ask(read(72, 8))) == [7, 2, 0, 1, 1, 4464, 40, 7]
            assert registers(await peer.ask(read(0, 8, function=3))) == [0, 7, 0, 2, 0, 99, 0, 0]
            assert await peer.ask(read(0, 7, function=2)) == bytes([2, 1, 1])

    asyncio.run(scenario())


def test_the_judging_thread_shows_results_itself(line):
    async def scenario():
        async with served(line) as (link, connect):
            peer = await connect()
            await asyncio.to_thread(link.publish, small_slot(3))
            assert registers(await peer.ask(read(40, 8)))[:2] == [3, 1]

    asyncio.run(scenario())


def test_requests_that_arrive_together_are_all_served_in_their_order(line):
    async def scenario():
        async with served(line) as (_, connect):
            peer = await connect()
            await peer.send(b"".join(frame(write(1, seq), transaction=seq) for seq in range(1, 17)))
            assert [(await peer.receive())[0] for _ in range(16)] == list(range(1, 17))
            assert [call[1] for call in line.calls] == list(range(1, 17))

    asyncio.run(scenario())


def test_a_request_may_arrive_byte_by_byte(line):
    async def scenario():
        async with served(line) as (_, connect):
            peer = await connect()
            for byte in frame(write(1, 9), transaction=5):
                await peer.send(bytes([byte]))
            assert (await peer.receive())[0] == 5

    asyncio.run(scenario())


@pytest.mark.parametrize("unit", [0, 1, 255])
def test_its_units_are_served(line, unit):
    async def scenario():
        async with served(line) as (_, connect):
            peer = await connect()
            await peer.send(frame(read(0, 2), unit=unit))
            assert await peer.receive() == (1, unit, bytes([4, 4, 0x47, 0x50, 0, 1]))

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("request_", "unit", "code"),
    [
        (read(0, 1), 2, 11),
        (read(143, 2), 1, 2),
        (read(65535, 125), 1, 2),
        (write(7, 1, 1), 1, 2),
        (read(0, 0), 1, 3),
        (read(0, 126), 1, 3),
        (read(0, 1) + b"\0", 1, 3),
        (write(1, 1)[:-1], 1, 3),
        # coils, diagnostics "listen only", files, identification: not served
        (read(0, 1, function=1), 1, 1),
        (bytes([8, 0, 4, 0, 0]), 1, 1),
        (bytes([20, 0]), 1, 1),
        (bytes([43, 14, 1, 0]), 1, 1),
        (bytes([0x84]), 1, 1),
    ],
)
def test_what_is_not_served_has_its_exception(line, request_, unit, code):
    async def scenario():
        async with served(line) as (_, connect):
            peer = await connect()
            assert await peer.ask(request_, unit=unit) == bytes([request_[0] | 0x80, code])
            assert line.calls == []
            # and the connection goes on
            assert registers(await peer.ask(read(0, 1))) == [0x4750]

    asyncio.run(scenario())


def test_a_failure_of_the_station_is_told_and_logged(line, monkeypatch, caplog):
    def broken(*args, **options):
        raise RuntimeError("planted")

    async def scenario():
        async with served(line) as (_, connect):
            peer = await connect()
            monkeypatch.setattr(line, "trigger", broken)
            for seq in range(3, 9):
                assert await peer.ask(write(1, seq)) == bytes([0x90, 4])
            assert registers(await peer.ask(read(0, 1))) == [0x4750]

    asyncio.run(scenario())
    assert caplog.text.count("RuntimeError: planted") == 1


def test_only_listed_addresses_are_served(line, caplog):
    caplog.set_level(logging.INFO, logger="goodpart_station")

    async def scenario():
        async with served(line, allow=("127.0.0.5",)) as (_, connect):
            plc, other = await connect("127.0.0.5"), await connect("127.0.0.6")
            assert await other.is_closed()
            assert registers(await plc.ask(read(0, 1))) == [0x4750]
            plc.writer.close()
            await until(lambda: "goes" in caplog.text)

    asyncio.run(scenario())
    assert [record.getMessage() for record in caplog.records if "client" in record.getMessage()] == [
        "client 127.0.0.5 comes",
        "client 127.0.0.6 is refused: its address is not in plc.modbus.allow",
        "client 127.0.0.5 goes: it has closed the connection",
    ]


def test_a_client_that_reads_no_answers_is_ended(line, caplog):
    caplog.set_level(logging.INFO, logger="goodpart_station")

    async def scenario():
        async with served(line) as (_, connect):
            deaf = await connect()
            # the reader stops taking from the socket when its own buffer is full
            deaf.writer.transport.pause_reading()
            while "reads its answers" not in caplog.text:
                deaf.writer.write(frame(read(0, 125)) * 16)
                await asyncio.sleep(0)
            plc = await connect()
            assert registers(await plc.ask(read(0, 1))) == [0x4750]

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE_S))


@pytest.mark.parametrize("header", [{"protocol": 7}, {"length": 0}, {"length": 1}, {"length": 255}])
def test_what_is_no_modbus_ends_the_connection(line, header):
    async def scenario():
        async with served(line) as (_, connect):
            peer = await connect()
            await peer.send(frame(write(1, 5), **header))
            assert await peer.is_closed()

    asyncio.run(scenario())
    assert line.calls == []


@pytest.mark.parametrize(("requests", "answers"), [(346, 346), (347, 0)])
def test_more_requests_than_anybody_may_send_at_once_end_the_connection(requests, answers):
    """16 of the longest requests, 4160 bytes, in one piece."""
    clients, wire = Clients(lambda unit, request: b"\x84\x01", []), Wire()
    client = clients.connect()
    client.connection_made(wire)
    client.data_received(frame(read(0, 125)) * requests)
    assert (len(wire.written), wire.is_closing()) == (answers, answers == 0)


def test_a_server_that_others_can_reach_names_its_clients():
    outside = Endpoint("192.168.10.2", 502)
    with pytest.raises(UsageError, match="expected the key allow"):
        ModbusTable(listen=outside)
    assert ModbusTable(listen=outside, allow=("192.168.10.1",)).allow == ("192.168.10.1",)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"])
def test_without_a_list_this_pc_alone_is_served(address):
    assert is_served(address_of(address), [])
    assert not is_served(address_of(address), [address_of("192.168.10.1")])


@pytest.mark.parametrize("address", ["192.168.10.1", "::ffff:192.168.10.1", "fe80::1%eth0"])
def test_only_a_list_lets_others_in(address):
    assert not is_served(address_of(address), [])
    assert is_served(address_of(address), [address_of("192.168.10.1"), address_of("fe80::1")])


def test_a_taken_address_is_told(line):
    async def scenario():
        with socket.create_server(("127.0.0.1", 0)) as taken:
            link = ModbusLink(line, ModbusTable(listen=Endpoint(*taken.getsockname())))
            with pytest.raises(UsageError, match=r"plc\.modbus\.listen: expected to listen on 127\.0\.0\.1:"):
                await link.open()
            await link.close()

    asyncio.run(scenario())


def test_it_can_be_opened_again_after_it_was_closed(line):
    async def scenario():
        async with served(line) as (link, connect):
            peer = await connect()
            await peer.ask(read(0, 1))
            await link.close()
            assert await peer.is_closed()
            await link.open()
            again = await connect()
            assert registers(await again.ask(read(0, 1))) == [0x4750]

    asyncio.run(scenario())


def test_one_client_too_many_ends_the_one_that_was_silent_longest(line):
    async def scenario():
        async with served(line) as (_, connect):
            peers = [await connect() for _ in range(CLIENTS_MOST)]
            for peer in [*peers[1:], peers[0]]:
                await peer.ask(read(0, 1))
            plc = await connect()
            assert registers(await plc.ask(read(0, 1))) == [0x4750]
            assert await peers[1].is_closed()
            assert registers(await peers[0].ask(read(0, 1))) == [0x4750]

    asyncio.run(scenario())


def test_a_client_that_knocks_for_hours_does_not_fill_the_log(caplog):
    caplog.set_level(logging.INFO, logger="goodpart_station")
    now_s = 0.0
    clients = Clients(lambda unit, request: b"", [], clock=lambda: now_s)
    for _ in range(100):
        assert not clients.admit(clients.connect())
        now_s += 1.0
    assert len(caplog.records) == 2
    assert caplog.records[1].getMessage().endswith("(59 times more before this)")


def test_without_pymodbus_the_extra_is_named(line, monkeypatch):
    monkeypatch.delitem(sys.modules, "goodpart_station.links.requests", raising=False)
    monkeypatch.delattr("goodpart_station.links.requests", raising=False)
    monkeypatch.setitem(sys.modules, "pymodbus", None)
    monkeypatch.setitem(sys.modules, "pymodbus.constants", None)
    with pytest.raises(MissingExtraError, match=r"goodpart-station\[modbus\]"):
        ModbusLink(line, ModbusTable())
