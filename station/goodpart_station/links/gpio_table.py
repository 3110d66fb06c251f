"""The table `[plc.gpio]` of the station's file."""

import dataclasses
from pathlib import Path

from goodpart.errors import UsageError
from goodpart_station.links.lines import LineId
from goodpart_station.links.pulses import Output
from goodpart_station.settings import Kind, number, setting


def _line_id(value: object) -> LineId | None:
    if isinstance(value, str):
        # gpiod takes a text of digits for an offset where no line has this name
        return value if value and value.isprintable() and not value.isdecimal() else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65535 else None


_LINE = Kind("the offset of a line, from 0 on, or its name", _line_id)
_LONG_MS = 60_000.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class GpioTable:
    """The table `[plc.gpio]`.

    Attributes:
        chip: the device of the GPIO chip.
        pass_line: offset or name of the line that is on for `pulse_ms` for one GOOD in time, and off at rest.
        reject_line: of the line with a pulse for every other answer, or None.
        ready_line: of the line that is on while the station takes parts, or None.
        active_low: whether a line that is on has the low level.
        pulse_ms: how long a pulse lasts.
        gap_ms: how long a line is off before its next pulse, at least.
    """

    chip: Path = Path("/dev/gpiochip0")
    pass_line: LineId = setting(_LINE)
    reject_line: LineId | None = setting(_LINE, None)
    ready_line: LineId | None = setting(_LINE, None)
    active_low: bool = False
    pulse_ms: float = setting(number(0, _LONG_MS, above=True), 50.0)
    gap_ms: float = setting(number(0, _LONG_MS, above=True), 10.0)

    def __post_init__(self) -> None:
        """Refuses a line that would tell two things.

        Raises:
            UsageError: a line is named twice.
        """
        lines = list(self.ids.items())
        for index, (name, line) in enumerate(lines):
            if line in [other for _, other in lines[:index]]:
                raise UsageError(f"{name}_line: expected a line of its own, found {line!r} again; name another")

    @property
    def ids(self) -> dict[str, LineId]:
        """The lines that are named, by their output's name."""
        lines = {Output.PASS: self.pass_line, Output.REJECT: self.reject_line, Output.READY: self.ready_line}
        return {output.value: line for output, line in lines.items() if line is not None}


def consumer_of(station: str) -> str:
    """Who holds the lines of a station, as other programs see it; the kernel keeps 31 characters."""
    return f"goodpart {station}"[:31]
