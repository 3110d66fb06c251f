"""Which output is on, and until when. Without threads and without I/O: the clock is passed in."""

import dataclasses
import enum

from goodpart_station.codes import PartVerdict
from goodpart_station.part import Result


class Output(enum.Enum):
    """What a line of the PC tells. PASS and REJECT are pulses; READY is on while the station takes parts."""

    PASS = "pass"  # noqa: S105 - no password
    REJECT = "reject"
    READY = "ready"


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """What the outputs hear about a part. It holds no frame, so that those who wait cost nothing.

    Attributes:
        seq: the station's number of the part.
        deadline_ns: CLOCK_MONOTONIC after which it must not pass.
        output: the pulse that it gets; None if it was announced, or its picture has come.
    """

    seq: int
    deadline_ns: int
    output: Output | None = None


def pulse_of(result: Result) -> Output | None:
    """The pulse for a result: PASS for GOOD alone, REJECT for every other answer, None for what comes after TIMEOUT."""
    if result.late:
        return None
    return Output.PASS if result.verdict is PartVerdict.GOOD and not result.simulated else Output.REJECT


@dataclasses.dataclass(slots=True)
class _Pulse:
    told: Told
    output: Output
    ends_ns: int | None = None


class Pulses:
    """Decides. One pulse at a time: that of the newest part, because nothing but the time says whose pulse it is.

    Times are nanoseconds of CLOCK_MONOTONIC.

    Attributes:
        missed: parts that were GOOD, and got no pulse or hardly any.
        missed_why: why the last one got none.
    """

    def __init__(self, *, pulse_ns: int, gap_ns: int) -> None:
        """Everything is off.

        Args:
            pulse_ns: how long a pulse lasts.
            gap_ns: how long an output is off before its next pulse, at least.
        """
        self._pulse_ns, self._gap_ns = pulse_ns, gap_ns
        self._newest = 0
        self._pulse: _Pulse | None = None
        self._on: Output | None = None
        self._off_ns: dict[Output, int] = {}
        self.missed = 0
        self.missed_why = ""

    def hear(self, told: Told) -> None:
        """A part was announced, its picture has come, or it was answered.

        Of an older part no pulse begins from now on, and none goes on.
        """
        if told.seq > self._newest:
            self._newest = told.seq
            self.drop(f"part {told.seq} came before its pulse")
        if told.output is None:
            return
        pulse = _Pulse(told, told.output)
        if told.seq == self._newest:
            self._pulse = pulse
        else:
            self._miss(pulse, f"part {self._newest} had come before its verdict")

    def drop(self, why: str) -> None:
        """The pulse that is on or waits is none any more.

        Args:
            why: for `missed_why`, if the pulse has not begun.
        """
        pulse, self._pulse = self._pulse, None
        if pulse is not None and pulse.ends_ns is None:
            self._miss(pulse, why)

    def wanted(self, now_ns: int) -> Output | None:
        """The output that must be on now; None if all must be off."""
        pulse = self._pulse
        if pulse is None:
            return None
        if pulse.ends_ns is not None:
            if now_ns < pulse.ends_ns:
                return pulse.output
            self._pulse = None
            return None
        if pulse.output is Output.PASS and now_ns > pulse.told.deadline_ns:
            self.drop("its deadline was over before its pulse")
            return None
        # off before it goes on again, or two parts would look like one
        return None if self._on is not None or now_ns < self._earliest_ns(pulse) else pulse.output

    def switched(self, output: Output | None, now_ns: int) -> None:
        """The outputs were switched.

        Args:
            output: what `wanted` said, which is on now.
            now_ns: after the switching.
        """
        if self._on is not None and self._on is not output:
            self._off_ns[self._on] = now_ns
        self._on = output
        pulse = self._pulse
        if output is not None and pulse is not None and pulse.ends_ns is None:
            if output is Output.PASS and now_ns > pulse.told.deadline_ns:
                # this thread, or the driver, has slept meanwhile: off again at once
                self.drop("its deadline was over when the output was on")
            else:
                pulse.ends_ns = now_ns + self._pulse_ns

    def next_ns(self) -> int | None:
        """When `wanted` changes next by time alone; it may have passed. None if it does not."""
        pulse = self._pulse
        if pulse is None:
            return None if self._on is None else 0
        if pulse.ends_ns is not None:
            return pulse.ends_ns
        return 0 if self._on is not None else self._earliest_ns(pulse)

    def _earliest_ns(self, pulse: _Pulse) -> int:
        off_ns = self._off_ns.get(pulse.output)
        return 0 if off_ns is None else off_ns + self._gap_ns

    def _miss(self, pulse: _Pulse, why: str) -> None:
        if pulse.output is Output.PASS:
            self.missed += 1
            self.missed_why = f"part {pulse.told.seq} was GOOD and got no pulse: {why}"
