"""Outputs of the PC: what wires show. gpiod is real, its chip is in memory: this was not run on hardware."""

import dataclasses
import errno
import logging
import sys
import threading
import time

import pytest

from goodpart.errors import MissingExtraError, UsageError
from goodpart_station.codes import PartVerdict, Reason, State
from goodpart_station.life import Life
from goodpart_station.links.gpio import OUTPUTS, GpioLink
from goodpart_station.links.gpio_table import GpioTable
from small_answers import answer
from small_gpio import small_chip
from small_line import SmallLine
from station_parts import part_of, until

PASS, GATE, READY = 1, 2, 3
LONG_MS, SHORT_MS = 60_000.0, 1.0


class Line(SmallLine):
    """A station that hears of its outputs."""

    def __init__(self):
        super().__init__()
        self.life, self.told = Life(()), []

    def outputs(self, why):
        self.told.append(why)


@pytest.fixture
def chip(monkeypatch):
    return small_chip(monkeypatch)


@pytest.fixture
def line():
    return Line()


@pytest.fixture
def link_of(line, chip):
    """Makes a link that holds its lines; in the end all of them are closed."""
    made = []

    def make(**changes):
        table = GpioTable(**{"pass_line": PASS, "pulse_ms": LONG_MS, "gap_ms": SHORT_MS, **changes})
        link = GpioLink(line, table, consumer="goodpart line1")
        made.append(link)
        link.start()
        return link

    yield make
    for link in made:
        link.close()


def good(part, **changes):
    return answer(part.seq, part=part, **changes)


def test_every_line_is_off_first_of_all(link_of, chip):
    chip.high[PASS] = chip.high[GATE] = True
    link_of(reject_line="GATE")
    assert [chip.next(), chip.next()] == [(PASS, False), (GATE, False)]
    assert chip.holders == {PASS: "goodpart line1", GATE: "goodpart line1"}


@pytest.mark.parametrize("active_low", [False, True])
def test_one_good_is_one_pulse_which_ends_by_itself(link_of, chip, active_low):
    link = link_of(pulse_ms=SHORT_MS, active_low=active_low)
    assert chip.next() == (PASS, active_low)
    part = part_of(1)
    link.taken(part)
    link.acquired(part)
    link.put(good(part))
    assert [chip.next(), chip.next()] == [(PASS, not active_low), (PASS, active_low)]
    link.put(good(part_of(2)))
    assert chip.next() == (PASS, not active_low)
    # all by one thread, because gpiod is not thread-safe
    assert chip.threads == {OUTPUTS}
    assert link.dropped == 0


def test_the_next_part_ends_a_pulse_at_once(link_of, chip):
    link = link_of()
    first, second = part_of(1), part_of(2)
    link.put(good(first))
    assert [chip.next(), chip.next()] == [(PASS, False), (PASS, True)]
    link.taken(second)
    assert chip.next() == (PASS, False)
    # two that come closer than a pulse is long: off in between
    link.put(good(second))
    third = part_of(3)
    assert chip.next() == (PASS, True)
    link.acquired(third)
    link.put(good(third))
    assert [chip.next(), chip.next()] == [(PASS, False), (PASS, True)]


def test_what_is_not_good_is_a_pulse_of_the_other_line(link_of, chip):
    link = link_of(reject_line="GATE")
    assert [chip.next(), chip.next()] == [(PASS, False), (GATE, False)]
    for seq, changes in enumerate(
        (
            {"score": 9.0},
            {"score": None},
            {"verdict": PartVerdict.TIMEOUT, "reason": Reason.DEADLINE},
            {"verdict": PartVerdict.SIMULATED, "simulated": True},
            {"verdict": PartVerdict.UNKNOWN},
        ),
        start=1,
    ):
        link.put(answer(seq, part=part_of(seq), **changes))
        assert chip.next() == (GATE, True)
        link.taken(part_of(seq + 1))
        assert chip.next() == (GATE, False)
    # the verdict that came after TIMEOUT
    link.put(answer(6, part=part_of(6), late=True))
    link.put(good(part_of(7)))
    assert chip.next() == (PASS, True)


