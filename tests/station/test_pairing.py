"""Which frame is whose: in step, in doubt, and in step again."""

import pytest

from goodpart_station.codes import Bits, Command
from goodpart_station.conductor.rules import TriggerKind
from line_schedule import AFTER, BEFORE, DEADLINE, MS, RESYNC, SPACING
from small_conductor import Desk

TICK = 1 / MS
"""One nanosecond."""


@pytest.fixture
def soft():
    return Desk(TriggerKind.SOFTWARE)


@pytest.fixture
def hard():
    return Desk(TriggerKind.HARDWARE)


# software trigger


def test_one_exposure_at_a_time(soft):
    soft.trigger(1, 0)
    # a picture that is taken later would show another place of the belt
    assert soft.trigger(2, 10) == ["2 REFUSED OVERRUN"]
    assert soft.conductor.bits == Bits.OVERRUN
    assert soft.frame("a", 20) == ["judge 1 by a"]
    assert soft.trigger(3, 30) == ["take 3", "expose 3"]
    assert soft.frame("b", 40) == ["judge 3 by b"]
    assert soft.judged(1, 50) == ["1 GOOD"]
    assert soft.judged(3, 60) == ["3 GOOD"]


def test_a_frame_that_nobody_asked_for(soft):
    soft.trigger(1, 0)
    soft.frame("a", 20)
    assert soft.frame("b", 30) == ["1 REFUSED OUT_OF_STEP"]
    assert (soft.state, soft.conductor.why) == ("OUT_OF_STEP", "a frame that no exposure asked for")
    assert soft.judged(1, 40) == []
    assert soft.trigger(2, 50) == ["2 REFUSED OUT_OF_STEP"]


def test_a_frame_that_is_older_than_its_trigger(soft):
    soft.trigger(1, 100)
    assert soft.frame("a", 110, taken=100 - TICK) == ["1 REFUSED OUT_OF_STEP"]
    soft.tick(110 + RESYNC + TICK)
    soft.trigger(2, 300)
    assert soft.frame("b", 300) == ["judge 2 by b"]


def test_a_frame_of_another_exposure(soft):
    """A source that knows which trigger a frame followed says so, and the number of the part must be that."""
    soft.trigger(1, 0)
    assert soft.frame("a", 20, asked_by=1) == ["judge 1 by a"]
    soft.trigger(2, 30)
    assert soft.frame("b", 40, asked_by=1) == ["1 REFUSED OUT_OF_STEP", "2 REFUSED OUT_OF_STEP"]
    assert soft.conductor.why == "a frame of another exposure"


def test_a_frame_that_followed_no_exposure(soft):
    soft.trigger(1, 0)
    assert soft.frame("a", 20, asked_by=0) == ["1 REFUSED OUT_OF_STEP"]


def test_an_exposure_without_a_frame(soft):
    soft.trigger(1, 0)
    assert soft.wakeup == AFTER + TICK
    assert soft.tick(AFTER) == []
    assert soft.tick(AFTER + TICK) == ["1 REFUSED OUT_OF_STEP"]
    assert soft.effects[0].detail == (
        "an exposure without a frame within 100 ms; raise pair_after_ms, or look at the camera: goodpart-station check "
        "tries it"
    )
    # it may still come, and must not be the next part's
    assert soft.command(Command.RESYNC, AFTER + 1) == ("NONE", [])
    assert soft.trigger(2, AFTER + 2) == ["2 REFUSED OUT_OF_STEP"]
    assert soft.frame("a", AFTER + 3) == []
    assert soft.wakeup == AFTER + 3 + RESYNC + TICK
    soft.tick(soft.wakeup)
    assert soft.trigger(3, 300) == ["take 3", "expose 3"]


def test_refused_triggers_take_no_picture_and_do_not_delay(soft):
    soft.trigger(1, 0)
    soft.tick(AFTER + 1)
    soft.trigger(2, RESYNC - 1)
    assert soft.trigger(3, RESYNC + 1) == ["take 3", "expose 3"]


def test_an_exposure_outlives_the_deadline_of_its_part():
    desk = Desk(TriggerKind.SOFTWARE, deadline_ns=50 * MS)
    desk.trigger(1, 0)
    assert desk.tick(50) == ["1 TIMEOUT DEADLINE"]
    assert desk.effects[0].detail == "no frame within 50 ms"
    assert desk.trigger(2, 60) == ["2 REFUSED OVERRUN"]
    assert desk.frame("a", 70) == []
    assert desk.trigger(3, 80) == ["take 3", "expose 3"]


