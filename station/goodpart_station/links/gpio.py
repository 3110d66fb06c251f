"""Outputs of the PC itself, for a PLC or a gate that reads wires. docs/station-outputs.md says what they promise.

Not run on hardware: tests have a chip in memory below the library gpiod.
"""

import contextlib
import logging
import threading
import time
from typing import Protocol

from goodpart.errors import UsageError
from goodpart_station.codes import State
from goodpart_station.life import Life
from goodpart_station.links.gpio_table import GpioTable
from goodpart_station.links.lines import Lines, LinesLostError, hold, look, require_gpiod
from goodpart_station.links.pulses import Output, Pulses, Told, pulse_of
from goodpart_station.mailbox import Mailbox
from goodpart_station.part import Part, Result, Status

OUTPUTS = "outputs"
"""The name of the thread among those that must show life."""

_POLL_S = 0.05
"""How often the thread looks at the station's state, and shows life."""

_WAITING = 64
"""So much that was told may wait; more means that the thread hangs."""

_RETRY_NS = 1_000_000_000
"""How long lines that were lost are left alone before they are requested again."""

_FRESH_NS = 1_000_000_000
"""READY goes off when the station's heartbeat has rested for so long."""

_MISSED_NS = 10_000_000_000
"""How often the log says, at most, that a GOOD part got no pulse."""

_JOIN_S = 2.0

log = logging.getLogger("goodpart_station.gpio")


class Station(Protocol):
    """What the outputs ask of the station, and tell it."""

    life: Life

    def status(self) -> Status:
        """The newest state."""

    def outputs(self, why: str) -> None:
        """Outputs cannot be switched, for this reason: FAULT. "" says that they can again."""


