"""The stream of states: the newest one and no queue, also for clients that never read."""

import asyncio
import contextlib
import dataclasses
import itertools
import json
import socket
import threading
import time

import pytest

from goodpart_station.codes import Bits, PartVerdict, Reason, State
from goodpart_station.page.newest import Newest
from goodpart_station.page.state import shift_start
from goodpart_station.page.words import BITS, REASONS, STATES, VERDICTS, bits_in_words, refused_command
from goodpart_station.tokens import TOKENS_NAME, Role, TokenFile
from page_station import WAIT_S, Station, Watcher
from small_answers import answer, good, reject


def test_the_state_of_an_empty_station(tmp_path):
    with Station(tmp_path) as station:
        (state,) = station.events(1)
    assert state["part"] is None and state["recent"] == []
    assert state["says"] == "READY" and state["judges"]
    assert state["products"] == [[1, "bracket"], [2, "washer"]]
    assert sum(state["shift"]["counts"].values()) == 0


def test_the_newest_part_and_24_before(tmp_path):
    with Station(tmp_path) as station, Watcher(station) as watcher:
        station.put(*(good(seq) for seq in range(1, 31)), reject(31))
        state = watcher.until(lambda found: found["part"] and found["part"]["seq"] == 31)
    assert [part["seq"] for part in state["recent"]] == list(range(31, 7, -1))
    part = state["part"]
    assert (part["says"], part["judged"], part["score"], part["threshold"]) == ("DEFECT", "DEFECT", 9.0, 3.5)
    assert state["shift"]["counts"]["GOOD"] == 30 and state["shift"]["counts"]["DEFECT"] == 1


def test_parts_stand_in_their_order_whenever_they_are_answered(tmp_path):
    with Station(tmp_path) as station, Watcher(station) as watcher:
        station.put(good(1), reject(4), good(3))
        state = watcher.until(lambda found: len(found["recent"]) == 3)
    assert [part["seq"] for part in state["recent"]] == [4, 3, 1]
    assert state["part"]["seq"] == 3


def test_a_judgement_that_came_late_is_no_second_part(tmp_path):
    with Station(tmp_path) as station, Watcher(station) as watcher:
        timeout = answer(1, None, verdict=PartVerdict.TIMEOUT, reason=Reason.DEADLINE, detail=None, frame=None)
        station.put(timeout, good(1, verdict=PartVerdict.GOOD, late=True))
        state = watcher.until(lambda found: found["part"] and found["part"]["late"])
    # the PLC got TIMEOUT, whatever was found afterwards
    assert (state["part"]["verdict"], state["part"]["says"], state["part"]["judged"]) == ("TIMEOUT", "TOO LATE", "GOOD")
    counts = state["shift"]["counts"]
    assert (counts["TIMEOUT"], counts["GOOD"]) == (1, 0)


def test_a_fault_says_why_and_what_to_do(tmp_path):
    with Station(tmp_path) as station, Watcher(station) as watcher:
        station.says(state=State.FAULT, why="camera: no frame for 2.0 s", bits=Bits.PLC_LOST | Bits.DISK_FULL)
        state = watcher.until(lambda found: found["state"] == "FAULT")
    assert not state["judges"] and state["why"] == "camera: no frame for 2.0 s" and "Reset" in state["do"]
    assert [note["bit"] for note in state["notes"]] == ["PLC_LOST", "DISK_FULL"]


def test_drops_are_told(tmp_path):
    class Sink:
        name, dropped = "mqtt", 0

    sink = Sink()
    with Station(tmp_path, sinks=[sink]) as station, Watcher(station) as watcher:
        assert watcher.next()["dropped"] == {}
        sink.dropped = 3
        assert watcher.until(lambda found: found["dropped"])["dropped"] == {"mqtt": 3}


def test_a_removed_token_ends_its_stream(tmp_path):
    with Station(tmp_path) as station, Watcher(station) as watcher:
        watcher.next()
        TokenFile(tmp_path / TOKENS_NAME).remove("viewer")
        with pytest.raises(EOFError):
            watcher.until(lambda _: False)
        assert station.ask("/me", role=Role.VIEWER)[0] == 401


def test_a_page_that_stands_still_says_why(tmp_path, caplog, monkeypatch):
    with Station(tmp_path) as station:
        ended = threading.Event()
        station.page._tasks[1].add_done_callback(lambda _: ended.set())
        monkeypatch.setattr(station.live, "take_in", lambda: 1 / 0)
        assert ended.wait(WAIT_S)
    assert "shows no new state" in caplog.text and "ZeroDivisionError" in caplog.text


def test_nobody_gets_a_state_of_before_they_came():
    async def look():
        newest = Newest()
        newest.replace(b"old")
        stream = newest.stream(lambda: True)
        assert b"retry" in await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        assert not waiting.done()
        newest.replace(b"newer")
        newest.replace(b"newest")
        assert await waiting == b"data: newest\n\n"
        await stream.aclose()
        return newest.watchers

    assert asyncio.run(look()) == 0