@pytest.mark.parametrize("kind", [TriggerKind.SOFTWARE, TriggerKind.HARDWARE])
def test_a_gap_in_the_cameras_numbers(kind):
    desk = Desk(kind)
    desk.trigger(1, 0)
    assert desk.frame("a", 10, id=65534) == ["judge 1 by a"]
    desk.judged(1, 60)
    desk.trigger(2, 200)
    assert desk.frame("b", 210, id=65535) == ["judge 2 by b"]
    desk.judged(2, 260)
    # counters of 16 bits begin again
    desk.trigger(3, 400)
    assert desk.frame("c", 410, id=0) == ["judge 3 by c"]
    desk.judged(3, 460)
    desk.trigger(4, 600)
    assert desk.frame("e", 610, id=2) == ["4 REFUSED OUT_OF_STEP"]
    # the gap is known, and not told again
    desk.tick(610 + RESYNC + TICK)
    desk.trigger(5, 800)
    assert desk.frame("f", 810, id=3) == ["judge 5 by f"]


@pytest.mark.parametrize("kind", [TriggerKind.SOFTWARE, TriggerKind.HARDWARE])
def test_a_frame_that_comes_again_long_after(kind):
    desk = Desk(kind)
    desk.trigger(1, 0)
    desk.frame("a", 10, id=1)
    desk.frame("a", 20, id=1)
    desk.tick(20 + RESYNC + TICK)
    desk.trigger(2, 400)
    assert desk.frame("a", 410, id=1) == ["2 REFUSED OUT_OF_STEP"]
    # a camera that was opened again counts anew
    desk.lose(500)
    desk.source(600)
    desk.command(Command.RESET, 600)
    desk.tick(800)
    desk.trigger(3, 1000)
    assert desk.frame("b", 1010, id=1) == ["judge 3 by b"]


def test_a_copy_of_an_old_frame_is_no_later_parts_either(hard):
    hard.trigger(1, 0)
    hard.frame("a", 10, id=1)
    hard.judged(1, 60)
    hard.frame("a", 200, id=1)
    # the PLC says that no frame of an earlier part can come, but one lies there
    hard.command(Command.RESYNC, 210)
    assert hard.trigger(2, 220) == ["take 2", "2 REFUSED OUT_OF_STEP"]


# hardware trigger


def test_a_frame_may_come_before_its_trigger(hard):
    assert hard.frame("a", 100) == []
    assert hard.trigger(1, 100 + BEFORE) == ["take 1", "judge 1 by a"]
    hard.judged(1, 200)
    assert hard.trigger(2, 400) == ["take 2"]
    assert hard.frame("b", 400 + AFTER) == ["judge 2 by b"]


def test_a_window_ends(hard):
    hard.trigger(1, 0)
    hard.frame("a", 10)
    hard.judged(1, 60)
    # beyond the window of part 1, and within that of part 2
    assert hard.frame("b", 200 - BEFORE) == []
    assert hard.trigger(2, 200) == ["take 2", "judge 2 by b"]
    hard.judged(2, 260)
    # and before the window of part 3
    hard.frame("c", 400 - BEFORE - TICK)
    assert hard.trigger(3, 400) == ["3 REFUSED OUT_OF_STEP"]


def test_the_answer_waits_until_no_other_trigger_can_claim_the_frame(hard):
    hard.trigger(1, 0)
    hard.frame("a", 10)
    assert hard.wakeup == 10 + BEFORE + TICK
    assert hard.judged(1, 20) == []
    # the judge makes nothing due earlier: nobody need wake the timer
    assert hard.wakeup == 10 + BEFORE + TICK
    assert hard.tick(10 + BEFORE) == []
    assert hard.tick(10 + BEFORE + TICK) == ["1 GOOD"]
    hard.trigger(2, 200)
    hard.frame("b", 210)
    hard.tick(210 + BEFORE + TICK)
    assert hard.wakeup == 200 + DEADLINE
    # a judge that takes longer waits for nothing
    assert hard.judged(2, 210 + BEFORE + TICK) == ["2 GOOD"]


def test_an_answer_that_waits_can_time_out():
    desk = Desk(TriggerKind.HARDWARE, deadline_ns=30 * MS)
    desk.trigger(1, 0)
    desk.frame("a", 10)
    desk.judged(1, 20)
    assert desk.tick(200) == ["1 TIMEOUT DEADLINE"]
    assert desk.state == "READY"


