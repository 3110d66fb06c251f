"""The table [plc.opcua], what starts its server, and what waits for its thread."""

import asyncio
import builtins
import dataclasses
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from goodpart import MissingExtraError, UsageError
from goodpart_station.opcua.around import Around
from goodpart_station.opcua.make import make_opcua
from goodpart_station.opcua.options import OpcuaTable
from goodpart_station.opcua.outbox import Acquired, Outbox, Taken
from goodpart_station.part import Frame
from goodpart_station.settings import Endpoint
from small_answers import answer
from station_parts import part_of


@pytest.fixture
def around(tmp_path):
    return Around(
        station="line1",
        boot="0123456789abcdef",
        data=tmp_path,
        line=None,
        products=None,
        store_of=None,
        takes_jobs=True,
    )


def test_an_address_that_is_taken_is_refused_at_the_start(around):
    with socket.create_server(("127.0.0.1", 0)) as other:
        link = make_opcua(OpcuaTable(listen=Endpoint("127.0.0.1", other.getsockname()[1])), around)
        with pytest.raises(
            UsageError, match=r"plc.opcua.listen: expected to listen on 127.0.0.1:.*, found: Address alre"
        ):
            asyncio.run(link.open())


def test_a_missing_library_is_named_with_its_extra(around, monkeypatch):
    import_ = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("goodpart_station.opcua.server"):
            raise ImportError(name)
        return import_(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"\[plc.opcua\] needs asyncua, .* goodpart-station\[opcua\]"):
        make_opcua(OpcuaTable(), around)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"certificate": Path("a.der")}, "certificate: expected key beside it, found none"),
        ({"key": Path("a.key")}, "key: expected certificate beside it, found none"),
        ({"listen": Endpoint("192.168.10.2", 4840)}, "listen: expected certificate and key beside 192.168.10.2:4840"),
    ],
)
def test_half_of_what_encryption_needs_is_refused(keys, expected):
    with pytest.raises(UsageError, match=expected):
        OpcuaTable(**keys)


def test_news_keep_their_order_and_hold_no_frame():
    outbox, part = Outbox(), part_of(1)
    frame = Frame(pixels=np.zeros((4, 4), np.uint8), at_ns=time.monotonic_ns())
    answered = answer(1, part=part, frame=frame)
    outbox.taken(part)
    outbox.acquired(part)
    outbox.put(answered)
    assert outbox.take_in() == [Taken(part), Acquired(part), dataclasses.replace(answered, frame=None)]
    assert outbox.take_in() == []


def test_a_full_outbox_drops_its_oldest_news_and_counts_them():
    outbox = Outbox()
    for seq in range(1, 1031):
        outbox.taken(part_of(seq))
    assert outbox.dropped == 6
    assert [news.part.seq for news in outbox.take_in()] == list(range(7, 1031))