def test_at_most_ten_states_a_second_and_none_while_nobody_looks(tmp_path):
    with Station(tmp_path) as station:
        made = []
        replace = station.page._newest.replace
        station.page._newest.replace = lambda data: (made.append(time.monotonic()), replace(data))
        station.put(good(1))
        taken_in = threading.Event()
        take_in = station.live.take_in
        station.live.take_in = lambda: (take_in(), taken_in.set())[0]
        assert taken_in.wait(WAIT_S)
        assert made == []
        with Watcher(station) as watcher:
            for seq in range(2, 400):
                station.put(good(seq))
            watcher.until(lambda found: found["part"]["seq"] == 399)
            watcher.next()
        assert all(later - earlier > 0.09 for earlier, later in itertools.pairwise(made))


def stalled(station, *, paths=("/events",)):
    """A client that asks and never reads; a small buffer, so that it is full at once."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.settimeout(WAIT_S)
    client.connect(("127.0.0.1", station.page.port))
    for path in paths:
        token = station.tokens[Role.VIEWER]
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    return client


def test_a_hundred_stalled_clients_cost_constant_memory_and_harm_nobody(tmp_path):
    with Station(tmp_path) as station:
        clients = [stalled(station) for _ in range(100)]
        try:
            with Watcher(station) as watcher:
                watcher.until(lambda _: station.page._newest.watchers == 101)
                connections = station.page._server.server_state.connections

                def held():
                    return sum(each.transport.get_write_buffer_size() for each in connections)

                # large states, so that every buffer is full after a few of them
                station.says(why="x" * 60_000)
                sizes: list[int] = []
                for seq in range(1, 13):
                    station.put(good(seq))
                    watcher.until(lambda found, seq=seq: found["part"] and found["part"]["seq"] == seq)
                    sizes.append(held())
                # 64 KiB and one state each at most, and no more however long it goes on
                assert 100 * 65_536 < max(sizes) < 101 * (65_536 + 80_000)
                assert sizes[-1] == sizes[-4]
                assert station.ask("/healthz")[0] == 200
        finally:
            for client in clients:
                client.close()


def test_stalled_clients_do_not_hold_up_the_end(tmp_path):
    with Station(tmp_path) as station:
        client = stalled(station)
        with Watcher(station) as watcher:
            watcher.until(lambda _: station.page._newest.watchers == 2)
            station.says(why="x" * 8_000_000)
            watcher.until(lambda found: found["why"])
        station.do(station.page.close())
        station.page.close = lambda: asyncio.sleep(0)
        client.close()


def test_more_connections_than_are_served_are_closed(tmp_path, monkeypatch):
    monkeypatch.setattr("goodpart_station.page.server.MOST_CONNECTIONS", 3)
    with Station(tmp_path) as station:
        clients = [stalled(station) for _ in range(3)]
        assert all(client.recv(8) == b"HTTP/1.1" for client in clients)
        # it asks too, and is not answered
        with contextlib.suppress(ConnectionResetError, BrokenPipeError), stalled(station) as further:
            assert further.recv(8) == b""
        for client in clients:
            client.close()


def test_who_asks_for_nothing_is_cut_off(tmp_path, monkeypatch):
    monkeypatch.setattr("goodpart_station.page.server._REQUEST_WITHIN_S", 0.01)
    with Station(tmp_path) as station:
        silent = socket.create_connection(("127.0.0.1", station.page.port), timeout=WAIT_S)
        with silent, contextlib.suppress(ConnectionResetError):
            assert silent.recv(1) == b""


def test_the_page_ends_within_seconds_with_streams_open(tmp_path):
    with Station(tmp_path) as station:
        watcher = Watcher(station)
        watcher.next()
        station.do(station.page.close())
        with pytest.raises((EOFError, ConnectionResetError, ValueError)):
            watcher.until(lambda _: False)
        watcher.__exit__()
        station.page.close = lambda: asyncio.sleep(0)


def test_everything_has_words():
    assert set(STATES) == set(State)
    assert set(REASONS) == set(Reason)
    assert set(VERDICTS) == set(PartVerdict)
    assert set(BITS) == set(Bits)
    for words in (*STATES.values(), *REASONS.values(), *BITS.values()):
        assert not words.do or words.do.endswith(".")
    assert [note["bit"] for note in bits_in_words(Bits(255))] == [bit.name for bit in Bits]
    assert all(refused_command(reason) for reason in Reason if reason)


@pytest.mark.parametrize(
    ("now", "since"),
    [
        ("2026-11-26 05:59", "2026-11-25 22:00"),
        ("2026-11-26 06:00", "2026-11-26 06:00"),
        ("2026-11-26 23:10", "2026-11-26 22:00"),
    ],
)
def test_a_shift_begins_at_its_local_time(now, since, monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        seconds = [time.mktime(time.strptime(text, "%Y-%m-%d %H:%M")) for text in (now, since)]
        assert shift_start(seconds[0], ("06:00", "14:00", "22:00")) == seconds[1]
        assert shift_start(seconds[0], ()) <= seconds[0]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_state_is_json_for_every_browser(tmp_path):
    with Station(tmp_path) as station, Watcher(station) as watcher:
        station.put(dataclasses.replace(good(1), detail="é\u2028\n"))
        state = watcher.until(lambda found: found["part"])
    assert state["part"]["detail"] == "é\u2028\n"
    assert json.dumps(state)
