"""The conductor: numbers, deadlines, and what the judge says. See test_states.py and test_pairing.py for more."""

import dataclasses

import pytest

from goodpart_station.codes import Bits, Command, PartVerdict, Reason
from goodpart_station.conductor.answers import Answers
from goodpart_station.conductor.effects import Judgement
from goodpart_station.conductor.hands import Hand, Hands
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.part import Part
from line_model import inspection
from line_schedule import DEADLINE, MS, rules
from small_conductor import Desk, ok, refused, shown

SOFTWARE, HARDWARE, NONE = TriggerKind.SOFTWARE, TriggerKind.HARDWARE, TriggerKind.NONE


@pytest.fixture
def desk():
    return Desk(SOFTWARE)


def test_a_part(desk):
    assert desk.state == "READY"
    assert desk.trigger(7, 100) == ["take 7", "expose 7"]
    assert (desk.state, desk.conductor.accepted_seq, desk.conductor.result_seq) == ("BUSY", 7, 0)
    part = desk.parts[7]
    assert (part.seq, part.plc_seq, part.product) == (1, 7, 1)
    assert (part.triggered_ns, part.deadline_ns) == (100 * MS, (100 + DEADLINE) * MS)
    assert desk.frame("f", 130) == ["judge 7 by f"]
    assert desk.judged(7, 160) == ["7 GOOD"]
    answer = desk.effects[0]
    assert (answer.frame.name, answer.judgement.inspection.verdict.value, answer.at_ns) == ("f", "GOOD", 160 * MS)
    assert (desk.state, desk.conductor.result_seq, desk.conductor.good_total) == ("READY", 7, 1)
    assert desk.wakeup is None


def test_a_defect_is_not_counted_as_good(desk):
    desk.trigger(1, 0)
    desk.frame("f", 10)
    assert desk.judged(1, 20, good=False) == ["1 DEFECT"]
    assert desk.conductor.good_total == 0


def test_the_last_number_again_is_no_trigger(desk):
    ok(desk, 5, 0)
    assert desk.trigger(5, 100) == []
    desk.trigger(6, 200)
    assert desk.trigger(6, 201) == []
    assert desk.parts[6].seq == 2


def test_any_other_number_is_a_trigger(desk):
    for at, number in enumerate([5, 4, 900, 65535, 1, 5]):
        ok(desk, number, 100 * at)
    assert desk.parts[5].seq == 6


def test_zero_says_that_the_plc_counts_anew(desk):
    ok(desk, 1, 0)
    assert desk.trigger(0, 100) == []
    assert desk.conductor.accepted_seq == 0
    # without it the PLC would read the old result of number 1 for its new part
    ok(desk, 1, 200)


def test_a_number_that_is_in_hand_stops_all():
    desk = Desk(HARDWARE, deadline_ns=1000 * MS)
    desk.trigger(1, 0)
    desk.frame("f1", 10)
    first = desk.parts[1]
    desk.trigger(2, 200)
    desk.frame("f2", 210)
    # the PLC would take the answer of the first part 1 for that of the second one
    assert desk.trigger(1, 400) == ["1 REFUSED OUT_OF_STEP", "2 REFUSED OUT_OF_STEP", "1 REFUSED OUT_OF_STEP"]
    assert (desk.state, desk.conductor.why) == (
        "OUT_OF_STEP",
        "the trigger number 1 came again while its part had no answer",
    )
    desk.parts[1] = first
    assert desk.judged(1, 410) == []


def test_a_part_without_a_plc(desk):
    assert desk.trigger(None, 0) == ["take part 1", "expose part 1"]
    desk.frame("f", 10)
    assert desk.judged(1, 20) == ["part 1 GOOD"]
    # it has no number that a PLC could wait for
    assert (desk.conductor.accepted_seq, desk.conductor.result_seq) == (0, 0)


def test_every_frame_is_a_part():
    desk = Desk(NONE)
    assert desk.frame("a", 0) == ["judge part 1 by a"]
    assert desk.frame("b", 1) == ["judge part 2 by b"]
    assert desk.judged(1, 20) == ["part 1 GOOD"]
    assert desk.judged(2, 40) == ["part 2 GOOD"]
    assert desk.trigger(1, 50) == ["1 REFUSED NOT_READY"]


