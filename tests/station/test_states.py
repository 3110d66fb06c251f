"""The station's states, change-over, and the PLC that is lost."""

import pytest

from goodpart_station.codes import Bits, Command
from goodpart_station.conductor.rules import TriggerKind
from line_schedule import BROKEN_PRODUCT, MS, RESYNC
from small_conductor import Desk, ok, shown

SOFTWARE, HARDWARE, NONE = TriggerKind.SOFTWARE, TriggerKind.HARDWARE, TriggerKind.NONE


@pytest.fixture
def desk():
    return Desk(SOFTWARE)


def test_the_states():
    desk = Desk(SOFTWARE, ready=False)
    assert (desk.state, desk.conductor.why) == ("STARTING", "waits for the source")
    assert desk.trigger(1, 0) == ["1 REFUSED NOT_READY"]
    desk.source(1)
    assert (desk.state, desk.conductor.why) == ("INITIALIZED", "no product is prepared")
    assert desk.trigger(2, 2) == ["2 REFUSED PRODUCT_NOT_READY"]
    assert desk.command(Command.PREPARE, 3, product=1) == ("NONE", ["prepare 1"])
    assert (desk.state, desk.conductor.why) == ("INITIALIZED", "product 1 is being prepared")
    assert desk.trigger(3, 4) == ["3 REFUSED PRODUCT_NOT_READY"]
    desk.conductor.product_ready(1, 5 * MS)
    assert (desk.state, desk.conductor.product, desk.conductor.why) == ("READY", 1, "")
    desk.trigger(4, 6)
    assert desk.state == "BUSY"
    assert desk.conductor.result_seq == 3


def test_halt_lets_the_parts_in_hand_end(desk):
    desk.trigger(1, 0)
    assert desk.command(Command.HALT, 5) == ("NONE", [])
    assert (desk.state, desk.conductor.why) == ("HALTED", "halted")
    assert desk.trigger(2, 6) == ["2 REFUSED NOT_READY"]
    assert desk.frame("f", 10) == ["judge 1 by f"]
    assert desk.judged(1, 20) == ["1 GOOD"]
    assert desk.command(Command.RESET, 30) == ("NONE", [])
    ok(desk, 3, 100)


def test_commands_that_nobody_knows(desk):
    assert desk.command(5, 0) == ("UNKNOWN_COMMAND", [])
    assert desk.command(0, 0) == ("UNKNOWN_COMMAND", [])
    assert desk.command(Command.PREPARE, 0, product=77) == ("PRODUCT_NOT_READY", [])
    assert (desk.state, desk.conductor.product) == ("READY", 1)


def test_a_lost_source_is_a_fault(desk):
    desk.trigger(1, 0)
    assert desk.lose(30, "no cable") == ["1 REFUSED OUT_OF_STEP"]
    assert (desk.state, desk.conductor.why) == ("FAULT", "no cable")
    assert desk.trigger(2, 31) == ["2 REFUSED NOT_READY"]
    assert desk.effects[0].detail == "no cable"
    desk.source(40)
    assert desk.state == "FAULT"
    assert desk.command(Command.RESET, 50) == ("NONE", [])
    # the frame of the exposure may still come
    assert desk.state == "OUT_OF_STEP"
    desk.tick(RESYNC)
    assert desk.state == "OUT_OF_STEP"
    assert desk.wakeup == RESYNC + 1 / MS
    desk.tick(desk.wakeup)
    assert desk.state == "READY"


def test_a_lost_source_does_not_touch_parts_that_have_their_frame():
    desk = Desk(HARDWARE, deadline_ns=1000 * MS)
    desk.trigger(1, 0)
    desk.frame("f", 10)
    desk.trigger(2, 200)
    assert desk.lose(210, "no cable") == ["2 REFUSED NOT_READY"]
    assert desk.judged(1, 220) == ["1 GOOD"]


def test_reset_without_a_source_starts_again(desk):
    desk.lose(0, "no cable")
    assert desk.command(Command.RESET, 10) == ("NONE", [])
    assert (desk.state, desk.conductor.why) == ("STARTING", "waits for the source (no cable)")
    desk.source(20)
    assert desk.state == "READY"


def test_auto_reset():
    desk = Desk(SOFTWARE, auto_reset=True)
    desk.lose(0)
    desk.source(10)
    assert desk.state == "READY"


