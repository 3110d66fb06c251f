"""The engine: what the conductor asks for is done, in order, and nothing that hangs keeps the judge from judging."""

import dataclasses
import queue
import threading

import pytest

from goodpart import Inspector
from goodpart_station.codes import Bits, Command, PartVerdict, Reason, State
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.running import Plugs
from goodpart_station.sources.source import SourceLostError
from small_frames import draw_defect, draw_small
from station_parts import BUNDLE, Site, until


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Loading without the child process of the self-test, which `test_products` has."""
    monkeypatch.setattr("goodpart.store.store.try_bundle", lambda folder, limits: None)


def test_a_trigger_exposes_and_its_frame_is_answered(tmp_path):
    site = Site(tmp_path)
    with site.running() as engine:
        assert site.slots.is_open
        for seq, pixels in ((7, draw_small(100)), (8, draw_defect(101))):
            engine.trigger(seq, part_id=4711)
            part = site.camera.triggers.get(timeout=60)
            assert (part.plc_seq, part.part_id, part.product) == (seq, 4711, 1)
            assert site.slots.told.get(timeout=60).verdict is PartVerdict.NONE
            frame = site.camera.show(pixels)
            slot, result = site.slots.next(), site.records.next()
            assert (slot.seq, slot.product, slot.verdict) == (seq, 1, (PartVerdict.GOOD, PartVerdict.DEFECT)[seq - 7])
            assert slot.score_millisigmas == round(Inspector.load(BUNDLE, threads=1).inspect(pixels).score * 1000)
            assert (result.part, result.frame, result.late, result.product) == (part, frame, False, "bar")
            assert result.inspection.verdict.value == slot.verdict.name
            assert result.ms["total"] >= result.ms["embed"] > 0
            assert site.camera.finished.get(timeout=60) is frame
        status = engine.status()
        assert (status.state, status.accepted_seq, status.result_seq, status.good_total) == (State.READY, 8, 8, 1)
        assert status.bundle == site.stores[1].state.active
    assert not site.slots.is_open


def test_a_deadline_passes_and_the_late_verdict_never_reaches_the_slot(tmp_path, monkeypatch):
    site = Site(tmp_path, deadline_ns=2_000_000_000)
    hang, hangs = threading.Event(), threading.Event()
    inspect = Inspector._inspect

    def slow(self, frame, seen):
        if threading.current_thread().name == "judge":
            hangs.set()
            assert hang.wait(60)
        return inspect(self, frame, seen)

    with site.running() as engine:
        monkeypatch.setattr(Inspector, "_inspect", slow)
        engine.trigger(1)
        site.camera.show(draw_small(100))
        assert hangs.wait(60)
        slot, result = site.slots.next(), site.records.next()
        assert (slot.seq, slot.verdict, slot.reason) == (1, PartVerdict.TIMEOUT, Reason.DEADLINE)
        assert not result.late
        hang.set()
        late = site.records.next()
        assert (late.late, late.inspection.verdict.value) == (True, "GOOD")
        assert site.slots.told.empty()


def test_without_triggers_every_frame_is_a_part(tmp_path):
    site = Site(tmp_path, trigger=TriggerKind.NONE)
    with site.running():
        for seed in (100, 101):
            site.camera.show(draw_small(seed), name=f"{seed}.npy")
        results = [site.records.next() for _ in range(2)]
    assert [(one.part.seq, one.frame.name, one.verdict) for one in results] == [
        (1, "100.npy", PartVerdict.GOOD),
        (2, "101.npy", PartVerdict.GOOD),
    ]
    assert site.slots.told.empty()


def test_a_simulation_says_so(tmp_path):
    site = Site(tmp_path, simulated=True)
    with site.running() as engine:
        engine.trigger(1)
        site.camera.show(draw_small(100))
        assert site.slots.next().verdict is PartVerdict.SIMULATED
        result = site.records.next()
        assert (result.simulated, result.inspection.verdict.value) == (True, "GOOD")
        assert engine.status().bits & Bits.SIMULATION


def test_a_lost_source_is_a_fault_and_comes_back(tmp_path):
    site = Site(tmp_path)
    with site.running() as engine:
        site.camera.box.put(SourceLostError("camera: expected an answer, found none"))
        until(lambda: engine.status().state is State.FAULT)
        assert "expected an answer" in engine.status().why
        # opened again, it has another fault
        site.camera.box.put(SourceLostError("camera: expected Mono8, found RGB8"))
        until(lambda: "found RGB8" in engine.status().why)
        engine.trigger(1)
        assert site.slots.next().verdict is PartVerdict.REFUSED
        until(lambda: engine.status().state is State.READY)
        engine.trigger(2)
        site.camera.show(draw_small(100))
        assert site.slots.next().verdict is PartVerdict.GOOD


def test_what_ends_the_source_ends_the_station(tmp_path):
    site = Site(tmp_path)
    with site.running():
        site.camera.box.put(ZeroDivisionError())
        until(lambda: site.failure is not None)
    assert isinstance(site.failure, ZeroDivisionError)


def test_another_product_is_judged_after_its_change_over(tmp_path):
    site = Site(tmp_path, products=2)
    with site.running() as engine:
        engine.trigger(1, product=2)
        assert site.slots.next().reason is Reason.PRODUCT_NOT_READY
        assert engine.command(Command.PREPARE, product=9, who="plc") is Reason.PRODUCT_NOT_READY
        assert engine.command(Command.PREPARE, product=2, who="plc") is Reason.NONE
        until(lambda: engine.status().state is State.READY)
        assert engine.status().product == 2
        engine.trigger(2, product=2)
        site.camera.show(draw_small(100))
        slot = site.slots.next()
        assert (slot.seq, slot.product, slot.verdict) == (2, 2, PartVerdict.GOOD)


def test_a_damaged_bundle_is_a_fault_and_mending_it_ends_it(tmp_path):
    site = Site(tmp_path)
    path = site.stores[1].path(site.stores[1].state.active) / "bank.npy"
    whole = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(b"rot")
    with site.running() as engine:
        assert engine.status().state is State.FAULT
        assert "bank.npy" in engine.status().why
        engine.trigger(1)
        assert site.slots.next().verdict is PartVerdict.REFUSED
        path.write_bytes(whole)
        assert engine.command(Command.RESET, who="plc") is Reason.NONE
        until(lambda: engine.status().state is State.READY)


def test_commands_that_cannot_be_done_say_why(tmp_path, caplog):
    caplog.set_level("INFO")
    site = Site(tmp_path)
    with site.running() as engine:
        assert engine.command(99, who="plc") is Reason.UNKNOWN_COMMAND
        assert engine.command(Command.HALT, who="anna") is Reason.NONE
        assert engine.status().state is State.HALTED
        engine.trigger(1)
        assert site.slots.next().reason is Reason.NOT_READY
        assert engine.command(Command.RESET, who="anna") is Reason.NONE
        until(lambda: engine.status().state is State.READY)
    assert "plc: 99, refused: UNKNOWN_COMMAND" in caplog.text
    assert "anna: HALT" in caplog.text


def test_the_end_waits_for_the_parts_in_hand(tmp_path):
    site = Site(tmp_path)
    with site.running() as engine:
        engine.trigger(1)
        site.camera.triggers.get(timeout=60)
        engine.stop()
        until(lambda: engine.status().state is State.HALTED)
        engine.trigger(2)
        assert site.slots.next().seq == 2  # refused
        site.camera.show(draw_small(100))
        slot = site.slots.next()
        assert (slot.seq, slot.verdict) == (1, PartVerdict.GOOD)


def test_a_link_is_told_the_number_and_each_step_of_a_part(tmp_path):
    site, steps = Site(tmp_path), Steps()
    site.plan = dataclasses.replace(
        site.plan, plugs=lambda engine: Plugs(plc=[site.slots], watchers=[steps], sinks=[site.records])
    )
    with site.running() as engine:
        first = engine.trigger(None)
        assert steps.told.get(timeout=60) == ("taken", first)
        refused = engine.trigger(5)
        assert engine.trigger(5) is None
        assert site.records.next().part.seq == refused == first + 1
        site.camera.show(draw_small(100))
        assert steps.told.get(timeout=60) == ("acquired", first)
        assert site.records.next().part.seq == first
        assert steps.told.empty()


class Steps:
    """A watcher that keeps what it is told."""

    def __init__(self):
        self.told = queue.SimpleQueue()

    def taken(self, part):
        self.told.put(("taken", part.seq))

    def acquired(self, part):
        self.told.put(("acquired", part.seq))