def test_a_frame_that_nobody_can_judge_is_answered():
    desk = Desk(NONE, ready=False)
    assert desk.frame("a", 0) == ["part 1 REFUSED NOT_READY"]
    assert desk.effects[0].frame.name == "a"


def test_without_triggers_too_a_camera_must_count_its_frames_without_a_gap():
    desk = Desk(NONE)
    assert desk.frame("a", 0, id=10) == ["judge part 1 by a"]
    assert desk.judged(1, 1) == ["part 1 GOOD"]
    assert desk.frame("old", 10, id=10) == ["part 2 REFUSED OUT_OF_STEP"]
    assert desk.frame("c", 20, id=13) == ["part 3 REFUSED OUT_OF_STEP"]
    assert desk.frame("d", 30, id=14) == ["judge part 4 by d"]


def test_a_source_that_can_wait_asks_for_room():
    desk = Desk(NONE, queue_parts=2, ready=False)
    assert not desk.conductor.has_room
    desk.source(0)
    assert not desk.conductor.has_room
    desk.prepare(1, 0)
    assert desk.conductor.has_room
    desk.frame("a", 0)
    desk.frame("b", 1)
    assert not desk.conductor.has_room
    desk.judged(1, 10)
    assert desk.conductor.has_room


def test_the_deadline_writes_first_and_a_late_verdict_is_no_answer(desk):
    desk.trigger(1, 0)
    desk.frame("f", 10)
    assert desk.wakeup == DEADLINE
    assert desk.tick(DEADLINE - 0.001) == []
    assert desk.tick(DEADLINE) == ["1 TIMEOUT DEADLINE"]
    assert (desk.effects[0].frame.name, desk.effects[0].judgement) == ("f", None)
    assert desk.effects[0].detail == "no verdict within 150 ms"
    assert desk.tick(DEADLINE + 1) == []
    assert (desk.conductor.timeouts_total, desk.conductor.late_total, desk.conductor.good_total) == (1, 0, 0)
    assert desk.judged(1, 300) == ["1 TIMEOUT DEADLINE late"]
    assert desk.effects[0].judgement.inspection is not None
    assert (desk.conductor.timeouts_total, desk.conductor.late_total, desk.conductor.good_total) == (1, 1, 0)
    assert desk.judged(1, 301) == []


def test_a_verdict_is_late_whoever_comes_first(desk):
    desk.trigger(1, 0)
    desk.frame("f", 10)
    # no tick has told it the time
    assert desk.judged(1, DEADLINE) == ["1 TIMEOUT DEADLINE", "1 TIMEOUT DEADLINE late"]


def test_a_verdict_just_in_time(desk):
    desk.trigger(1, 0)
    desk.frame("f", 10)
    assert desk.judged(1, DEADLINE - 0.000001) == ["1 GOOD"]
    assert desk.tick(DEADLINE) == []


def test_time_never_runs_backwards(desk):
    desk.trigger(1, 0)
    desk.frame("f", 10)
    desk.tick(DEADLINE - 1)
    # a thread had read the clock before it got the lock
    assert desk.judged(1, 50) == ["1 GOOD"]
    assert desk.effects[0].at_ns == (DEADLINE - 1) * MS


def late(desk, number, at):
    desk.trigger(number, at)
    desk.frame("f", at + 10)
    desk.tick(at + DEADLINE)
    desk.judged(number, at + DEADLINE + 10)


def test_three_late_parts_in_a_row_are_a_fault(desk):
    late(desk, 1, 0)
    late(desk, 2, 200)
    ok(desk, 3, 400)
    late(desk, 4, 600)
    late(desk, 5, 800)
    assert desk.state == "READY"
    late(desk, 6, 1000)
    assert (desk.state, desk.conductor.why) == ("FAULT", "3 parts in a row had no verdict at their deadline")
    assert desk.trigger(7, 1200) == ["7 REFUSED NOT_READY"]
    desk.command(Command.RESET, 1300)
    late(desk, 8, 1400)
    late(desk, 9, 1600)
    assert desk.state == "READY"
    assert desk.conductor.timeouts_total == desk.conductor.late_total == 7