def test_a_change_of_product(desk):
    desk.trigger(1, 0)
    desk.frame("f", 10)
    assert desk.command(Command.PREPARE, 11, product=2) == ("NONE", ["prepare 2"])
    assert (desk.state, desk.conductor.product) == ("INITIALIZED", 0)
    assert desk.trigger(2, 12) == ["2 REFUSED PRODUCT_NOT_READY"]
    desk.conductor.product_ready(2, 20 * MS)
    assert (desk.conductor.product, desk.parts[1].product) == (2, 1)
    # the part of product 1 is judged with the bundle of product 1
    assert desk.judged(1, 30) == ["1 GOOD"]
    ok(desk, 3, 40)
    assert desk.parts[3].product == 2


def test_no_part_is_answered_with_another_products_bundle(desk):
    desk.trigger(1, 0)
    desk.frame("f", 10)
    desk.prepare(2, 11)
    assert desk.judged(1, 20, product=2) == ["1 REFUSED PRODUCT_NOT_READY"]
    assert desk.effects[0].detail == "expected a verdict of product 1's bundle, found one of 2's"
    assert desk.conductor.good_total == 0


def test_a_trigger_that_asks_for_a_product(desk):
    assert desk.trigger(1, 0, product=2) == ["1 REFUSED PRODUCT_NOT_READY"]
    assert desk.trigger(2, 0, product=1) == ["take 2", "expose 2"]


def test_the_newest_wish_counts(desk):
    desk.command(Command.PREPARE, 0, product=2)
    assert desk.command(Command.PREPARE, 1, product=2) == ("NONE", [])
    assert desk.command(Command.PREPARE, 2, product=1) == ("NONE", ["prepare 1"])
    desk.conductor.product_ready(2, 3 * MS)
    assert desk.state == "INITIALIZED"
    desk.conductor.product_failed(2, "old", 4 * MS)
    assert desk.state == "INITIALIZED"
    desk.conductor.product_ready(1, 5 * MS)
    assert (desk.state, desk.conductor.product) == ("READY", 1)
    assert desk.command(Command.PREPARE, 6, product=1) == ("NONE", [])


def test_a_product_that_cannot_be_loaded(desk):
    desk.command(Command.PREPARE, 0, product=BROKEN_PRODUCT)
    desk.conductor.product_failed(BROKEN_PRODUCT, "bank.npy is broken", 1 * MS)
    assert (desk.state, desk.conductor.why, desk.conductor.product) == ("FAULT", "bank.npy is broken", 0)
    # parts of the new product may lie on the line: the old bundle does not come back by itself
    assert desk.trigger(1, 2) == ["1 REFUSED NOT_READY"]
    assert desk.command(Command.RESET, 3) == ("NONE", [f"prepare {BROKEN_PRODUCT}"])
    desk.conductor.product_failed(BROKEN_PRODUCT, "bank.npy is broken", 4 * MS)
    assert desk.prepare(1, 5) == ["prepare 1"]
    ok(desk, 2, 10)


def test_a_product_that_is_taken_away(desk):
    desk.conductor.product_left("removed", 0)
    assert (desk.state, desk.conductor.why) == ("INITIALIZED", "removed")
    desk.prepare(1, 1)
    assert (desk.state, desk.conductor.why) == ("READY", "")


def test_a_plc_is_there_when_its_heartbeat_has_changed_twice():
    desk = Desk(SOFTWARE, plc_timeout_ns=1000 * MS)
    assert desk.conductor.bits == Bits.PLC_LOST
    assert desk.trigger(1, 0) == ["1 REFUSED PLC_LOST"]
    desk.conductor.plc_heartbeat(10 * MS)
    assert desk.trigger(2, 11) == ["2 REFUSED PLC_LOST"]
    desk.conductor.plc_heartbeat(500 * MS)
    assert desk.conductor.bits == Bits(0)
    ok(desk, 3, 600)
    assert desk.wakeup == 1500 + 1 / MS
    desk.tick(1500)
    assert desk.conductor.bits == Bits(0)
    desk.tick(1500 + 1 / MS)
    assert desk.conductor.bits == Bits.PLC_LOST
    assert (desk.state, desk.trigger(4, 1600)) == ("READY", ["4 REFUSED PLC_LOST"])
    assert desk.trigger(None, 1650) == ["take part 5", "expose part 5"]
    desk.frame("f", 1660)
    desk.conductor.plc_heartbeat(1700 * MS)
    assert desk.conductor.bits == Bits.PLC_LOST
    # whatever the conductor is told, what is due comes first
    assert shown(desk.conductor.plc_heartbeat(1800 * MS)) == ["part 5 TIMEOUT DEADLINE"]
    ok(desk, 6, 1900)
