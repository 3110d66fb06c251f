"""Rules: the settings of a conductor."""

import dataclasses
import enum

from goodpart.errors import UsageError
from goodpart_station.codes import SLOTS

_MS = 1_000_000


class TriggerKind(enum.Enum):
    """Who decides when a picture is taken.

    SOFTWARE: the station, when the PLC announces a part. HARDWARE: the PLC fires the camera by a wire, and announces
    the part to the station as well. NONE: nobody announces parts; every frame is one.
    """

    SOFTWARE = "software"
    HARDWARE = "hardware"
    NONE = "none"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rules:
    """The settings of a conductor. Times are nanoseconds of CLOCK_MONOTONIC.

    Attributes:
        trigger: who decides when a picture is taken.
        products: the numbers that a product can have here, each 1 to 65535.
        deadline_ns: a part that has no verdict so long after its trigger gets TIMEOUT.
        late_limit: so many TIMEOUTs one after the other are a fault, at least 1.
        queue_parts: so many parts may wait for their frame or their verdict, 1 to `SLOTS`.
        pair_before_ns, pair_after_ns: how long before or after its trigger the frame of a part may be whole in memory.
            With SOFTWARE the first is not used.
        min_spacing_ns: a trigger that comes sooner after the last one is refused; 0 for no such rule.
        resync_ns: how long neither trigger nor frame may come before the station trusts its counting again. With
            SOFTWARE a frame must never come so long after its exposure.
        plc_timeout_ns: a PLC whose heartbeat rests so long is lost; None for a station without one.
        auto_reset: whether the station leaves FAULT by itself when the cause is gone.
        simulated: whether frames come from a replay; then no part gets GOOD.
    """

    trigger: TriggerKind
    products: frozenset[int]
    deadline_ns: int
    late_limit: int = 3
    queue_parts: int = 4
    pair_before_ns: int = 0
    pair_after_ns: int = 100 * _MS
    min_spacing_ns: int = 0
    resync_ns: int = 500 * _MS
    plc_timeout_ns: int | None = None
    auto_reset: bool = False
    simulated: bool = False

    def __post_init__(self) -> None:
        """Refuses settings with which a frame could be taken for that of another part.

        Raises:
            UsageError: a number is outside its range, or the numbers do not fit together.
        """
        if self.deadline_ns <= 0 or self.late_limit < 1 or not 1 <= self.queue_parts <= SLOTS:
            raise UsageError(
                f"rules: expected a deadline above 0, late_limit from 1 on and queue_parts from 1 to {SLOTS}, found "
                f"{self.deadline_ns} ns, {self.late_limit} and {self.queue_parts}"
            )
        hardware = self.trigger is TriggerKind.HARDWARE
        window_ns = self.pair_after_ns + (self.pair_before_ns if hardware else 0)
        words = "pair_before_ms + pair_after_ms" if hardware else "pair_after_ms"
        if hardware and window_ns >= self.min_spacing_ns:
            raise UsageError(
                f"{words}: expected less than min_spacing_ms ({_ms(self.min_spacing_ns)}), found {_ms(window_ns)}; a "
                f"frame could belong to two parts: narrow the window"
            )
        if self.trigger is not TriggerKind.NONE and window_ns >= self.resync_ns:
            raise UsageError(
                f"resync_ms: expected more than {words} ({_ms(window_ns)}), found {_ms(self.resync_ns)}; frames of "
                f"earlier parts could still come: wait longer"
            )


def _ms(time_ns: int) -> str:
    return f"{time_ns / _MS:g}"