def test_a_hung_judge():
    desk = Desk(SOFTWARE, late_limit=100)
    for number in range(1, 5):
        desk.trigger(number, 200 * number)
        desk.frame("f", 200 * number + 10)
    # the judge holds four parts, and all but the last have TIMEOUT
    assert desk.trigger(5, 1000) == ["4 TIMEOUT DEADLINE", "5 REFUSED OVERRUN"]
    assert desk.conductor.bits == Bits.OVERRUN
    assert desk.judged(1, 1100) == ["1 TIMEOUT DEADLINE late"]
    assert desk.trigger(6, 1200) == ["take 6", "expose 6"]
    assert desk.conductor.bits == Bits.OVERRUN
    desk.tick(1000 + 10_000)
    assert desk.conductor.bits == Bits(0)


def test_auto_reset_waits_for_the_judge():
    desk = Desk(SOFTWARE, auto_reset=True, late_limit=1)
    desk.trigger(1, 0)
    desk.frame("f", 10)
    desk.tick(DEADLINE)
    assert desk.state == "FAULT"
    desk.judged(1, 300)
    assert desk.state == "READY"


@pytest.mark.parametrize("reason", [Reason.FRAME_REFUSED, Reason.INFERENCE_ERROR, Reason.PRODUCT_NOT_READY])
def test_a_frame_without_a_verdict(desk, reason):
    desk.trigger(1, 0)
    desk.frame("f", 10)
    assert desk.say(1, 20, refused(reason, "because")) == [f"1 REFUSED {reason.name}"]
    assert desk.effects[0].detail == "because"


def test_nothing_is_good_in_a_simulation():
    desk = Desk(SOFTWARE, simulated=True)
    for number, good in enumerate([True, False], start=1):
        desk.trigger(number, 100 * number)
        desk.frame("f", 100 * number + 10)
        assert desk.judged(number, 100 * number + 20, good=good) == [f"{number} SIMULATED"]
    assert desk.effects[0].verdict is PartVerdict.SIMULATED
    assert desk.conductor.good_total == 0
    assert desk.conductor.bits == Bits.SIMULATION
    desk.trigger(3, 300)
    desk.frame("f", 310)
    assert desk.say(3, 320, refused(Reason.FRAME_REFUSED)) == ["3 REFUSED FRAME_REFUSED"]


def test_the_first_writer_wins():
    hands, hand = Hands(), Hand(Part(1, 7, 0, 1, 0, 100))
    answers = Answers(rules(SOFTWARE), hands)
    hands.add(hand)
    assert answers.refuse(hand, Reason.OUT_OF_STEP, "first", at_ns=1) is not None
    hand.judgement = Judgement(inspection=inspection(), reason=Reason.NONE, detail=None, product=1)
    assert answers.refuse(hand, Reason.OVERRUN, "second", at_ns=2) is None
    assert answers.time_out(hand, at_ns=2) is None
    assert answers.tell(hand, at_ns=2) is None
    assert (answers.good_total, answers.timeouts_total, answers.late_in_a_row) == (0, 0, 0)


def test_the_count_of_good_parts_begins_again_after_32_bits():
    hands = Hands()
    answers = Answers(rules(SOFTWARE), hands)
    answers.good_total = 2**32 - 1
    hand = Hand(Part(1, 7, 0, 1, 0, 100))
    hands.add(hand)
    hand.judgement = Judgement(inspection=inspection(), reason=Reason.NONE, detail=None, product=1)
    assert shown((answers.tell(hand, at_ns=1),)) == ["7 GOOD"]
    assert answers.good_total == 0


def test_only_what_was_given_to_the_judge_is_taken_back():
    desk = Desk(HARDWARE)
    desk.trigger(1, 0)
    # its frame has not come yet
    assert desk.judged(1, 5) == []
    desk.frame("f", 10)
    stranger = dataclasses.replace(desk.parts[1], part_id=3)
    own, desk.parts[1] = desk.parts[1], stranger
    assert desk.judged(1, 15) == []
    desk.parts[1] = own
    assert desk.judged(1, 20, good=False) == []
    # the first judgement counts, though the answer still waits
    assert desk.judged(1, 30) == []
    assert desk.tick(100) == ["1 DEFECT"]
