"""What must not depend on anybody's good behaviour: simulated sources, incomplete frames, signals in signals."""

import dataclasses
import sys
import threading
import time

import pytest

from goodpart import LiveInspector
from goodpart_station.codes import Bits, Command, PartVerdict, Reason, State
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.engine import Engine
from goodpart_station.judge import Judge
from goodpart_station.part import Frame
from goodpart_station.passed import Passed
from small_frames import draw_small
from station_parts import Camera, Site, part_of, small_store, until


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("goodpart.store.store.try_bundle", lambda folder, limits: None)


class Simulated(Camera):
    simulated = True


def test_a_source_that_says_simulated_passes_no_part_whatever_the_rules_say(tmp_path):
    site = Site(tmp_path)
    site.camera = Simulated()
    with site.running() as engine:
        engine.trigger(1)
        site.camera.show(draw_small(100))
        assert site.slots.next().verdict is PartVerdict.SIMULATED
        assert site.records.next().simulated
        assert engine.status().bits & Bits.SIMULATION


def test_an_incomplete_frame_is_unknown_where_frames_may_repeat_too(tmp_path):
    with LiveInspector(small_store(tmp_path / "store"), threads=1) as live:
        judge = Judge({1: live}, repeats=True)
        frame = Frame(pixels=draw_small(100), at_ns=time.monotonic_ns())
        torn = judge.look(part_of(1), dataclasses.replace(frame, complete=False))
        assert (torn.verdict, torn.reason) == (PartVerdict.UNKNOWN, Reason.UNFIT_FRAME)
        assert "incomplete frame" in torn.detail
        assert judge.look(part_of(2), frame).verdict is PartVerdict.GOOD


def test_a_signal_during_the_handler_of_a_signal_ends_the_station_too(tmp_path):
    """A handler runs wherever the judge just is, in another handler as well: any lock there would be held for ever."""
    site = Site(tmp_path, trigger=TriggerKind.NONE)
    engine = Engine(site.rules, products=lambda engine: None or _NoProducts(), source=lambda wanted: site.camera)
    nested = []

    def trace(frame, event, _):
        if not nested or nested[-1] != (frame.f_code, frame.f_lineno):
            nested.append((frame.f_code, frame.f_lineno))
            sys.settrace(None)
            engine.stop()
            sys.settrace(trace)
        return trace

    def end():
        sys.settrace(trace)
        engine.stop()
        sys.settrace(None)

    thread = threading.Thread(target=end, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert nested
    assert engine.is_over()


class _NoProducts:
    def get(self, number):
        return None


class Unplugged(Camera):
    """Its SDK raises, where a source should say that it is lost."""

    def trigger(self, part):
        raise ZeroDivisionError


def test_what_cannot_be_carried_out_ends_the_station(tmp_path):
    """A part, a change-over or a judgement would be forgotten, and the station would go on as if it had been done."""
    site = Site(tmp_path, deadline_ns=1_000_000_000)
    site.camera = Unplugged()
    with site.running() as engine:
        with pytest.raises(ZeroDivisionError):
            engine.trigger(1)
        until(lambda: site.failure is not None, within_s=20)
    assert isinstance(site.failure, ZeroDivisionError)


def test_a_station_that_ends_cannot_be_reset(tmp_path):
    """A PLC that resets whatever it finds halted would have parts taken that nobody judges any more."""
    site = Site(tmp_path)
    with site.running() as engine:
        engine.trigger(1)
        site.camera.triggers.get(timeout=60)
        engine.stop()
        until(lambda: engine.status().state is State.HALTED)
        assert engine.command(Command.RESET, who="plc") is Reason.NOT_READY
        assert engine.status().state is State.HALTED
        site.camera.show(draw_small(100))
        assert site.slots.next().verdict is PartVerdict.GOOD


def test_a_camera_that_freezes_while_nothing_is_judged_passes_no_part_afterwards(tmp_path):
    site = Site(tmp_path, trigger=TriggerKind.NONE)
    with site.running() as engine:
        engine.command(Command.HALT, who="test")
        site.camera.show(draw_small(100))
        assert site.records.next().reason is Reason.NOT_READY
        engine.command(Command.RESET, who="test")
        site.camera.show(draw_small(100))
        frozen = site.records.next()
        assert (frozen.verdict, frozen.reason) == (PartVerdict.UNKNOWN, Reason.FROZEN_CAMERA)
        site.camera.show(draw_small(101))
        assert site.records.next().verdict is PartVerdict.GOOD


def test_frames_that_were_not_judged_are_told_once_and_a_frame_never_to_itself():
    passed = Passed()
    waiting, stray, judged, later = (Frame(pixels=draw_small(seed), at_ns=seed) for seed in range(4))
    for frame in (waiting, stray, judged):
        passed.arrived(frame)
    assert passed.before(judged) == (stray,)
    assert passed.before(waiting) == ()
    passed.arrived(later)
    assert passed.before(later) == ()