def test_a_verdict_whose_deadline_is_over_gives_no_pass(link_of, chip, caplog):
    link = link_of()
    late = dataclasses.replace(part_of(1), deadline_ns=time.monotonic_ns() - 1)
    link.put(good(late))
    until(lambda: link.dropped == 1)
    link.put(good(part_of(2)))
    assert [chip.next(), chip.next()] == [(PASS, False), (PASS, True)]
    until(lambda: "part 1 was GOOD and got no pulse: its deadline was over" in caplog.text)


def test_ready_follows_the_state_and_the_heartbeat(link_of, chip, line, monkeypatch):
    line.show(state=State.STARTING)
    link_of(ready_line=READY)
    assert [chip.next(), chip.next()] == [(PASS, False), (READY, False)]
    line.show(state=State.BUSY, heartbeat=1)
    assert chip.next() == (READY, True)
    line.show(state=State.FAULT, heartbeat=2)
    assert chip.next() == (READY, False)
    line.show(state=State.READY, heartbeat=3)
    assert chip.next() == (READY, True)
    # source or judge hang: nothing counts any more
    assert chip.next() == (READY, False)


def test_in_the_end_every_line_is_off_and_free(link_of, chip):
    link = link_of(reject_line="GATE")
    link.put(good(part_of(1)))
    assert [chip.next(), chip.next(), chip.next()] == [(PASS, False), (GATE, False), (PASS, True)]
    link.close()
    assert chip.next() == (PASS, False)
    assert chip.holders == {}


def test_a_thread_that_fails_leaves_every_line_off(link_of, chip, line, caplog):
    link = link_of()
    link.put(good(part_of(1)))
    assert [chip.next(), chip.next()] == [(PASS, False), (PASS, True)]
    line.status = None
    assert chip.next() == (PASS, False)
    until(lambda: line.told != [])
    assert line.told[0].startswith("[plc.gpio]: expected outputs that can be switched, found TypeError")
    assert chip.holders == {}


def test_a_driver_that_hangs_is_noticed(link_of, chip, line):
    """The heartbeat rests then, and systemd hears nothing more: both look at the same signs of life."""
    link = link_of()
    until(lambda: line.life.silent(0.05) == [])
    chip.hang = threading.Event()
    link.put(good(part_of(1)))
    until(lambda: line.life.silent(1.0) == [OUTPUTS])
    chip.hang.set()
    until(lambda: line.life.silent(0.2) == [])


@pytest.mark.parametrize(
    ("changes", "shut", "words"),
    [
        ({"chip": "/dev/gpiochip7"}, None, "/dev/gpiochip7, found: No such file or directory; correct its name"),
        ({}, errno.EACCES, "found: Permission denied; give the station's user access, by a udev rule"),
        ({}, errno.EPERM, "found: Operation not permitted; a service needs DeviceAllow= for it"),
        ({}, errno.ENODEV, "found: No such device; name a GPIO chip (gpiodetect lists them)"),
        ({"pass_line": 8}, None, "pass_line: expected a line of /dev/gpiochip0, which has lines 0 to 7, found 8;"),
        ({"pass_line": "GAET"}, None, "pass_line: expected a line of /dev/gpiochip0, which has lines 0 to 7, found 'G"),
        ({"pass_line": 2, "reject_line": "GATE"}, None, "reject_line: expected a line of its own, found 'GATE' again"),
    ],
)
def test_what_cannot_be_held_is_one_line_at_the_start(link_of, chip, changes, shut, words):
    chip.shut = shut
    with pytest.raises(UsageError, match=r"plc\.gpio") as error:
        link_of(**changes)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert chip.holders == {}


def test_a_line_that_another_program_holds_is_named(link_of, chip):
    chip.holders[PASS] = "heating"
    with pytest.raises(UsageError, match="found: line 1 held by heating; another program, or a station that runs"):
        link_of()


def test_without_gpiod(line, monkeypatch):
    monkeypatch.setitem(sys.modules, "gpiod", None)
    with pytest.raises(MissingExtraError, match=r"goodpart-station\[gpio\]"):
        GpioLink(line, GpioTable(pass_line=1), consumer="goodpart line1")


@pytest.fixture(autouse=True)
def heard(caplog):
    caplog.set_level(logging.INFO, logger="goodpart_station.gpio")
