"""Which frame belongs to which trigger."""

import dataclasses
from typing import Protocol

from goodpart_station.conductor.rules import Rules, TriggerKind
from goodpart_station.part import Frame, Part


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A frame and the part that it shows."""

    part: Part
    frame: Frame


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """It is not certain any more which frame belongs to which part.

    Attributes:
        why: in words.
    """

    why: str


class Pairing(Protocol):
    """A rule by which frames are given to parts. Times are CLOCK_MONOTONIC and never run backwards."""

    def announce(self, part: Part, at_ns: int, *, taken: bool) -> Pair | Doubt | None:
        """A trigger has come.

        Args:
            part: its part.
            at_ns: when.
            taken: whether the part is to be judged. With a hardware trigger the camera has taken a picture anyway.
        """

    def arrive(self, frame: Frame, doubt: str | None) -> Pair | Doubt | None:
        """A frame has come.

        Args:
            frame: the frame.
            doubt: why it may be no part's, such as a copy of an older one, or None. It is then no later part's either.
        """

    def overdue(self, now_ns: int) -> Doubt | None:
        """Whether a trigger or a frame that is watched has found no partner in its time."""

    def certain_from(self, frame: Frame) -> int:
        """From when on no other trigger can claim a frame that belongs to a part."""

    def forget(self) -> None:
        """Nothing that has come is watched any more."""

    @property
    def next_ns(self) -> int | None:
        """When `overdue` can change next; None if nothing is watched."""

    @property
    def exposing(self) -> bool:
        """Whether an exposure that the station asked for has no frame yet."""


def pairing_of(rules: Rules) -> Pairing:
    """The pairing for a kind of trigger."""
    return ByClock(rules) if rules.trigger is TriggerKind.HARDWARE else ByExposure(rules)


@dataclasses.dataclass(slots=True, eq=False)
class _Mark:
    """A trigger or a frame on the time line, whether it must find a partner, and whether it has."""

    at_ns: int
    watched: bool = True
    spent: bool = False
    part: Part | None = None
    frame: Frame | None = None


class ByClock:
    """The frame lies in a window of time around its trigger, and in the window of no other trigger.

    Neither order nor frame ids are enough: a camera that misses a trigger leaves no gap in its ids. Triggers of parts
    that are not judged are kept as well, because their frames come too.
    """

    exposing = False

    def __init__(self, rules: Rules) -> None:
        self._before_ns, self._after_ns = rules.pair_before_ns, rules.pair_after_ns
        # a frame may be handed over late, and is compared with the triggers of its own time
        self._kept_ns = rules.pair_after_ns + rules.resync_ns
        self._triggers: list[_Mark] = []
        self._frames: list[_Mark] = []

    def announce(self, part: Part, at_ns: int, *, taken: bool) -> Pair | Doubt | None:
        """See `Pairing`."""
        mark = _Mark(at_ns, part=part)
        near = [each for each in self._frames if self._fits(at_ns, each.at_ns)]
        self._triggers.append(mark)
        return self._joined(mark, near, "the trigger fits a frame that fits another trigger, or two frames")

    def arrive(self, frame: Frame, doubt: str | None) -> Pair | Doubt | None:
        """See `Pairing`."""
        mark = _Mark(frame.at_ns, frame=frame, spent=doubt is not None)
        near = [each for each in self._triggers if self._fits(each.at_ns, frame.at_ns)]
        self._frames.append(mark)
        found = self._joined(mark, near, "the frame fits a trigger that has a frame, or two triggers")
        return found if doubt is None else Doubt(doubt)

    def overdue(self, now_ns: int) -> Doubt | None:
        """See `Pairing`."""
        doubt = None
        for mark in self._waiting():
            if now_ns > self._last_ns(mark):
                mark.watched = False
                words = "a frame without a trigger" if mark.part is None else "a trigger without a frame"
                doubt = Doubt(
                    f"{words} in the window of {self._before_ns / 1e6:g} ms before to {self._after_ns / 1e6:g} ms after"
                )
        # no later trigger fits these frames, because time runs forwards
        self._frames = [each for each in self._frames if now_ns <= each.at_ns + self._before_ns]
        self._triggers = [each for each in self._triggers if now_ns <= each.at_ns + self._kept_ns]
        return doubt

    def certain_from(self, frame: Frame) -> int:
        """See `Pairing`."""
        return frame.at_ns + self._before_ns + 1

    def forget(self) -> None:
        """See `Pairing`."""
        for mark in (*self._triggers, *self._frames):
            mark.watched = False

    @property
    def next_ns(self) -> int | None:
        """See `Pairing`."""
        return min((self._last_ns(mark) + 1 for mark in self._waiting()), default=None)

    def _fits(self, trigger_ns: int, frame_ns: int) -> bool:
        return trigger_ns - self._before_ns <= frame_ns <= trigger_ns + self._after_ns

    def _waiting(self) -> list[_Mark]:
        return [mark for mark in (*self._triggers, *self._frames) if mark.watched and not mark.spent]

    def _last_ns(self, mark: _Mark) -> int:
        return mark.at_ns + (self._before_ns if mark.part is None else self._after_ns)

    def _joined(self, mark: _Mark, near: list[_Mark], doubt: str) -> Pair | Doubt | None:
        if not near:
            return None
        unsure = len(near) > 1 or near[0].spent
        for each in (mark, *near):
            each.spent = True
        part, frame = mark.part or near[0].part, mark.frame or near[0].frame
        return Doubt(doubt) if unsure or part is None or frame is None else Pair(part, frame)


class ByExposure:
    """The station asks for one exposure at a time; the next frame is that part's."""

    def __init__(self, rules: Rules) -> None:
        self._after_ns = rules.pair_after_ns
        self._part: Part | None = None

    def announce(self, part: Part, at_ns: int, *, taken: bool) -> Pair | Doubt | None:
        """See `Pairing`."""
        self._part = part if taken else self._part
        return None

    def arrive(self, frame: Frame, doubt: str | None) -> Pair | Doubt | None:
        """See `Pairing`."""
        part = self._part
        if doubt is not None:
            return Doubt(doubt)
        if part is None:
            return Doubt("a frame that no exposure asked for")
        if frame.at_ns < part.triggered_ns:
            return Doubt("a frame that is older than the exposure")
        if frame.asked_by not in (None, part.seq):
            return Doubt("a frame of another exposure")
        self._part = None
        return Pair(part, frame)

    def overdue(self, now_ns: int) -> Doubt | None:
        """See `Pairing`."""
        if self._part is None or now_ns <= self._part.triggered_ns + self._after_ns:
            return None
        self._part = None
        return Doubt(
            f"an exposure without a frame within {self._after_ns / 1e6:g} ms; raise pair_after_ms, or look at the "
            f"camera: goodpart-station check tries it"
        )

    def certain_from(self, frame: Frame) -> int:
        """See `Pairing`."""
        return frame.at_ns

    def forget(self) -> None:
        """See `Pairing`."""
        self._part = None

    @property
    def next_ns(self) -> int | None:
        """See `Pairing`."""
        return None if self._part is None else self._part.triggered_ns + self._after_ns + 1

    @property
    def exposing(self) -> bool:
        """See `Pairing`."""
        return self._part is not None
