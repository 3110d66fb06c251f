"""A whole station with outputs: which parts pass, and what it does when an output fails or hangs."""

import dataclasses
import errno
import logging
import threading

import pytest

from goodpart.errors import UsageError
from goodpart_station.codes import Command, PartVerdict, Reason, State
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.links.gpio import OUTPUTS, GpioLink
from goodpart_station.links.gpio_table import GpioTable
from goodpart_station.running import Plugs, started
from small_frames import draw_defect, draw_small
from small_gpio import small_chip
from station_parts import Site, until

PASS, GATE = 1, 2
LONG_MS, SHORT_MS = 60_000.0, 1.0


@pytest.fixture
def chip(monkeypatch):
    return small_chip(monkeypatch)


@pytest.fixture
def site(tmp_path, chip):
    """A station with an output, and a bundle that judges."""

    def make(**rules):
        made = Site(tmp_path, **rules)
        table = GpioTable(pass_line=PASS, reject_line="GATE", pulse_ms=LONG_MS, gap_ms=SHORT_MS)

        def plugs(engine):
            link = GpioLink(engine, table, consumer="goodpart line1")
            return Plugs(plc=[made.slots], sinks=[link, made.records], watchers=[link])

        made.plan = dataclasses.replace(made.plan, plugs=plugs)
        return made

    return make


def test_a_station_passes_good_parts_alone(site, chip):
    line1 = site(trigger=TriggerKind.NONE)
    with line1.running():
        assert [chip.next(), chip.next()] == [(PASS, False), (GATE, False)]
        line1.camera.show(draw_small(100))
        assert chip.next() == (PASS, True)
        line1.camera.show(draw_defect(101))
        assert [chip.next(), chip.next()] == [(PASS, False), (GATE, True)]
    assert chip.next() == (GATE, False)
    assert chip.holders == {}


@pytest.mark.parametrize("auto_reset", [False, True])
def test_an_output_that_fails_is_a_fault_until_it_is_back(site, chip, caplog, auto_reset):
    line1 = site(auto_reset=auto_reset)
    with line1.running() as engine:
        assert [chip.next(), chip.next()] == [(PASS, False), (GATE, False)]
        chip.broken = chip.shut = errno.EIO
        engine.trigger(1)
        line1.camera.show(draw_small(100))
        assert line1.slots.next().verdict is PartVerdict.GOOD
        until(lambda: engine.status().state is State.FAULT)
        assert "[plc.gpio]: expected " in engine.status().why
        until(lambda: "expected output lines of the GPIO chip" in engine.status().why)
        # the part was GOOD, and did not pass
        assert chip.told.empty()
        assert engine.command(Command.RESET, who="test") is Reason.NONE
        assert engine.status().state is State.FAULT
        engine.trigger(2)
        refused = line1.slots.next()
        assert (refused.verdict, refused.reason) == (PartVerdict.REFUSED, Reason.NOT_READY)
        chip.broken = chip.shut = None
        until(lambda: "the outputs can be switched again" in caplog.text)
        if not auto_reset:
            assert engine.status().state is State.FAULT
            assert engine.command(Command.RESET, who="test") is Reason.NONE
        until(lambda: engine.status().state is State.READY)
        engine.trigger(3)
        line1.camera.show(draw_small(102))
        assert chip.next() == (PASS, True)


def test_parts_in_hand_are_refused_when_an_output_fails(site, chip):
    line1 = site()
    with line1.running() as engine:
        engine.trigger(1)
        engine.outputs("the chip is gone")
        slot, result = line1.slots.next(), line1.records.next()
        assert (slot.seq, slot.verdict, result.detail) == (1, PartVerdict.REFUSED, "the chip is gone")
        assert engine.status().state is State.FAULT


def test_a_station_whose_line_is_busy_does_not_start(site, chip):
    chip.holders[PASS] = "heating"
    with pytest.raises(UsageError, match="held by heating"), started(site().plan):
        pass


def test_a_driver_that_hangs_delays_no_verdict(site, chip):
    line1 = site()
    with line1.running() as engine:
        assert [chip.next(), chip.next()] == [(PASS, False), (GATE, False)]
        chip.hang = threading.Event()
        for number in (1, 2, 3):
            engine.trigger(number)
            line1.camera.show(draw_small(100 + number))
            assert line1.slots.next().verdict is PartVerdict.GOOD
        # the pulse of part 1 has not come back yet
        assert chip.told.empty()
        until(lambda: OUTPUTS in engine.life.silent(0.5))
        chip.hang.set()
        until(lambda: chip.high[PASS])


@pytest.fixture(autouse=True)
def heard(caplog):
    caplog.set_level(logging.INFO, logger="goodpart_station.gpio")
