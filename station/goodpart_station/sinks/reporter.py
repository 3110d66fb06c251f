"""Looks at the station each second, and tells the sinks that leave the PC what has changed."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from goodpart_station.codes import Bits, State
from goodpart_station.line import Line, Sink
from goodpart_station.message import VERSION
from goodpart_station.part import Result, Status
from goodpart_station.ring.times import utc
from goodpart_station.sinks.alarms import Alarm, AlarmBoard
from goodpart_station.sinks.announce import Announcer
from goodpart_station.sinks.drift_watch import DriftWatch

LOOK_EVERY_S = 1.0
STATS_EVERY_S = 60.0

_LOG = logging.getLogger(__name__)


class Reporter:
    """The one place that turns changes of state into messages: state, alarms and figures.

    READY and BUSY are one state in messages: both take parts, and the difference lasts for a part. It starts and closes
    as a sink does, and takes nothing of a result.
    """

    name = "reporter"
    dropped = 0

    def __init__(
        self,
        line: Line,
        announcers: Sequence[Announcer],
        *,
        sinks: Sequence[Sink],
        station: str,
        boot: str,
        drift: DriftWatch | None = None,
        stats: Callable[[], dict[str, Any]] | None = None,
        every_s: float = LOOK_EVERY_S,
    ) -> None:
        """Looks at nothing yet.

        Args:
            line: asked for its state.
            announcers: get the messages. Without any, alarms are logged alone.
            sinks: asked for what they dropped.
            station, boot: part of each message.
            drift: asked for its state.
            stats: `Metrics.stats`, or None for no such messages.
            every_s: seconds between two looks.
        """
        self._line, self._announcers, self._sinks = line, tuple(announcers), tuple(sinks)
        self._drift, self._stats = drift, stats
        self._head = {"v": VERSION, "station": station, "boot": boot}
        self._board = AlarmBoard()
        self._told: dict[str, Any] | None = None
        self._stats_at_ns: int | None = None
        self._every_s, self._end = every_s, threading.Event()
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """The alarms that are there."""
        return self._board.active

    def put(self, result: Result) -> None:
        """Nothing: states are looked at, not results."""

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self) -> None:
        """Ends the thread; to be called before the sinks are closed."""
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join(LOOK_EVERY_S)

    def look(self, *, now_ns: int, at: float) -> None:
        """Looks once; the thread calls it each second.

        Args:
            now_ns: CLOCK_MONOTONIC.
            at: UTC seconds since 1970.
        """
        status = self._line.status()
        self._look_at_state(status, at)
        state = None if self._drift is None else self._drift.state
        dropped = {sink.name: sink.dropped for sink in self._sinks}
        for alarm in self._board.look(status, state, dropped, now_ns=now_ns, at=at):
            level = logging.WARNING if alarm.is_active else logging.INFO
            _LOG.log(level, "alarm %s%s: %s", alarm.kind.value, "" if alarm.is_active else " has gone", alarm.words)
            for announcer in self._announcers:
                announcer.tell_alarm(self._head | _plain_alarm(alarm, at))
        self._look_at_figures(now_ns, at)

    def _look_at_state(self, status: Status, at: float) -> None:
        state = State.READY if status.state is State.BUSY else status.state
        plain = {
            "state": state.name,
            "bits": [bit.name for bit in Bits if bit & status.bits],
            "product": status.product,
            "bundle": status.bundle,
            "why": status.why,
        }
        if plain != self._told:
            self._told = plain
            for announcer in self._announcers:
                announcer.tell_state(self._head | plain | {"at": utc(at)})

    def _look_at_figures(self, now_ns: int, at: float) -> None:
        if self._stats is None:
            return
        if self._stats_at_ns is None:
            self._stats_at_ns = now_ns
        elif now_ns - self._stats_at_ns >= STATS_EVERY_S * 1e9:
            self._stats_at_ns = now_ns
            plain = self._head | self._stats() | {"at": utc(at)}
            for announcer in self._announcers:
                announcer.tell_stats(plain)

    def _run(self) -> None:
        has_failed = False
        while not self._end.wait(self._every_s):
            try:
                self.look(now_ns=time.monotonic_ns(), at=time.time())
            except Exception:  # noqa: BLE001 - the next look must come while the station judges
                if not has_failed:
                    _LOG.exception("states and alarms could not be told; trying again each second")
                has_failed = True


def _plain_alarm(alarm: Alarm, at: float) -> dict[str, Any]:
    return {
        "alarm": alarm.kind.value,
        "active": alarm.is_active,
        "words": alarm.words,
        "since": utc(alarm.since),
        "at": utc(at),
    }
