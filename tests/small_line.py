"""A station without a camera: it notes what links ask of it, and shows the status that a test gives it."""

import dataclasses

from goodpart_station.codes import Bits, PartVerdict, Reason, State
from goodpart_station.part import Slot, Status

STATUS = Status(
    state=State.READY,
    bits=Bits(0),
    heartbeat=0,
    accepted_seq=0,
    result_seq=0,
    product=1,
    good_total=0,
    bundle="",
    why="",
)


class SmallLine:
    """Satisfies `Line`."""

    def __init__(self):
        self.calls = []
        self.seq = 0
        self.shown = STATUS
        self.result = Reason.NONE

    def show(self, **changes):
        """Changes the status."""
        self.shown = dataclasses.replace(self.shown, **changes)

    def trigger(self, plc_seq, *, product=0, part_id=0):
        self.calls.append(("trigger", plc_seq, product, part_id))
        self.seq += 1
        return self.seq

    def plc_heartbeat(self):
        self.calls.append(("heartbeat",))

    def acknowledge(self, plc_seq):
        self.calls.append(("acknowledge", plc_seq))

    def command(self, command, *, product=0, who):
        self.calls.append(("command", command, product, who))
        return self.result

    def status(self):
        return self.shown


def small_slot(seq, verdict=PartVerdict.GOOD, **changes):
    """A result for a PLC."""
    values = {"reason": Reason.NONE, "product": 1, "score_millisigmas": 0, "elapsed_ms": 40, **changes}
    return Slot(seq=seq, verdict=verdict, **values)
