"""The Modbus register map: what stands in which register, and what a write of the PLC asks for. Nothing here does I/O.

Addresses are those of the protocol (0-based). A register has 16 bits; a 32-bit value takes two, the high word first.
docs/station-modbus.md is the same map for PLC programmers; a test compares the two.
"""

import dataclasses
import enum
import itertools
from collections.abc import Sequence
from typing import TypeAlias

from goodpart_station.codes import SEQ_MOST, SLOTS, PartVerdict, State
from goodpart_station.part import Slot, Status

MAGIC = 0x4750
MAP_VERSION = 1

WORD_MOST = 0xFFFF
SLOT_REGISTERS = 8


class Holding(enum.IntEnum):
    """Holding registers: the PLC writes them, and may read back what it wrote."""

    HEARTBEAT_PLC = 0
    TRIGGER_SEQ = 1
    ACK_SEQ = 2
    PRODUCT = 3
    PART_ID_HIGH = 4
    PART_ID_LOW = 5
    COMMAND = 6
    COMMAND_SEQ = 7


class Input(enum.IntEnum):
    """Input registers: the station writes them. 14 counts lost slots; 15 is 0."""

    MAGIC = 0
    MAP_VERSION = 1
    HEARTBEAT = 2
    STATE = 3
    BITS = 4
    ACCEPTED_SEQ = 5
    RESULT_SEQ = 6
    PRODUCT = 7
    GOOD_TOTAL_HIGH = 8
    GOOD_TOTAL_LOW = 9
    COMMAND_DONE = 10
    COMMAND_RESULT = 11
    BUNDLE_HIGH = 12
    BUNDLE_LOW = 13
    SLOTS_LOST = 14
    RESERVED = 15
    SLOTS = 16


class Discrete(enum.IntEnum):
    """Discrete inputs: the classic signals. They are about the last accepted part alone, so they are less safe."""

    READY = 0
    BUSY = 1
    RESULT_READY = 2
    OK = 3
    NG = 4
    ERROR = 5
    HEARTBEAT = 6


HOLDINGS = len(Holding)
INPUTS = Input.SLOTS + SLOTS * SLOT_REGISTERS
DISCRETES = len(Discrete)

SlotRegisters: TypeAlias = tuple[int, int, int, int, int, int, int, int]
"""The eight registers of one slot."""

EMPTY: SlotRegisters = (0, 0, 0, 0, 0, 0, 0, 0)
"""A slot without a result: its number is 0, which no part has."""


@dataclasses.dataclass(frozen=True, slots=True)
class Heartbeat:
    """The PLC's heartbeat has changed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Acknowledge:
    """The PLC has used the result `seq`, and those before it."""

    seq: int


@dataclasses.dataclass(frozen=True, slots=True)
class Ask:
    """The PLC asks for a command; `seq` 0 asks for nothing, and clears the answer."""

    seq: int
    command: int
    product: int


@dataclasses.dataclass(frozen=True, slots=True)
class Trigger:
    """A part is there."""

    seq: int
    product: int
    part_id: int


@dataclasses.dataclass(frozen=True, slots=True)
class CountAnew:
    """The PLC counts its parts anew: the next number is a part even if it is that of the last one."""


Event: TypeAlias = Heartbeat | Acknowledge | Ask | Trigger | CountAnew


def events(before: Sequence[int], after: Sequence[int]) -> list[Event]:
    """What one write of the PLC asks for.

    A write of several registers is one step. Its trigger comes last, so that a command in the same write (a resync, a
    product to prepare) is carried out before the part is there.

    Args:
        before, after: all holding registers, before and after the write.

    Returns:
        the events in the order in which they take effect.
    """
    found: list[Event] = []
    if after[Holding.HEARTBEAT_PLC] != before[Holding.HEARTBEAT_PLC]:
        found.append(Heartbeat())
    if (ack := after[Holding.ACK_SEQ]) not in (0, before[Holding.ACK_SEQ]):
        found.append(Acknowledge(ack))
    if (asked := after[Holding.COMMAND_SEQ]) != before[Holding.COMMAND_SEQ]:
        found.append(Ask(asked, after[Holding.COMMAND], after[Holding.PRODUCT]))
    if (seq := after[Holding.TRIGGER_SEQ]) not in (0, before[Holding.TRIGGER_SEQ]):
        part_id = after[Holding.PART_ID_HIGH] << 16 | after[Holding.PART_ID_LOW]
        found.append(Trigger(seq, after[Holding.PRODUCT], part_id))
    elif seq != before[Holding.TRIGGER_SEQ]:
        found.append(CountAnew())
    return found


def place_of(seq: int) -> int:
    """The index of a part's slot, 0 to 15."""
    return seq % SLOTS


def slot_registers(slot: Slot) -> SlotRegisters:
    """The registers of one result. Its number stands at both ends, which tells a torn or an old reading."""
    score = slot.score_millisigmas & 0xFFFFFFFF
    elapsed_ms = max(0, min(slot.elapsed_ms, WORD_MOST))
    verdict, reason = int(slot.verdict), int(slot.reason)
    return (slot.seq, verdict, reason, slot.product, score >> 16, score & WORD_MOST, elapsed_ms, slot.seq)


def passes(slot: Sequence[int], awaited: int) -> bool:
    """The PLC's rule, as every PLC program has to apply it.

    Args:
        slot: the eight registers that were read at the place of `awaited`, after the write of the trigger was answered.
        awaited: the part's number, 1 to 65535.

    Returns:
        whether the part may pass.
    """
    return slot[0] == awaited and slot[SLOT_REGISTERS - 1] == awaited and slot[1] == PartVerdict.GOOD


def is_acknowledged(seq: int, last_ack: int) -> bool:
    """Whether a part's number is `last_ack` or comes before it, counted around the end of the numbers."""
    return (last_ack - seq) % SEQ_MOST <= SEQ_MOST // 2


def input_registers(
    status: Status, slots: Sequence[SlotRegisters], *, lost: int, answered: tuple[int, int]
) -> list[int]:
    """All input registers.

    Args:
        status: the newest state.
        slots: 16 of them.
        lost: results that were overwritten before the PLC acknowledged them.
        answered: number and result of the last command.

    Returns:
        144 values, 0 to 65535.
    """
    good_total, bundle = status.good_total & 0xFFFFFFFF, int(status.bundle[:8] or "0", 16)
    head = [
        *(MAGIC, MAP_VERSION, status.heartbeat & WORD_MOST, int(status.state), int(status.bits) & WORD_MOST),
        *(status.accepted_seq, status.result_seq, status.product),
        *(good_total >> 16, good_total & WORD_MOST, *answered, bundle >> 16, bundle & WORD_MOST),
        *(lost & WORD_MOST, 0),
    ]
    return list(itertools.chain(head, *slots))


def discrete_inputs(status: Status, slots: Sequence[SlotRegisters]) -> list[bool]:
    """All discrete inputs, in the order of `Discrete`. OK and NG wait for the result of the last accepted part."""
    slot = slots[place_of(status.accepted_seq)]
    # a part in hand has its number in the slot already, and the verdict NONE
    is_there = status.accepted_seq != 0 and slot[0] == status.accepted_seq and slot[1] != PartVerdict.NONE
    is_good = is_there and slot[1] == PartVerdict.GOOD
    return [
        status.state in (State.READY, State.BUSY),
        status.state is State.BUSY,
        is_there,
        is_good,
        is_there and not is_good,
        status.state in (State.OUT_OF_STEP, State.FAULT),
        status.heartbeat % 2 == 1,
    ]
