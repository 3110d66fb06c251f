"""Pulses: which output is on, and until when. Times are milliseconds here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodpart_station.codes import PartVerdict
from goodpart_station.links.pulses import Output, Pulses, Told, pulse_of
from small_answers import answer

PASS, REJECT = Output.PASS, Output.REJECT
PULSE, GAP, DEADLINE = 50, 10, 100


class Wire:
    """Pulses, and what a wire shows of them."""

    def __init__(self):
        self.pulses, self.on, self.log = Pulses(pulse_ns=PULSE, gap_ns=GAP), None, []

    def hear(self, seq, output=None, *, at, deadline=None):
        self.pulses.hear(Told(seq, DEADLINE if deadline is None else deadline, output))
        return self.look(at)

    def look(self, at, *, slept=0):
        """What is on after one look at this time."""
        wanted = self.pulses.wanted(at)
        if wanted is not self.on:
            self.on = wanted
            self.log.append((at, wanted))
        self.pulses.switched(wanted, at + slept)
        return wanted


@pytest.fixture
def wire():
    return Wire()


def test_one_good_in_time_is_one_pulse(wire):
    assert wire.hear(1, at=0) is None
    assert wire.hear(1, PASS, at=40) is PASS
    assert wire.pulses.next_ns() == 40 + PULSE
    assert wire.look(89) is PASS
    assert wire.look(90) is None
    assert wire.pulses.next_ns() is None
    assert [wire.look(at) for at in (95, 200, 10_000)] == [None] * 3
    assert wire.pulses.missed == 0


@pytest.mark.parametrize("verdict", PartVerdict)
@pytest.mark.parametrize(("late", "simulated"), [(False, False), (True, False), (False, True), (True, True)])
def test_nothing_but_good_in_time_of_a_real_part_passes(verdict, late, simulated):
    found = pulse_of(answer(1, verdict=verdict, late=late, simulated=simulated))
    passes = verdict is PartVerdict.GOOD and not late and not simulated
    assert (found is PASS) is passes
    # every other answer is a reject; what comes after TIMEOUT is no answer
    assert (found is REJECT) is (not passes and not late)


def test_a_thread_that_comes_too_late_gives_no_pass(wire):
    assert wire.hear(1, PASS, at=DEADLINE + 1) is None
    assert wire.pulses.missed == 1
    assert wire.pulses.missed_why == "part 1 was GOOD and got no pulse: its deadline was over before its pulse"
    # TIMEOUT comes at the deadline, and is rejected all the same
    assert wire.hear(2, REJECT, at=DEADLINE + 2) is REJECT


def test_a_driver_that_sleeps_past_the_deadline_ends_the_pulse(wire):
    wire.pulses.hear(Told(1, DEADLINE, PASS))
    assert wire.look(DEADLINE, slept=1) is PASS
    assert wire.pulses.next_ns() == 0
    assert wire.look(DEADLINE + 1) is None
    assert wire.pulses.missed == 1


@pytest.mark.parametrize("output", [PASS, REJECT])
def test_the_next_part_ends_a_pulse(wire, output):
    assert wire.hear(1, output, at=0) is output
    assert wire.hear(2, at=1) is None
    assert wire.look(5) is None
    assert wire.pulses.missed == 0


def test_a_refused_part_ends_the_pulse_of_the_one_before(wire):
    assert wire.hear(1, PASS, at=0) is PASS
    # refused with its trigger, so that nobody says that it was taken
    assert wire.hear(2, REJECT, at=1) is None
    assert wire.look(2) is REJECT


def test_between_two_pulses_of_a_line_there_is_a_gap(wire):
    assert wire.hear(1, PASS, at=0) is PASS
    wire.pulses.hear(Told(2, DEADLINE))
    assert wire.hear(2, PASS, at=20) is None
    assert wire.pulses.next_ns() == 20 + GAP
    assert wire.look(29) is None
    assert wire.look(30) is PASS
    assert wire.look(79) is PASS
    assert wire.look(80) is None
    assert wire.log == [(0, PASS), (20, None), (30, PASS), (80, None)]
    assert wire.pulses.missed == 0


def test_a_deadline_that_ends_within_the_gap_gives_no_pass(wire):
    assert wire.hear(1, PASS, at=0) is PASS
    assert wire.hear(2, PASS, at=95) is None
    assert wire.pulses.next_ns() == 95 + GAP > DEADLINE
    assert wire.look(95 + GAP) is None
    assert wire.pulses.missed == 1


def test_a_part_gets_no_pulse_when_the_next_one_has_come(wire):
    wire.hear(1, at=0)
    wire.hear(2, at=10)
    assert wire.hear(1, PASS, at=20) is None
    assert wire.pulses.missed == 1
    assert wire.pulses.missed_why == "part 1 was GOOD and got no pulse: part 2 had come before its verdict"
    assert wire.hear(1, REJECT, at=21) is None
    assert wire.hear(2, PASS, at=30) is PASS
    assert wire.pulses.missed == 1


def test_a_pulse_that_waits_and_is_dropped_is_missed(wire):
    wire.pulses.hear(Told(1, DEADLINE, PASS))
    wire.pulses.drop("no chip")
    assert (wire.look(0), wire.pulses.missed) == (None, 1)
    assert wire.hear(2, PASS, at=1) is PASS
    wire.pulses.drop("no chip")
    assert (wire.look(2), wire.pulses.missed) == (None, 1)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 30),  # time that passes
        st.sampled_from(["announce", "good", "other", "look"]),
        st.integers(0, 2),  # how many parts back
        st.integers(0, 3),  # what switching takes
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_comes_each_pass_is_that_of_the_newest_part(steps):
    wire, now, newest, answered, passed = Wire(), 0, 0, {}, []
    began, off = None, -GAP
    for wait, what, back, slept in steps:
        now += wait
        if what == "announce":
            newest += 1
            wire.pulses.hear(Told(newest, now + 40))
        seq = newest - back
        if what in ("good", "other") and seq > 0 and seq not in answered:
            answered[seq] = (what, now + 40)
            wire.pulses.hear(Told(seq, answered[seq][1], PASS if what == "good" else REJECT))
        before = wire.on
        shown = wire.look(now, slept=slept)
        if shown is PASS and before is not PASS:
            assert answered[newest][0] == "good"
            assert now <= answered[newest][1]
            assert now >= off + GAP
            passed.append(newest)
            began = now + slept
        if shown is PASS and before is PASS:
            assert now < began + PULSE
            assert passed[-1] == newest
        if before is PASS and shown is not PASS:
            off = now + slept
        now += slept
    assert len(passed) == len(set(passed))
    goods = sum(what == "good" for what, _ in answered.values())
    waits = wire.pulses.next_ns() is not None and wire.on is not PASS
    assert len(passed) + wire.pulses.missed in range(goods - waits, goods + len(passed) + 1)
