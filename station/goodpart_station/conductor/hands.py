"""Hands: the parts between their trigger and their answer, and those that the judge still holds after it."""

import dataclasses
from collections.abc import Iterator

from goodpart_station.conductor.effects import Judgement
from goodpart_station.part import Frame, Part


@dataclasses.dataclass(slots=True, eq=False)
class Hand:
    """One part.

    Attributes:
        part: the part.
        frame: its frame, once it is known.
        judgement: what the judge found, while the answer must still wait.
        open: whether the part has no answer yet.
        timed_out: whether its answer was TIMEOUT.
    """

    part: Part
    frame: Frame | None = None
    judgement: Judgement | None = None
    open: bool = True
    timed_out: bool = False

    @property
    def with_judge(self) -> bool:
        """Whether the judge has it."""
        return self.frame is not None and self.judgement is None


class Hands:
    """The parts, by their number and in their order."""

    def __init__(self) -> None:
        self._hands: dict[int, Hand] = {}

    def add(self, hand: Hand) -> None:
        """A part was taken."""
        self._hands[hand.part.seq] = hand

    def of(self, part: Part) -> Hand | None:
        """The entry of a part, or None if it has left."""
        return self._hands.get(part.seq)

    def remove(self, hand: Hand) -> None:
        """The part has its answer, and the judge does not hold it."""
        del self._hands[hand.part.seq]

    def close(self, hand: Hand) -> None:
        """The part has its answer; it stays while the judge holds it."""
        hand.open = False
        if not hand.with_judge:
            self.remove(hand)

    def open(self) -> Iterator[Hand]:
        """Those without an answer; the caller may close them on the way."""
        return iter([hand for hand in self._hands.values() if hand.open])

    @property
    def any_open(self) -> bool:
        """Whether a part has no answer yet."""
        return any(hand.open for hand in self._hands.values())

    @property
    def waiting(self) -> int:
        """How many wait for their frame or are with the judge, answered or not."""
        return sum(hand.judgement is None for hand in self._hands.values())