class GpioLink:
    """A sink and a watcher with a thread of its own, which alone touches the lines after the start."""

    name = "gpio"

    def __init__(self, station: Station, table: GpioTable, *, consumer: str) -> None:
        """Takes no line yet.

        Args:
            station: what it belongs to.
            table: its settings.
            consumer: who holds the lines, as other programs see it.

        Raises:
            MissingExtraError: gpiod is not installed.
        """
        require_gpiod()
        self._station, self._table, self._consumer = station, table, consumer
        self._has_reject = Output.REJECT.value in table.ids
        self._pulses = Pulses(pulse_ns=round(table.pulse_ms * 1e6), gap_ns=round(table.gap_ms * 1e6))
        self._box: Mailbox[Told | None] = Mailbox(_WAITING)
        self._thread = threading.Thread(target=self._run, name=OUTPUTS, daemon=True)
        self._ending = False
        self._lines: Lines | None = None
        self._shown: dict[str, bool] = {}
        self._lost, self._retry_ns = "", 0
        self._heartbeat, self._beat_ns = -1, 0
        self._missed_told, self._missed_told_ns = 0, 0

    @property
    def dropped(self) -> int:
        """How many parts were GOOD and got no pulse, or are not known to have got one."""
        return self._pulses.missed + self._box.dropped

    def check(self) -> str:
        """Looks at the lines, which stay as they are.

        Raises:
            UsageError: there is no such chip or line, or another program holds a line.
        """
        return f"{look(self._table.chip, self._table.ids, consumer=self._consumer)}; not run on hardware by its makers"

    def start(self) -> None:
        """Takes the lines, which are off with that, and starts the thread.

        Raises:
            UsageError: there is no such chip or line, it is not permitted, or a line is held.
        """
        self._hold()
        log.info(
            "holds %s of %s", ", ".join(f"{name} {line}" for name, line in self._table.ids.items()), self._table.chip
        )
        # from now on systemd and the PLC's heartbeat see it when the thread hangs
        self._station.life.beat(OUTPUTS)
        self._thread.start()

    def taken(self, part: Part) -> None:
        """A part was announced: the pulse of the one before ends."""
        self._box.put(Told(part.seq, part.deadline_ns))

    def acquired(self, part: Part) -> None:
        """The picture of a part has come; without triggers this announces it."""
        self._box.put(Told(part.seq, part.deadline_ns))

    def put(self, result: Result) -> None:
        """A part has its answer."""
        output = pulse_of(result)
        if output is Output.REJECT and not self._has_reject:
            output = None
        self._box.put(Told(result.part.seq, result.part.deadline_ns, output))

    def close(self) -> None:
        """Switches all lines off and gives them back."""
        self._ending = True
        if self._thread.ident is not None:
            self._box.put(None)
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        try:
            while not self._ending:
                self._hear()
                now_ns = time.monotonic_ns()
                if self._lost:
                    self._pulses.drop("its output cannot be switched")
                    self._recover(now_ns)
                if self._lines is not None:
                    self._show(now_ns)
                self._tell_missed(now_ns)
                self._station.life.beat(OUTPUTS)
        except BaseException as error:
            # parts must not be judged as if they could pass
            if not self._ending:
                log.exception("the thread of the outputs has failed")
                self._station.outputs(f"[plc.gpio]: expected outputs that can be switched, found {error!r}")
        finally:
            self._let_go()

    def _hear(self) -> None:
        """Waits until something is told, or the time of a pulse has come; takes all that was told."""
        next_ns = self._pulses.next_ns()
        wait_s = _POLL_S if next_ns is None else min(_POLL_S, (next_ns - time.monotonic_ns()) / 1e9)
        told = self._box.take(max(wait_s, 0.0))
        while told is not None:
            self._pulses.hear(told)
            told = self._box.take(0)

    def _show(self, now_ns: int) -> None:
        """Switches what must change."""
        wanted = self._pulses.wanted(now_ns)
        levels = {Output.PASS: wanted is Output.PASS, Output.REJECT: wanted is Output.REJECT}
        levels[Output.READY] = self._is_ready(now_ns)
        changed = {output.value: on for output, on in levels.items() if self._shown.get(output.value, on) is not on}
        if changed and self._lines is not None:
            try:
                self._lines.switch(changed)
            except LinesLostError as error:
                self._lose(str(error))
                return
            self._shown |= changed
        self._pulses.switched(wanted, time.monotonic_ns())

    def _is_ready(self, now_ns: int) -> bool:
        status = self._station.status()
        if status.heartbeat != self._heartbeat:
            self._heartbeat, self._beat_ns = status.heartbeat, now_ns
        return status.state in (State.READY, State.BUSY) and now_ns - self._beat_ns < _FRESH_NS

    def _hold(self) -> None:
        table = self._table
        self._lines = hold(table.chip, table.ids, active_low=table.active_low, consumer=self._consumer)
        self._shown = dict.fromkeys(table.ids, False)

    def _lose(self, why: str) -> None:
        """FAULT. The lines are requested anew at once: with that they are off, if the chip is still there."""
        self._pulses.drop(why)
        self._let_go()
        self._tell_lost(why)
        self._retry_ns = 0

    def _recover(self, now_ns: int) -> None:
        """Requests lost lines again. Held for a second, they count as well: a bad contact must not flicker."""
        if now_ns < self._retry_ns:
            return
        self._retry_ns = now_ns + _RETRY_NS
        if self._lines is not None:
            self._lost = ""
            log.info("the outputs can be switched again")
            self._station.outputs("")
            return
        try:
            self._hold()
        except UsageError as error:
            if str(error) != self._lost:
                self._tell_lost(str(error))

    def _tell_lost(self, why: str) -> None:
        log.error("%s", why)
        self._lost = why
        self._station.outputs(why)

    def _let_go(self) -> None:
        """Off, and given back, as far as that is still possible."""
        lines, self._lines = self._lines, None
        if lines is not None:
            with contextlib.suppress(LinesLostError):
                lines.switch(dict.fromkeys(self._shown, False))
            lines.release()
            self._pulses.switched(None, time.monotonic_ns())

    def _tell_missed(self, now_ns: int) -> None:
        missed = self._pulses.missed
        if missed > self._missed_told and now_ns >= self._missed_told_ns:
            log.warning("%s (%d since the start)", self._pulses.missed_why, missed)
            self._missed_told, self._missed_told_ns = missed, now_ns + _MISSED_NS
