"""The PLC's rule: no reading of the slots, torn, old or another part's, lets a part pass that was not found good."""

import itertools
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodpart_station.codes import PartVerdict
from goodpart_station.links.memory import Memory
from goodpart_station.links.registers import EMPTY, Holding, passes, slot_registers
from small_line import SmallLine, small_slot

# few numbers, so that they meet in slots, and come again
few = st.sampled_from([1, 17, 33, 49, 65521, 2, 65535])
verdicts = st.sampled_from([PartVerdict.GOOD, PartVerdict.DEFECT, PartVerdict.TIMEOUT])
# what happens between the trigger of a part and its verdict in the PLC
steps = st.lists(st.one_of(st.just("read"), st.just("answer"), st.tuples(few, verdicts)), max_size=12)


def slot_of(memory, seq, start=0, end=8):
    return memory.read_inputs(16 + 8 * (seq % 16) + start, end - start)


@given(
    parts=st.lists(st.tuples(few, verdicts, steps), min_size=1, max_size=12),
    cuts=st.lists(st.integers(1, 7), max_size=3, unique=True),
)
def test_a_torn_or_old_reading_never_passes_a_part(parts, cuts):
    """The PLC reads its slot in up to four pieces, and anything is published between them."""
    memory = Memory(SmallLine())
    borders = [0, *sorted(cuts), 8]
    for awaited, verdict, happens in parts:
        memory.write_holdings(Holding.TRIGGER_SEQ, [0])
        memory.write_holdings(Holding.TRIGGER_SEQ, [awaited])
        left, reading, is_answered = list(itertools.pairwise(borders)), [], False
        for step in [*happens, *["read"] * len(left)]:
            if step == "read" and left:
                reading += slot_of(memory, awaited, *left.pop(0))
            elif step == "answer" and not is_answered:
                memory.publish(small_slot(awaited, verdict))
                is_answered = True
            elif isinstance(step, tuple) and step[0] != awaited:
                memory.publish(small_slot(*step))
        assert not passes(reading, awaited) or (is_answered and verdict is PartVerdict.GOOD)


@pytest.mark.parametrize("cut", range(1, 8))
def test_halves_of_two_results_do_not_make_a_good_one(cut):
    """A DEFECT is overwritten by another part's GOOD between two requests, or comes after that one was read in part."""
    for first, second in ((5, 21), (21, 5)):
        memory = Memory(SmallLine())
        memory.publish(small_slot(first, PartVerdict.DEFECT if first == 5 else PartVerdict.GOOD))
        reading = slot_of(memory, 5, 0, cut)
        memory.publish(small_slot(second, PartVerdict.DEFECT if second == 5 else PartVerdict.GOOD))
        assert not passes(reading + slot_of(memory, 5, cut, 8), 5)


def test_a_result_from_before_is_forgotten_at_the_trigger():
    """A PLC that has restarted counts from 1 again."""
    memory = Memory(SmallLine())
    memory.publish(small_slot(1))
    assert passes(slot_of(memory, 1), 1)
    memory.write_holdings(Holding.TRIGGER_SEQ, [1])
    assert slot_of(memory, 1) == list(EMPTY)


def test_a_trigger_leaves_the_results_of_other_parts():
    memory = Memory(SmallLine())
    memory.publish(small_slot(1))
    memory.write_holdings(Holding.TRIGGER_SEQ, [17])
    assert passes(slot_of(memory, 1), 1)


@pytest.mark.parametrize("verdict", list(PartVerdict))
def test_only_good_passes(verdict):
    assert passes(slot_registers(small_slot(5, verdict)), 5) == (verdict is PartVerdict.GOOD)
    assert not passes(slot_registers(small_slot(21, verdict)), 5)


def test_no_reader_sees_half_of_a_result_while_another_thread_publishes():
    memory, is_enough = Memory(SmallLine()), threading.Event()
    # three parts that share a slot, each told by its score as well
    slots = [small_slot(seq, score_millisigmas=seq * 1001) for seq in (5, 21, 37)]

    def judge():
        while not is_enough.is_set():
            for slot in slots:
                memory.publish(slot)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=judge)
    thread.start()
    seen, reads = set(), 0
    try:
        while reads < 5000 or seen < {5, 21, 37}:
            first, _, _, _, high, low, _, last = slot_of(memory, 5)
            assert first == last
            assert high * 65536 + low == first * 1001
            seen.add(first)
            reads += 1
    finally:
        is_enough.set()
        sys.setswitchinterval(before)
        thread.join()
