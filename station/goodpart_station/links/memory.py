"""Memory: what Modbus clients read and write. The judging thread stores results in it without waiting for anything."""

from collections.abc import Sequence

from goodpart_station.codes import SLOTS, Reason
from goodpart_station.line import Line
from goodpart_station.links.registers import (
    DISCRETES,
    EMPTY,
    HOLDINGS,
    INPUTS,
    Acknowledge,
    Ask,
    CountAnew,
    Event,
    Heartbeat,
    SlotRegisters,
    Trigger,
    discrete_inputs,
    events,
    input_registers,
    is_acknowledged,
    place_of,
    slot_registers,
)
from goodpart_station.part import Slot


class Memory:
    """The registers of the station.

    Each slot is one tuple, and a result replaces it in one step: no reader sees half of one. Any thread may call
    `publish`; reads and writes belong to the thread of the event loop.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        # a slot's registers, and how many results were lost in it: one step replaces both
        self._slots: list[tuple[SlotRegisters, int]] = [(EMPTY, 0)] * SLOTS
        self._holdings = [0] * HOLDINGS
        # 0 until the PLC acknowledges for the first time
        self._last_ack = 0
        # number and result of the last command
        self._answered = (0, int(Reason.NONE))

    def publish(self, slot: Slot) -> None:
        """Shows a result in its slot."""
        place = place_of(slot.seq)
        (old, *_), lost = self._slots[place]
        last_ack = self._last_ack
        if last_ack and old not in (0, slot.seq) and not is_acknowledged(old, last_ack):
            lost += 1
        self._slots[place] = (slot_registers(slot), lost)

    def read_inputs(self, address: int, count: int) -> list[int] | None:
        """Input registers, or None if there are none at this address."""
        if address + count > INPUTS:
            return None
        # the state first: the slot of the result that it names is then there as well
        status = self._line.status()
        slots = list(self._slots)
        lost = sum(lost for _, lost in slots)
        values = input_registers(status, [slot for slot, _ in slots], lost=lost, answered=self._answered)
        return values[address : address + count]

    def read_discretes(self, address: int, count: int) -> list[bool] | None:
        """Discrete inputs, or None if there are none at this address."""
        if address + count > DISCRETES:
            return None
        status = self._line.status()
        return discrete_inputs(status, [slot for slot, _ in self._slots])[address : address + count]

    def read_holdings(self, address: int, count: int) -> list[int] | None:
        """Holding registers, or None if there are none at this address."""
        return self._holdings[address : address + count] if address + count <= HOLDINGS else None

    def write_holdings(self, address: int, values: Sequence[int]) -> bool:
        """Writes holding registers in one step, and passes on what they ask for.

        Returns:
            False if there are none at this address; nothing is written then.
        """
        if address + len(values) > HOLDINGS:
            return False
        before = list(self._holdings)
        self._holdings[address : address + len(values)] = values
        for event in events(before, self._holdings):
            self._pass_on(event)
        return True

    def _pass_on(self, event: Event) -> None:
        match event:
            case Heartbeat():
                self._line.plc_heartbeat()
            case Acknowledge(seq):
                self._last_ack = seq
                self._line.acknowledge(seq)
            case Ask(seq, command, product):
                result = self._line.command(command, product=product, who="plc") if seq else Reason.NONE
                self._answered = (seq, int(result))
            case CountAnew():
                self._line.trigger(0)
            case Trigger(seq, product, part_id):
                self._forget(seq)
                self._line.trigger(seq, product=product, part_id=part_id)

    def _forget(self, seq: int) -> None:
        """Empties the slot if it holds an older part's result under the same number.

        A PLC that restarts counts from 1 again. It reads the slot after its write was answered, and must not find the
        GOOD of a part from before.
        """
        place = place_of(seq)
        slot, lost = self._slots[place]
        if slot[0] == seq:
            self._slots[place] = (EMPTY, lost)