def test_two_triggers_for_one_frame(hard):
    hard.trigger(1, 0)
    hard.frame("a", 60)
    hard.judged(1, 70)
    # the camera has missed one of the two
    assert hard.trigger(2, 60 + BEFORE) == ["2 REFUSED OVERRUN", "1 REFUSED OUT_OF_STEP"]
    assert hard.state == "OUT_OF_STEP"


def test_one_frame_between_two_triggers(hard):
    hard.trigger(1, 0)
    assert hard.trigger(2, 50) == ["2 REFUSED OVERRUN"]
    assert hard.frame("a", 60) == ["1 REFUSED OUT_OF_STEP"]


def test_two_frames_for_one_trigger(hard):
    hard.trigger(1, 0)
    hard.frame("a", 10)
    assert hard.frame("b", 50) == ["1 REFUSED OUT_OF_STEP"]
    hard.tick(50 + RESYNC + TICK)
    hard.frame("c", 300)
    hard.frame("d", 310)
    assert hard.trigger(2, 320) == ["take 2", "2 REFUSED OUT_OF_STEP"]


def test_triggers_that_are_too_close(hard):
    hard.trigger(1, 0)
    hard.frame("a", 10)
    hard.judged(1, 140)
    assert hard.trigger(2, SPACING - TICK) == ["2 REFUSED OVERRUN"]
    assert hard.effects[0].detail == "expected 180 ms between two triggers, found 180.0"
    # its picture is taken all the same, and is nobody's
    assert hard.frame("b", SPACING + 10) == []
    # the spacing counts from the last trigger, whether it was taken or not
    assert hard.trigger(3, 2 * SPACING - 1) == ["3 REFUSED OVERRUN"]
    assert hard.frame("c", 2 * SPACING + 9) == []
    assert hard.trigger(4, 3 * SPACING) == ["take 4"]
    assert hard.state == "BUSY"


def test_a_trigger_that_the_camera_misses(hard):
    hard.trigger(1, 0)
    assert hard.wakeup == AFTER + TICK
    assert hard.tick(AFTER) == []
    assert hard.tick(AFTER + TICK) == ["1 REFUSED OUT_OF_STEP"]
    assert hard.effects[0].detail == "a trigger without a frame in the window of 40 ms before to 100 ms after"
    assert hard.trigger(2, RESYNC) == ["2 REFUSED OUT_OF_STEP"]
    assert hard.frame("b", RESYNC + 10) == []
    # the gap counts from the last trigger or frame
    assert hard.wakeup == RESYNC + 10 + RESYNC + TICK
    hard.tick(RESYNC + 10 + RESYNC)
    assert hard.state == "OUT_OF_STEP"
    assert hard.trigger(3, 2 * RESYNC + 20) == ["take 3"]


def test_a_frame_without_a_trigger(hard):
    hard.frame("a", 0)
    assert hard.wakeup == BEFORE + TICK
    hard.tick(BEFORE)
    assert hard.state == "READY"
    hard.tick(BEFORE + TICK)
    assert hard.state == "OUT_OF_STEP"
    assert hard.conductor.why == "a frame without a trigger in the window of 40 ms before to 100 ms after"


def test_the_plc_ends_it(hard):
    hard.trigger(1, 0)
    hard.tick(AFTER + 1)
    assert hard.command(Command.RESET, AFTER + 2) == ("OUT_OF_STEP", [])
    assert hard.command(Command.RESYNC, AFTER + 3) == ("NONE", [])
    assert hard.state == "READY"
    assert hard.trigger(2, 200) == ["take 2"]


def test_a_frame_that_is_handed_over_late_counts_by_its_own_time(hard):
    hard.trigger(1, 0)
    hard.tick(50)
    assert hard.frame("a", 90, taken=40) == ["judge 1 by a"]
    assert hard.judged(1, 91) == ["1 GOOD"]


def test_pictures_of_refused_parts_are_nobodys(hard):
    hard.command(Command.HALT, 0)
    assert hard.trigger(1, 0) == ["1 REFUSED NOT_READY"]
    hard.command(Command.RESET, 10)
    assert hard.frame("a", 30) == []
    assert hard.state == "READY"
    assert hard.trigger(2, 200) == ["take 2"]
    assert hard.frame("b", 210) == ["judge 2 by b"]
