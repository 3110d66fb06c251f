"""Alarms: each comes once, keeps its beginning, and goes; the reporter turns them into messages."""

import dataclasses
import threading

import pytest

from goodpart.drift import DriftAlarm, DriftPhase, DriftState
from goodpart_station.codes import Bits, State
from goodpart_station.sinks.alarms import QUIET_NS, AlarmBoard, AlarmKind
from goodpart_station.sinks.reporter import STATS_EVERY_S, Reporter
from small_answers import BUNDLE
from still_line import IDLE, StillLine

DARKER = DriftAlarm(frame=5507, since=5212, statistic="grey", direction="lower")
DRIFT = DriftState(
    phase=DriftPhase.ALARM, evidence=1.2, statistic="grey", since=5212, direction="lower", blocks=19, block=16,
    frames=5507, unfit=0, unmeasured=0, watched=("grey",), alarms=(DARKER,), remarks=(),
)  # fmt: skip


def status(**facts):
    return dataclasses.replace(IDLE, **facts)


def look(board, now=IDLE, *, drift=None, dropped=None, at=0):
    return board.look(now, drift, dropped or {}, now_ns=at * 10**9, at=1000.0 + at)


@pytest.mark.parametrize(
    ("now", "kind", "words"),
    [
        (status(state=State.FAULT, why="no frame for 2 s"), AlarmKind.FAULT, "no frame for 2 s"),
        (status(state=State.FAULT), AlarmKind.FAULT, "the station takes no parts"),
        (status(state=State.OUT_OF_STEP, why="a frame without trigger"), AlarmKind.OUT_OF_STEP, "a frame without"),
        (status(bits=Bits.PLC_LOST), AlarmKind.PLC_LOST, "heartbeat"),
        (status(bits=Bits.DRIFT), AlarmKind.DRIFT, "darker since frame 5,212: lamp, exposure or dirt?"),
        (status(bits=Bits.DISK_FULL), AlarmKind.DISK_FULL, "the disk takes no more images"),
        (status(bits=Bits.RING_DROPS), AlarmKind.DROPS, "should go to ring"),
    ],
)
def test_each_alarm_comes_once_and_goes_once(now, kind, words):
    board = AlarmBoard()
    assert look(board) == ()
    (come,) = look(board, now, drift=DRIFT, at=1)
    assert (come.kind, come.is_active, come.since) == (kind, True, 1001.0)
    assert words in come.words
    assert look(board, now, drift=DRIFT, at=2) == ()
    assert board.active == (come,)
    (gone,) = look(board, at=2 + QUIET_NS // 10**9)
    assert gone == dataclasses.replace(come, is_active=False)
    assert board.active == ()


def test_what_is_no_alarm_gives_none():
    others = Bits.OVERRUN | Bits.SIMULATION | Bits.THRESHOLD_CHANGED | Bits.CLOCK_UNSYNCED
    board = AlarmBoard()
    for state in (State.STARTING, State.INITIALIZED, State.READY, State.BUSY, State.HALTED):
        assert look(board, status(state=state, bits=others), drift=DRIFT) == ()


def test_other_words_are_told_and_the_beginning_stays():
    board = AlarmBoard()
    look(board, status(state=State.FAULT, why="one"), at=1)
    (again,) = look(board, status(state=State.FAULT, why="two"), at=2)
    assert (again.words, again.since, again.is_active) == ("two", 1001.0, True)


def test_drops_are_an_alarm_until_a_minute_has_passed_without_one():
    board, quiet = AlarmBoard(), QUIET_NS // 10**9
    assert look(board, dropped={"mqtt": 0, "webhook": 0}) == ()
    (come,) = look(board, dropped={"mqtt": 2, "webhook": 0}, at=1)
    assert come.kind is AlarmKind.DROPS and "mqtt;" in come.words
    assert look(board, dropped={"mqtt": 5, "webhook": 0}, at=2) == ()
    (more,) = look(board, dropped={"mqtt": 5, "webhook": 1}, at=3)
    assert "mqtt, webhook;" in more.words
    assert look(board, dropped={"mqtt": 5, "webhook": 1}, at=1 + quiet) == ()
    (fewer,) = look(board, dropped={"mqtt": 5, "webhook": 1}, at=2 + quiet)
    assert "to webhook;" in fewer.words and fewer.is_active
    (gone,) = look(board, dropped={"mqtt": 5, "webhook": 1}, at=3 + quiet)
    assert not gone.is_active


def test_several_alarms_come_at_once():
    board = AlarmBoard()
    found = look(board, status(state=State.FAULT, bits=Bits.PLC_LOST | Bits.DISK_FULL))
    assert [each.kind for each in found] == [AlarmKind.FAULT, AlarmKind.PLC_LOST, AlarmKind.DISK_FULL]


class Heard:
    """What an announcer was told."""

    def __init__(self):
        self.states, self.alarms, self.figures = [], [], []
        self.tell_state, self.tell_alarm, self.tell_stats = self.states.append, self.alarms.append, self.figures.append


@pytest.fixture
def line():
    return StillLine()


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def reporter(line, heard):
    return Reporter(line, [heard], sinks=[], station="line1", boot="b00t", stats=lambda: {"parts": {"GOOD": 3}})


def test_a_state_is_told_when_it_changes_and_a_part_in_hand_is_no_change(reporter, line, heard):
    for second, state in enumerate([State.READY, State.BUSY, State.READY, State.HALTED]):
        line.now = status(state=state, bits=Bits.DRIFT | Bits.OVERRUN, heartbeat=second, accepted_seq=second)
        reporter.look(now_ns=second * 10**9, at=1_700_000_000.5 + second)
    assert heard.states == [
        {
            "v": 1, "station": "line1", "boot": "b00t", "state": state, "bits": ["OVERRUN", "DRIFT"], "product": 1,
            "bundle": BUNDLE, "why": "", "at": at,
        }
        for state, at in [("READY", "2023-11-14T22:13:20.500Z"), ("HALTED", "2023-11-14T22:13:23.500Z")]
    ]  # fmt: skip


def test_an_alarm_is_told_with_its_beginning_and_its_end(reporter, line, heard, caplog):
    line.now = status(state=State.FAULT, why="no frame")
    reporter.look(now_ns=0, at=1_700_000_000.0)
    line.now = IDLE
    reporter.look(now_ns=10**9, at=1_700_000_001.0)
    head = {"v": 1, "station": "line1", "boot": "b00t", "alarm": "FAULT", "words": "no frame"}
    since = "2023-11-14T22:13:20.000Z"
    assert heard.alarms == [
        head | {"active": True, "since": since, "at": since},
        head | {"active": False, "since": since, "at": "2023-11-14T22:13:21.000Z"},
    ]
    assert "alarm FAULT: no frame" in caplog.text


def test_drops_of_a_sink_are_an_alarm(line, heard):
    class Sink:
        name, dropped = "mqtt", 0

    sink = Sink()
    reporter = Reporter(line, [heard], sinks=[sink], station="line1", boot="b00t")
    reporter.look(now_ns=0, at=0.0)
    sink.dropped = 7
    reporter.look(now_ns=10**9, at=1.0)
    assert [each["alarm"] for each in heard.alarms] == ["DROPS"]
    assert [each.kind for each in reporter.alarms] == [AlarmKind.DROPS]


def test_figures_are_told_each_minute(reporter, heard):
    minute = round(STATS_EVERY_S * 1e9)
    for now_ns in (0, minute - 1, minute, minute + 10**9, 2 * minute):
        reporter.look(now_ns=now_ns, at=0.0)
    assert [each["parts"] for each in heard.figures] == [{"GOOD": 3}] * 2


def test_its_thread_ends(reporter):
    reporter.start()
    reporter.close()
    assert not reporter._thread.is_alive()


def test_a_look_that_fails_is_told_once_and_the_next_one_comes(line, heard, caplog):
    failures = iter([ValueError("no such thing"), ValueError("no such thing")])
    looked = threading.Event()

    class Sink:
        name = "mqtt"

        @property
        def dropped(self):
            for failure in failures:
                raise failure
            looked.set()
            return 0

    reporter = Reporter(line, [heard], sinks=[Sink()], station="line1", boot="b00t", every_s=0.001)
    reporter.start()
    assert looked.wait(30)
    reporter.close()
    assert caplog.text.count("could not be told") == 1
