"""What a PLC reads from the slots of a station, and what must hold for its answers, whatever happens on the line."""

import dataclasses
from collections import Counter

from goodpart_station.codes import SLOTS, PartVerdict, Reason
from goodpart_station.conductor.effects import Answer
from goodpart_station.part import Part

JUDGED = (PartVerdict.GOOD, PartVerdict.DEFECT, PartVerdict.SIMULATED)


@dataclasses.dataclass(slots=True)
class Wait:
    """A PLC that waits for the answer to a trigger.

    Attributes:
        item: the part that it waits for.
        until: when it gives up.
        product: what it has asked the station to judge, 0 for nothing.
    """

    item: int
    until: int
    product: int


class Checks:
    """Looks at every answer, and reads the slots as a PLC does.

    Attributes:
        wrong: what was wrong, in words.
        answers: how many answers of each verdict and reason there were.
        passed: how many parts the PLC let pass.
        waits: what the PLC waits for, by number.
        last_seq: of the newest part since the process started.
    """

    def __init__(self, *, simulated: bool) -> None:
        self.wrong: list[str] = []
        self.answers: Counter[tuple[PartVerdict, Reason]] = Counter()
        self.passed = 0
        self.waits: dict[int, Wait] = {}
        self._simulated = simulated
        self.restart()

    def restart(self) -> None:
        """The process is another one: parts in hand are lost, and the slots are empty."""
        self._slots: list[tuple[int, PartVerdict, int]] = [(0, PartVerdict.NONE, -1)] * SLOTS
        self._open: dict[int, Part] = {}
        self.last_seq = 0

    def taken(self, part: Part) -> None:
        """A part was taken."""
        self._new(part)
        self._open[part.seq] = part
        self._write(part.plc_seq, PartVerdict.NONE, -1)

    def answered(self, answer: Answer, now: int) -> None:
        """A part was answered."""
        part = answer.part
        shown = -1 if answer.frame is None else int(answer.frame.name or -1)
        if answer.late:
            if answer.verdict is not PartVerdict.TIMEOUT or part.seq in self._open:
                self.wrong.append(f"part {part.seq}: a late answer that is {answer.verdict.name}")
            return
        if self._open.pop(part.seq, None) is None:
            if part.seq <= self.last_seq:
                self.wrong.append(f"part {part.seq} was answered again")
            self._new(part)
        self.answers[answer.verdict, answer.reason] += 1
        if answer.verdict in JUDGED:
            self._check_judged(answer)
        self._write(part.plc_seq, answer.verdict, shown)
        if part.plc_seq is not None:
            self.read(part.plc_seq, now, part.product)

    def read(self, number: int, now: int, product: int = 0) -> None:
        """The PLC looks at the slot of a number that it waits for, as it does all the time."""
        found, verdict, shown = self._slots[number % SLOTS]
        wait = self.waits.get(number)
        if wait is None or found != number or verdict is PartVerdict.NONE:
            return
        del self.waits[number]
        if now > wait.until or verdict not in JUDGED:
            return
        self.passed += 1
        if shown != wait.item:
            self.wrong.append(f"item {wait.item} passes by the frame of item {shown}")
        if wait.product and wait.product != product:
            self.wrong.append(f"item {wait.item} passes as product {product}, not {wait.product}")

    def end(self) -> None:
        """Nothing comes any more."""
        self.wrong += [f"part {seq} has no answer" for seq in self._open]

    def _new(self, part: Part) -> None:
        if part.seq != self.last_seq + 1:
            self.wrong.append(f"part {part.seq} after part {self.last_seq}")
        self.last_seq = part.seq

    def _check_judged(self, answer: Answer) -> None:
        part = answer.part
        if answer.judgement is None or answer.judgement.product != part.product:
            self.wrong.append(f"part {part.seq}: judged with another bundle than product {part.product}'s")
        if answer.at_ns >= part.deadline_ns:
            self.wrong.append(f"part {part.seq}: {answer.verdict.name} after its deadline")
        if self._simulated and answer.verdict is not PartVerdict.SIMULATED:
            self.wrong.append(f"part {part.seq}: {answer.verdict.name} in a simulation")

    def _write(self, number: int | None, verdict: PartVerdict, shown: int) -> None:
        if number is not None:
            self._slots[number % SLOTS] = (number, verdict, shown)
