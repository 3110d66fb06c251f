"""Output lines of a GPIO chip, by the kernel's character device. Nothing else in the station knows the library gpiod.

gpiod is not thread-safe: whoever holds lines calls them from one thread at a time.
"""

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from goodpart.errors import GoodpartError, MissingExtraError, UsageError

if TYPE_CHECKING:
    import gpiod

LineId = int | str
"""The offset of a line on its chip, or its name."""

_WHERE = "[plc.gpio]"

_ADVICE = {
    errno.ENOENT: "correct its name; a service sees it with PrivateDevices=no alone",
    errno.EACCES: "give the station's user access, by a udev rule",
    errno.EPERM: "a service needs DeviceAllow= for it",
    errno.EBUSY: "another program, or a station that runs, holds it: end that first",
}


class LinesLostError(GoodpartError):
    """Lines that were held cannot be switched any more, for example because their chip is gone."""


class Lines:
    """Output lines that this process holds. Each is on or off; what that means in volts is a setting of the request."""

    def __init__(self, request: "gpiod.LineRequest", ids: Mapping[str, LineId]) -> None:
        """Takes over a request of these lines."""
        from gpiod.line import Value

        self._request, self._ids = request, dict(ids)
        self._value = {True: Value.ACTIVE, False: Value.INACTIVE}

    def switch(self, on: Mapping[str, bool]) -> None:
        """Switches lines, all in one call of the kernel.

        Args:
            on: by the names that `hold` was given.

        Raises:
            LinesLostError: the kernel did not take it; what the lines show now is not known.
        """
        try:
            self._request.set_values({self._ids[name]: self._value[state] for name, state in on.items()})
        except OSError as error:
            words = ", ".join(f"{name} {'on' if state else 'off'}" for name, state in on.items())
            raise LinesLostError(
                f"{_WHERE}: expected to switch {words}, found: {error.strerror or error}; look at the GPIO chip"
            ) from error

    def release(self) -> None:
        """Gives the lines back to the kernel. What they show afterwards is up to driver and hardware."""
        self._request.release()


def require_gpiod() -> None:
    """Says at the start what would fail later.

    Raises:
        MissingExtraError: gpiod is not installed.
    """
    try:
        import gpiod  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"{_WHERE} needs gpiod, which is not installed; install the extra goodpart-station[gpio]: "
            "pip install './station[gpio]' in a clone of goodpart, or the wheelhouse with --station"
        ) from error


def hold(chip: Path, ids: Mapping[str, LineId], *, active_low: bool, consumer: str) -> Lines:
    """Takes lines for this process alone, as outputs. With the request itself all of them are off.

    Args:
        chip: the device, such as /dev/gpiochip0.
        ids: offset or name of each line, by what it is called in messages.
        active_low: whether a line that is on has the low level.
        consumer: who holds the lines, as other programs see it; the kernel keeps 31 characters.

    Raises:
        MissingExtraError: gpiod is not installed.
        UsageError: there is no such chip or line, it is not permitted, or a line is held already.
    """
    require_gpiod()
    import gpiod
    from gpiod.line import Direction, Value

    off = gpiod.LineSettings(direction=Direction.OUTPUT, output_value=Value.INACTIVE, active_low=active_low)
    try:
        with gpiod.Chip(str(chip)) as opened:
            offsets = _offsets(opened, chip, ids)
            return Lines(opened.request_lines(dict.fromkeys(offsets.values(), off), consumer=consumer), offsets)
    except OSError as error:
        raise _refusal(chip, error, _holders(chip, ids) if error.errno == errno.EBUSY else "") from error


def look(chip: Path, ids: Mapping[str, LineId], *, consumer: str) -> str:
    """What the kernel says about lines. They stay as they are.

    Args:
        chip: the device.
        ids: as for `hold`.
        consumer: lines that are held by this one belong to the station that runs.

    Returns:
        in words, such as "pass is line 17 of gpiochip0".

    Raises:
        MissingExtraError: gpiod is not installed.
        UsageError: as in `hold`, as far as it can be seen without holding the lines.
    """
    require_gpiod()
    import gpiod

    try:
        with gpiod.Chip(str(chip)) as opened:
            said, device = [], opened.get_info()
            for name, offset in _offsets(opened, chip, ids).items():
                line = opened.get_line_info(offset)
                if line.used and line.consumer != consumer[:31]:
                    raise UsageError(
                        f"{_WHERE} {name}: expected a free line, found {offset} of {chip} held by "
                        f"{line.consumer or 'the kernel'}; end that program, or take another line"
                    )
                held = ", held by the station" if line.used else ""
                said.append(f"{name} is line {offset}{f' ({line.name})' if line.name else ''}{held}")
    except OSError as error:
        raise _refusal(chip, error, "") from error
    return f"{', '.join(said)} of {device.name} ({device.label})"


def _offsets(opened: "gpiod.Chip", chip: Path, ids: Mapping[str, LineId]) -> dict[str, int]:
    """The offset of each line."""
    found: dict[str, int] = {}
    for name, line in ids.items():
        try:
            offset = opened.line_offset_from_id(line)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno != errno.ENOENT:
                raise
            count = opened.get_info().num_lines
            raise UsageError(
                f"{_WHERE} {name}_line: expected a line of {chip}, which has lines 0 to {count - 1}, found {line!r}; "
                f"correct it (gpioinfo lists them)"
            ) from error
        if offset in found.values():
            raise UsageError(f"{_WHERE} {name}_line: expected a line of its own, found {line!r} again; name another")
        found[name] = offset
    return found


def _holders(chip: Path, ids: Mapping[str, LineId]) -> str:
    """Who holds these lines, or ""."""
    import gpiod

    try:
        with gpiod.Chip(str(chip)) as opened:
            lines = [opened.get_line_info(offset) for offset in _offsets(opened, chip, ids).values()]
    except OSError:
        return ""
    return " and ".join(f"line {line.offset} held by {line.consumer or 'the kernel'}" for line in lines if line.used)


def _refusal(chip: Path, error: OSError, found: str) -> UsageError:
    advice = _ADVICE.get(error.errno or 0, "name a GPIO chip (gpiodetect lists them)")
    return UsageError(
        f"{_WHERE}: expected output lines of the GPIO chip {chip}, found: {found or error.strerror or error}; {advice}"
    )
