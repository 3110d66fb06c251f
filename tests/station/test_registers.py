"""The register map, and what a write of the PLC asks for."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodpart_station.codes import Bits, Command, PartVerdict, Reason, State
from goodpart_station.links.memory import Memory
from goodpart_station.links.registers import (
    INPUTS,
    Acknowledge,
    Ask,
    CountAnew,
    Discrete,
    Heartbeat,
    Holding,
    Input,
    Trigger,
    events,
    is_acknowledged,
)
from small_line import SmallLine, small_slot

PAGE = Path(__file__).parents[2] / "docs" / "station-modbus.md"

seqs = st.integers(1, 65535)
words = st.one_of(st.sampled_from([0, 1]), st.integers(0, 65535))
holdings = st.lists(words, min_size=8, max_size=8)
verdicts = st.sampled_from([verdict for verdict in PartVerdict if verdict is not PartVerdict.NONE])


@pytest.fixture
def line():
    return SmallLine()


@pytest.fixture
def memory(line):
    return Memory(line)


def test_the_status_stands_where_the_map_says(memory, line):
    line.show(
        state=State.BUSY,
        bits=Bits.PLC_LOST | Bits.SIMULATION,
        heartbeat=7,
        accepted_seq=41,
        result_seq=40,
        product=3,
        good_total=0x1_0002_0003,
        bundle="1f3a9c07" + "0" * 56,
    )
    head = [0x4750, 1, 7, 3, 0b100010, 41, 40, 3, 2, 3, 0, 0, 0x1F3A, 0x9C07, 0, 0]
    assert memory.read_inputs(0, 16) == head


@given(seq=seqs, score=st.integers(-(2**31), 2**31 - 1), verdict=verdicts, product=words, elapsed=st.integers(0, 10**6))
def test_a_slot_can_be_read_back(seq, score, verdict, product, elapsed):
    memory = Memory(SmallLine())
    memory.publish(small_slot(seq, verdict, product=product, score_millisigmas=score, elapsed_ms=elapsed))
    first, code, reason, found_product, high, low, elapsed_ms, last = memory.read_inputs(16 + 8 * (seq % 16), 8)
    assert (first, last, code, reason, found_product) == (seq, seq, verdict, 0, product)
    assert int.from_bytes(high.to_bytes(2, "big") + low.to_bytes(2, "big"), "big", signed=True) == score
    assert elapsed_ms == min(elapsed, 65535)


@given(address=st.integers(0, 200), count=st.integers(1, 125))
def test_every_part_of_the_map_can_be_read_alone(address, count):
    memory = Memory(SmallLine())
    memory.publish(small_slot(5))
    whole = memory.read_inputs(0, INPUTS)
    assert memory.read_inputs(address, count) == (
        whole[address : address + count] if address + count <= INPUTS else None
    )
    assert all(0 <= value <= 65535 for value in whole)


@given(before=holdings, after=holdings)
def test_events_are_those_of_the_registers_that_changed(before, after):
    found = {type(event): event for event in events(before, after)}
    assert (Heartbeat in found) == (before[0] != after[0])
    assert (Trigger in found) == (after[1] != before[1] and after[1] != 0)
    assert (Acknowledge in found) == (after[2] != before[2] and after[2] != 0)
    assert (Ask in found) == (after[7] != before[7])
    if Trigger in found:
        assert found[Trigger] == Trigger(after[1], after[3], after[4] * 65536 + after[5])
        # a command of the same write comes before the part
        assert list(found)[-1] is Trigger


@given(values=holdings)
def test_a_repeated_write_asks_for_nothing(values):
    assert events(values, values) == []


def test_zero_asks_for_no_part_and_acknowledges_none():
    assert events([0, 7, 7, 0, 0, 0, 0, 0], [0] * 8) == [CountAnew()]


def test_a_plc_that_counts_anew_may_use_its_last_number_again(memory, line):
    assert memory.write_holdings(Holding.TRIGGER_SEQ, [1])
    assert memory.write_holdings(Holding.TRIGGER_SEQ, [1])
    assert memory.write_holdings(Holding.TRIGGER_SEQ, [0])
    assert memory.write_holdings(Holding.TRIGGER_SEQ, [1])
    assert line.calls == [("trigger", 1, 0, 0), ("trigger", 0, 0, 0), ("trigger", 1, 0, 0)]


def test_a_trigger_takes_what_stands_beside_it(memory, line):
    assert memory.write_holdings(Holding.PRODUCT, [2, 0x0001, 0x0002])
    assert line.calls == []
    assert memory.write_holdings(Holding.TRIGGER_SEQ, [9])
    assert line.calls == [("trigger", 9, 2, 0x10002)]
    assert memory.write_holdings(Holding.TRIGGER_SEQ, [10, 9, 3, 0, 7])
    assert line.calls[1:] == [("acknowledge", 9), ("trigger", 10, 3, 7)]
    assert memory.read_holdings(0, 8) == [0, 10, 9, 3, 0, 7, 0, 0]


def test_a_command_is_done_when_its_number_is_repeated(memory, line):
    line.result = Reason.UNKNOWN_COMMAND
    assert memory.write_holdings(Holding.PRODUCT, [4, 0, 0, Command.PREPARE, 77])
    assert line.calls == [("command", 4, 4, "plc")]
    assert memory.read_inputs(Input.COMMAND_DONE, 2) == [77, Reason.UNKNOWN_COMMAND]
    assert memory.write_holdings(Holding.COMMAND_SEQ, [0])
    assert len(line.calls) == 1
    assert memory.read_inputs(Input.COMMAND_DONE, 2) == [0, 0]


def test_there_is_nothing_beyond_the_map(memory, line):
    assert not memory.write_holdings(Holding.COMMAND_SEQ, [1, 1])
    assert memory.read_holdings(0, 9) is None
    assert memory.read_discretes(0, 8) is None
    assert line.calls == []
    assert memory.read_holdings(0, 8) == [0] * 8


def test_lost_slots_are_counted_when_the_plc_acknowledges(memory):
    for seq in range(1, 18):
        memory.publish(small_slot(seq))
    # it does not acknowledge: nothing can be said
    assert memory.read_inputs(Input.SLOTS_LOST, 1) == [0]
    memory.write_holdings(Holding.ACK_SEQ, [4])
    for seq in (18, 19, 20, 21, 22):
        memory.publish(small_slot(seq))
    # 2, 3 and 4 were used, 5 and 6 were not
    assert memory.read_inputs(Input.SLOTS_LOST, 1) == [2]
    memory.publish(small_slot(22))
    assert memory.read_inputs(Input.SLOTS_LOST, 1) == [2]


@given(seq=seqs, ahead=st.integers(0, 30000))
def test_acknowledging_goes_around_the_end_of_the_numbers(seq, ahead):
    later = (seq - 1 + ahead) % 65535 + 1
    assert is_acknowledged(seq, later)
    assert ahead == 0 or not is_acknowledged(later, seq)


@pytest.mark.parametrize(
    ("state", "verdict", "on"),
    [
        (State.READY, None, {Discrete.READY}),
        (State.BUSY, None, {Discrete.READY, Discrete.BUSY}),
        (State.BUSY, PartVerdict.NONE, {Discrete.READY, Discrete.BUSY}),
        (State.READY, PartVerdict.GOOD, {Discrete.READY, Discrete.RESULT_READY, Discrete.OK}),
        (State.READY, PartVerdict.SIMULATED, {Discrete.READY, Discrete.RESULT_READY, Discrete.NG}),
        (State.FAULT, PartVerdict.REFUSED, {Discrete.RESULT_READY, Discrete.NG, Discrete.ERROR}),
        (State.OUT_OF_STEP, None, {Discrete.ERROR}),
        (State.HALTED, None, set()),
    ],
)
def test_the_classic_signals(memory, line, state, verdict, on):
    # an older part's GOOD in the same slot is not the accepted part's
    memory.publish(small_slot(15))
    line.show(state=state, accepted_seq=31)
    if verdict is not None:
        memory.publish(small_slot(31, verdict))
    found = memory.read_discretes(0, 7)
    assert {bit for bit in Discrete if found[bit]} == on
    line.show(heartbeat=3)
    assert memory.read_discretes(Discrete.HEARTBEAT, 1) == [True]


def rows(heading):
    """Number and name in each row of a table of the page."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| ([0-9-]+) \| `(\w+)` \|", section, re.MULTILINE))


@pytest.mark.parametrize(
    ("heading", "members"), [("Holding registers", Holding), ("Input registers", Input), ("Discrete inputs", Discrete)]
)
def test_the_page_has_every_register(heading, members):
    expected = {}
    for member in members:
        if not member.name.endswith("_LOW") and member.name != "SLOTS":
            is_pair = member.name.endswith("_HIGH")
            expected[f"{member:d}-{member + 1}" if is_pair else f"{member:d}"] = member.name.removesuffix("_HIGH")
    assert {at: name.upper() for at, name in rows(heading).items()} == expected


@pytest.mark.parametrize(
    ("heading", "members"),
    [("Verdicts", PartVerdict), ("Reasons", Reason), ("States", State), ("Commands", Command)],
)
def test_the_page_has_every_code(heading, members):
    assert {int(at): name for at, name in rows(heading).items()} == {int(member): member.name for member in members}


def test_the_page_has_every_bit():
    assert {int(at): name for at, name in rows("Bits").items()} == {int(bit).bit_length() - 1: bit.name for bit in Bits}
