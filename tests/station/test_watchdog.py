"""Whatever hangs: systemd is told nothing more, the PLC's heartbeat rests, and the judge waits for none of it."""

import dataclasses
import logging
import os
import queue
import socket
import sys
import threading

import pytest

from goodpart import Inspector
from goodpart_station import io_loop
from goodpart_station.codes import PartVerdict
from goodpart_station.notify import notify, watchdog_s
from goodpart_station.running import Plugs
from goodpart_station.sinks.worker import Worker
from small_frames import draw_small
from station_parts import Site, until


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Loading without the child process of the self-test; silence counts after a fifth of a second."""
    monkeypatch.setattr("goodpart.store.store.try_bundle", lambda folder, limits: None)
    monkeypatch.setattr("goodpart_station.running._silence_s", lambda rules: 0.2)


@pytest.fixture
def told(monkeypatch):
    """What systemd is told and what the log says, in one order."""
    told = queue.SimpleQueue()
    monkeypatch.setattr(io_loop, "notify", told.put)
    monkeypatch.setattr("goodpart_station.running.watchdog_s", lambda: 0.4)
    handler = logging.Handler()
    handler.emit = lambda record: told.put(record.getMessage())
    logging.getLogger(io_loop.__name__).addHandler(handler)
    yield told
    logging.getLogger(io_loop.__name__).removeHandler(handler)


def next_of(told, *beginnings):
    while not (found := told.get(timeout=60)).startswith(beginnings):
        pass
    return found


class Hang:
    """Whoever calls it waits until it is let go."""

    def __init__(self):
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self):
        self.begun.set()
        assert self.go_on.wait(60)

    def in_front_of(self, monkeypatch, target, name):
        """The method of this name hangs first."""
        whole = getattr(target, name)

        def late(*arguments, **options):
            if not self.go_on.is_set():
                self()
            return whole(*arguments, **options)

        monkeypatch.setattr(target, name, late)


@pytest.mark.parametrize("who", ["source", "judge"])
def test_a_hanging_thread_stops_the_watchdog_until_it_goes_on(tmp_path, told, monkeypatch, who):
    site = Site(tmp_path)
    with site.running() as engine:
        next_of(told, "WATCHDOG")
        hang = Hang()
        if who == "source":
            site.camera.box.put(hang)
        else:
            hang.in_front_of(monkeypatch, Inspector, "_inspect")
            engine.trigger(1)
            site.camera.show(draw_small(100))
        assert hang.begun.wait(60)
        # what was said before it hung, for a busy machine, has an end
        said = ["", ""]
        while not all(who in text for text in said):
            said = [said[1], next_of(told, "WATCHDOG", "no life")]
        assert all(who in next_of(told, "WATCHDOG", "no life") for _ in range(3))
        before = engine.status().heartbeat
        assert next_of(told, "WATCHDOG", "no life").startswith("no life")
        assert engine.status().heartbeat == before
        hang.go_on.set()
        next_of(told, "WATCHDOG")
        until(lambda: engine.status().heartbeat != before)


def test_a_hanging_loop_stops_the_watchdog_and_no_verdict(tmp_path, told):
    site = Site(tmp_path)
    with site.running() as engine:
        next_of(told, "WATCHDOG")
        hang = Hang()
        engine.loop._loop.call_soon_threadsafe(hang)
        assert hang.begun.wait(60)
        while not told.empty():
            told.get()
        before = engine.status().heartbeat
        for seq in range(1, 21):
            engine.trigger(seq)
            site.camera.show(draw_small(seq))
            assert site.slots.next().verdict is PartVerdict.GOOD
        assert told.empty()
        assert engine.status().heartbeat == before
        hang.go_on.set()
        next_of(told, "WATCHDOG")


class Hanging:
    """A sink whose thread waits for ever, until it is let go."""

    name = "hanging"

    def __init__(self):
        self.go_on = threading.Event()
        self._worker = Worker(self.name, 4, lambda result: self.go_on.wait(60))
        self.start, self.put, self.close = self._worker.start, self._worker.put, self._worker.close

    @property
    def dropped(self):
        return self._worker.dropped


def test_a_sink_that_hangs_stops_no_verdict(tmp_path):
    site, hanging = Site(tmp_path), Hanging()
    site.plan = dataclasses.replace(site.plan, plugs=lambda engine: Plugs(plc=[site.slots], sinks=[hanging]))
    with site.running() as engine:
        for seq in range(1, 40):
            engine.trigger(seq)
            site.camera.show(draw_small(seq))
            assert site.slots.next().verdict is PartVerdict.GOOD
        until(lambda: hanging.dropped >= 34)  # all but one in its hands and four in its box
        hanging.go_on.set()


def test_the_judge_touches_neither_disk_nor_socket_and_formats_nothing(tmp_path, monkeypatch):
    armed, found = [True], []

    def hook(event, arguments):
        if armed and threading.current_thread().name == "judge" and event.split(".")[0] in ("open", "socket", "os"):
            found.append((event, arguments))

    def refuse(*arguments, **options):
        if threading.current_thread().name == "judge":
            found.append(arguments)
        return whole(*arguments, **options)

    sys.addaudithook(hook)
    whole = __import__("json").JSONEncoder.encode
    monkeypatch.setattr("json.JSONEncoder.encode", refuse)
    monkeypatch.setattr("goodpart_station.io_loop.IoLoop.wake", refuse_in_judge(found))
    site = Site(tmp_path)
    with site.running() as engine:
        found.clear()
        for seq in range(1, 6):
            engine.trigger(seq)
            site.camera.show(draw_small(seq))
            site.slots.next()
            assert found == []
    armed.clear()


def refuse_in_judge(found):
    whole = io_loop.IoLoop.wake

    def wake(self):
        if threading.current_thread().name == "judge":
            found.append("wake")
        whole(self)

    return wake


def test_systemd_gets_what_it_is_told(tmp_path, monkeypatch):
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        notify("READY=1")
        assert systemd.recv(100) == b"READY=1"
        for _ in range(1000):  # nobody reads: it goes on
            notify("WATCHDOG=1")
    notify("WATCHDOG=1")  # nobody is there: likewise
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify("WATCHDOG=1")


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [("30000000", "own", 30.0), ("30000000", "", 30.0), ("30000000", "1", None), ("0", "", None), ("", "", None)],
)
def test_the_watchdog_of_this_process_is_known(monkeypatch, usec, pid, expected):
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)
    assert watchdog_s() == expected
