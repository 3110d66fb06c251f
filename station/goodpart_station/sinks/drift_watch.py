"""Drift: compares the frames of each product with its first ones, and remembers that across restarts."""

import json
import logging
import threading
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path

from goodpart._host.atomic import write_file
from goodpart.drift import Drift, DriftState
from goodpart.errors import UsageError
from goodpart.watch.observed import FRAME_REASONS
from goodpart_station.codes import Bits
from goodpart_station.part import Result
from goodpart_station.sinks.courier import Courier
from goodpart_station.sinks.settings import DriftSettings

SAVE_EVERY_S = 60.0
"""How much of what was learned a power cut may cost."""

_LOG = logging.getLogger(__name__)


class DriftWatch:
    """Gives each result to the `goodpart.Drift` of its product, in a thread of its own.

    Each product has a file in the folder. A new bundle learns anew, because its scores are on another scale, and so do
    other settings.
    """

    name = "drift"

    def __init__(self, settings: DriftSettings, folder: Path, *, now_s: Callable[[], float] = time.monotonic) -> None:
        """Reads nothing yet: a product's file is read with its first result.

        Args:
            settings: as configured.
            folder: where the files lie; it is made with the first one.
            now_s: the clock, in seconds; for tests.
        """
        self._settings, self._folder, self._now_s = settings, folder, now_s
        self._courier = Courier("drift", self._take, idle=self._save_in_time)
        # Drift's threads must take turns: this sink's and those of pages and metrics, never the judging thread
        self._lock = threading.Lock()
        # so that what was read first is not written last
        self._file_lock = threading.Lock()
        self._drifts: dict[str, tuple[str, Drift]] = {}
        self._current: str | None = None
        self._unsaved: set[str] = set()
        self._saved_at_s, self._saves_now = now_s(), False
        self._trouble = ""
        self.is_alarm = False
        """Whether the product that was judged last has an alarm. Any thread may read it; it never waits."""

    @property
    def dropped(self) -> int:
        """How many results drift did not see since the start."""
        return self._courier.dropped

    @property
    def state(self) -> DriftState | None:
        """Where the product that was judged last stands, or None before the first frame."""
        with self._lock:
            return None if self._current is None else self._drifts[self._current][1].state

    @property
    def product(self) -> str | None:
        """The name of the product that `state` is about."""
        current = self._current
        return None if current is None else current.removesuffix(_SIMULATED)

    @property
    def bits(self) -> Bits:
        """DRIFT while there is an alarm."""
        return Bits.DRIFT if self.is_alarm else Bits(0)

    def put(self, result: Result) -> None:
        """Hands a result over without waiting."""
        self._courier.put(result)

    def start(self) -> None:
        """Starts the thread."""
        self._courier.start()

    def close(self) -> None:
        """Takes what still waits, and writes all files."""
        self._courier.close()
        self._save()

    def acknowledge(self) -> None:
        """Ends the alarms of the product that was judged last. If the change stays, they come again."""
        self._change(Drift.acknowledge)

    def new_reference(self) -> None:
        """Lets the product that was judged last learn anew: what is now is how it shall be."""
        self._change(Drift.new_reference)

    def _change(self, change: Callable[[Drift], None]) -> None:
        with self._lock:
            if self._current is None:
                return
            change(self._drifts[self._current][1])
            self._unsaved.add(self._current)
            self.is_alarm = False
        # the caller may be the event loop, which must not wait for the disk
        self._saves_now = True

    def _take(self, result: Result) -> None:
        inspection = result.inspection
        if inspection is None and result.reason.name not in FRAME_REASONS:
            return
        key = result.product + (_SIMULATED if result.simulated else "")
        if key not in self._drifts or (result.bundle and self._drifts[key][0] != result.bundle):
            if not result.bundle:
                return
            made = self._read(key, result.bundle)
        else:
            made = self._drifts[key][1]
        with self._lock:
            if key not in self._drifts or self._drifts[key][1] is not made:
                self._drifts[key] = result.bundle, made
            alarm = made.add_refused(result.detail or "") if inspection is None else made.add(inspection)
            self._current = key
            self._unsaved.add(key)
            self.is_alarm = bool(made.state.alarms)
        if alarm is not None:
            _LOG.warning("drift of %s: %s", result.product, alarm.words)

    def _read(self, key: str, bundle: str) -> Drift:
        """What the product's file remembers of this bundle under these settings, else a drift that begins to learn."""
        fresh = Drift(bundle=bundle, block=self._settings.block, false_alarm_every=self._settings.false_alarm_every)
        path = self._path(key)
        if not path.exists():
            return fresh
        try:
            found = Drift.load(path, bundle=bundle)
        except UsageError as error:
            _LOG.warning("drift learns anew: %s", error)
            return fresh
        if _settings_of(found) != _settings_of(fresh):
            _LOG.warning("drift learns anew: %s has other settings than [drift]", path)
            return fresh
        return found

    def _path(self, key: str) -> Path:
        return self._folder / f"{urllib.parse.quote(key, safe='')}.json"

    def _save_in_time(self) -> None:
        if self._saves_now or self._now_s() - self._saved_at_s >= SAVE_EVERY_S:
            self._saves_now = False
            self._save()

    def _save(self) -> None:
        """Writes what has changed; a file that cannot be written is tried again a minute later."""
        self._saved_at_s = self._now_s()
        with self._file_lock:
            with self._lock:
                waiting = {key: self._drifts[key][1].to_json() for key in self._unsaved}
                self._unsaved.clear()
            for key, data in waiting.items():
                try:
                    write_file(self._path(key), data)
                except UsageError as error:
                    self._unsaved.add(key)
                    if str(error) != self._trouble:
                        self._trouble = str(error)
                        _LOG.warning("drift is not saved: %s", error)
                else:
                    self._trouble = ""


_SIMULATED = ".simulated"
"""What marks the drift of a replay, which must not become the reference of the real camera."""


def _settings_of(drift: Drift) -> tuple[int, int]:
    plain = json.loads(drift.to_json())
    return plain["block"], plain["false_alarm_every"]
