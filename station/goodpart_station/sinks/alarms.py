"""Alarms: what a person should look at, from the moment at which it begins to the moment at which it has gone."""

import dataclasses
import enum
from collections.abc import Iterator, Mapping

from goodpart.drift import DriftState
from goodpart_station.codes import Bits, State
from goodpart_station.part import Status

_RING = "ring"

QUIET_NS = 60_000_000_000
"""How long no result may have been dropped before the alarm has gone."""


class AlarmKind(enum.Enum):
    """Every alarm that there is; each is there or not."""

    FAULT = "FAULT"
    OUT_OF_STEP = "OUT_OF_STEP"
    PLC_LOST = "PLC_LOST"
    DRIFT = "DRIFT"
    DISK_FULL = "DISK_FULL"
    DROPS = "DROPS"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Alarm:
    """An alarm that has come, has got other words, or has gone.

    Attributes:
        kind: which one.
        is_active: whether it is there now.
        words: what it is, for people; of one that has gone, what it was last.
        since: UTC seconds since 1970 at which it came.
    """

    kind: AlarmKind
    is_active: bool
    words: str
    since: float


class AlarmBoard:
    """Compares each new look at the station with the last one. One thread calls it."""

    def __init__(self) -> None:
        self._active: dict[AlarmKind, Alarm] = {}
        self._dropped: dict[str, int] = {}
        self._fell_at_ns: dict[str, int] = {}

    @property
    def active(self) -> tuple[Alarm, ...]:
        """The alarms that are there, in the order of `AlarmKind`."""
        return tuple(self._active[kind] for kind in AlarmKind if kind in self._active)

    def look(
        self, status: Status, drift: DriftState | None, dropped: Mapping[str, int], *, now_ns: int, at: float
    ) -> tuple[Alarm, ...]:
        """What has changed since the last look.

        Args:
            status: of the station.
            drift: of the product that is judged now, or None.
            dropped: results dropped since the start, by sink.
            now_ns: CLOCK_MONOTONIC.
            at: UTC seconds since 1970.
        """
        words = dict(self._found(status, drift, dropped, now_ns))
        changed = []
        for kind in AlarmKind:
            before = self._active.get(kind)
            if kind not in words:
                if before is not None:
                    changed.append(dataclasses.replace(before, is_active=False))
                    del self._active[kind]
            elif before is None or before.words != words[kind]:
                since = at if before is None else before.since
                self._active[kind] = Alarm(kind=kind, is_active=True, words=words[kind], since=since)
                changed.append(self._active[kind])
        return tuple(changed)

    def _found(
        self, status: Status, drift: DriftState | None, dropped: Mapping[str, int], now_ns: int
    ) -> Iterator[tuple[AlarmKind, str]]:
        if status.state is State.FAULT:
            yield AlarmKind.FAULT, status.why or "the station takes no parts"
        elif status.state is State.STARTING and AlarmKind.FAULT in self._active:
            # after a RESET while the source is still away: the state is another, the cause is there as before
            yield AlarmKind.FAULT, status.why or "waits for the source"
        if status.state is State.OUT_OF_STEP:
            yield AlarmKind.OUT_OF_STEP, status.why or "frames and triggers do not belong together"
        if status.bits & Bits.PLC_LOST:
            yield AlarmKind.PLC_LOST, "the PLC's heartbeat has stopped"
        if status.bits & Bits.DRIFT:
            alarms = () if drift is None else drift.alarms
            yield AlarmKind.DRIFT, "; ".join(each.words for each in alarms) or "frames are no longer what they were"
        if status.bits & Bits.DISK_FULL:
            yield AlarmKind.DISK_FULL, "the disk takes no more images; parts are judged all the same"
        if names := self._falling(status, dropped, now_ns):
            yield AlarmKind.DROPS, f"results are dropped that should go to {', '.join(names)}; verdicts are not"

    def _falling(self, status: Status, dropped: Mapping[str, int], now_ns: int) -> list[str]:
        """The sinks that have dropped a result within `QUIET_NS`."""
        for name, count in dropped.items():
            if count > self._dropped.get(name, 0):
                self._fell_at_ns[name] = now_ns
        self._dropped = dict(dropped)
        if status.bits & Bits.RING_DROPS:
            self._fell_at_ns[_RING] = now_ns
        return sorted(name for name, at_ns in self._fell_at_ns.items() if now_ns - at_ns < QUIET_NS)
