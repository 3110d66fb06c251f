"""A GPIO chip in memory. It stands below the library gpiod, in the place of its C part and the kernel.

So requests, names, offsets and releases go through gpiod's own Python code, and the errors are those of the kernel.
"""

import errno
import os
import queue
import threading
import types


class SmallChip:
    """What a kernel would show of one chip."""

    path = "/dev/gpiochip0"

    def __init__(self, *, count=8, names=("", "", "GATE")):
        self.names = [*names, *[""] * (count - len(names))]
        # volts of each line that was ever an output; who holds it
        self.high: dict[int, bool] = {}
        self.holders: dict[int, str] = {}
        # each level that a line was set to, in order, and by which thread
        self.told: queue.SimpleQueue[tuple[int, bool]] = queue.SimpleQueue()
        self.threads: set[str] = set()
        # what opening and setting fail with
        self.shut: int | None = None
        self.broken: int | None = None
        # setting waits for this event
        self.hang: threading.Event | None = None

    def show(self, offset, high):
        if self.high.get(offset) is not high:
            self.high[offset] = high
            self.told.put((offset, high))

    def next(self):
        """The next change of a line: its offset, and whether it is high."""
        return self.told.get(timeout=300)


def fail(number):
    raise OSError(number, os.strerror(number))


class _Settings:
    def __init__(self, **facts):
        self.active_low, self.is_on = facts["active_low"], facts["output_value"]


class _Config:
    def __init__(self):
        self.lines = {}

    def add_line_settings(self, offsets, settings):
        self.lines |= dict.fromkeys(offsets, settings)


class _Request:
    chip_name, fd = "gpiochip0", -1

    def __init__(self, chip, lines):
        self._chip, self._lines, self.offsets = chip, lines, list(lines)
        for offset, settings in lines.items():
            chip.show(offset, bool(settings.is_on) is not settings.active_low)

    def set_values(self, values):
        self._chip.threads.add(threading.current_thread().name)
        if self._chip.hang is not None:
            assert self._chip.hang.wait(300)
        if self._chip.broken is not None:
            fail(self._chip.broken)
        for offset, value in values.items():
            self._chip.show(offset, bool(value) is not self._lines[offset].active_low)

    def release(self):
        for offset in self.offsets:
            del self._chip.holders[offset]


def below(chip):
    """What gpiod's Python code calls, for this chip alone."""

    class Opened:
        def __init__(self, path):
            if path != chip.path:
                fail(errno.ENOENT)
            if chip.shut is not None:
                fail(chip.shut)

        def close(self):
            pass

        def get_info(self):
            return types.SimpleNamespace(name="gpiochip0", label="pinctrl-small", num_lines=len(chip.names))

        def line_offset_from_id(self, name):
            return chip.names.index(name) if name in chip.names else fail(errno.ENOENT)

        def get_line_name(self, offset):
            return chip.names[offset] or None

        def get_line_info(self, offset, watch):
            used = offset in chip.holders
            return types.SimpleNamespace(
                offset=offset, name=chip.names[offset], used=used, consumer=chip.holders.get(offset, "")
            )

        def request_lines(self, config, consumer, event_buffer_size):
            if chip.holders.keys() & config.lines.keys():
                fail(errno.EBUSY)
            chip.holders |= dict.fromkeys(config.lines, consumer[:31])
            return _Request(chip, config.lines)

    return types.SimpleNamespace(Chip=Opened, LineConfig=_Config, LineSettings=_settings_of)


def _settings_of(**facts):
    return _Settings(**facts)


def small_chip(monkeypatch):
    """The chip /dev/gpiochip0 of eight lines, of which line 2 is called GATE."""
    import gpiod

    made = SmallChip()
    monkeypatch.setattr(gpiod.chip, "_ext", below(made))
    monkeypatch.setattr(gpiod.line_settings, "_ext", below(made))
    return made
