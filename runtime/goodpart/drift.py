"""Drift: whether the frames of a station are still what they were after commissioning.

    drift = Drift(bundle=inspector.bundle.digest)
    alarm = drift.add(inspector.inspect(frame))
    if alarm is not None:
        print(alarm.words)  # "darker since frame 5,212: lamp, exposure or dirt?"

`docs/drift.md` says what it sees, how fast, and what it cannot see.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from goodpart._host import strict_json
from goodpart._host.atomic import write_file
from goodpart.errors import ManifestError, UsageError
from goodpart.scoring.inspection import Inspection
from goodpart.scoring.stats import STATS
from goodpart.watch.alarm import REJECTS, UNFIT, DriftAlarm
from goodpart.watch.detector import Detector
from goodpart.watch.observed import Observed, of_inspection, of_refused
from goodpart.watch.remembered import SIZE_LIMIT_BYTES, STATISTICS, DriftReference, Remembered
from goodpart.watch.state import DriftPhase, DriftState

__all__ = ["Drift", "DriftAlarm", "DriftPhase", "DriftReference", "DriftState"]

_SAME_SIGMAS = 1e-4
"""How far two thresholds may lie apart that are the same: a log has four decimals."""

_MANY = 100
"""Frames from which on the share of UNKNOWN ones is worth a remark."""


class Drift:
    """Watches the inspections of one camera, in their order. Threads must take turns.

    Three detectors work alike: one for up to six statistics of judged frames (`STATS`), one for the share of DEFECTs
    among them, one for the share of UNKNOWN and REFUSED frames among all. Each learns a reference of 150 blocks, then
    compares each block with it. Without a change each gives a false alarm once in `false_alarm_every` frames on
    average, or more seldom, if blocks are independent.
    """

    def __init__(
        self,
        reference: DriftReference | None = None,
        *,
        bundle: str | None = None,
        block: int = 16,
        false_alarm_every: int = 100_000,
        seed: int = 0,
    ) -> None:
        """Starts to learn, or to watch if a reference is given.

        Args:
            reference: from `reference` of another drift of this bundle and station; None to learn one.
            bundle: digest of the bundle that judges; None if it is not known.
            block: frames of a block, 1 to 4096. Parts in long runs need longer blocks.
            false_alarm_every: the least mean number of frames to a false alarm of one detector.
            seed: of the ranks of equal values.

        Raises:
            UsageError: a value is out of range, or the reference is another bundle's.
        """
        if reference is not None and reference.bundle != bundle:
            raise UsageError(f"drift: expected a reference of bundle {bundle}, found one of {reference.bundle}")
        fresh = {name: Detector([name], block=block, seed=seed, rise_only=True) for name in (REJECTS, UNFIT)}
        learned = {} if reference is None else reference.detectors
        self._kept = Remembered(
            bundle=bundle,
            block=block,
            false_alarm_every=false_alarm_every,
            seed=seed,
            detectors={name: detector.to_state() for name, detector in fresh.items()} | learned,
            alarms={},
        )
        self._detectors = fresh | {name: Detector.from_state(state) for name, state in learned.items()}

    def add(self, inspection: Inspection) -> DriftAlarm | None:
        """Takes the next inspection; returns an alarm if it gives one that was not there before."""
        return self.observe(of_inspection(inspection))

    def add_refused(self, reason: str = "") -> DriftAlarm | None:
        """Takes a frame that was refused, as `add`.

        Args:
            reason: the error's message.
        """
        return self.observe(of_refused(reason))

    def observe(self, frame: Observed) -> DriftAlarm | None:
        """Takes what is known of the next frame, as `add`."""
        kept = self._kept
        kept.frames += 1
        self._note_settings(frame)
        found: DriftAlarm | None = None
        if not frame.is_judged:
            kept.unfit += 1
            kept.reason = frame.reason
        else:
            if STATISTICS not in self._detectors:
                there = [name for name in STATS if name in frame.stats]
                self._detectors[STATISTICS] = Detector(there, block=kept.block, seed=kept.seed)
            names = self._detectors[STATISTICS].names
            if all(name in frame.stats for name in names):
                found = self._take(STATISTICS, [frame.stats[name] for name in names])
            else:
                kept.unmeasured += 1
            found = self._take(REJECTS, [float(frame.outcome == "DEFECT")]) or found
        return self._take(UNFIT, [float(not frame.is_judged)]) or found

    @property
    def state(self) -> DriftState:
        """Where it stands."""
        kept, main = self._kept, self._detectors.get(STATISTICS)
        alarms = tuple(sorted(kept.alarms.values(), key=lambda alarm: alarm.frame))
        learning = main is None or main.is_learning
        first = alarms[0] if alarms else None
        blocks = 0 if main is None else main.reference.means.shape[1] if learning else main.blocks
        phase = DriftPhase.ALARM if alarms else DriftPhase.LEARNING if learning else DriftPhase.WATCHING
        return DriftState(
            phase=phase,
            evidence=max(each.evidence / self._limit(each) for each in self._detectors.values()),
            statistic=None if first is None else first.statistic,
            since=None if first is None else first.since,
            direction=None if first is None else first.direction,
            blocks=blocks,
            block=kept.block if main is None else main.reference.block,
            frames=kept.frames,
            unfit=kept.unfit,
            unmeasured=kept.unmeasured,
            watched=() if main is None else main.names,
            alarms=alarms,
            remarks=tuple(self._remarks()),
        )

    @property
    def reference(self) -> DriftReference | None:
        """What was learned, for another drift; None while it is being learned."""
        found = {name: detector for name, detector in self._detectors.items() if not detector.is_learning}
        if STATISTICS not in found:
            return None
        states = {}
        for name, detector in found.items():
            copy = Detector.from_state(detector.to_state())
            copy.restart(0)
            copy.blocks = 0
            states[name] = copy.to_state()
        return DriftReference(bundle=self._kept.bundle, detectors=states)

    def acknowledge(self) -> None:
        """Ends all alarms. The reference stays: if the change stays as well, the alarm comes again."""
        for name in self._kept.alarms:
            self._detectors[name].restart(self._kept.frames)
        self._kept.alarms.clear()

    def new_reference(self) -> None:
        """Learns anew from the next frame on, because what is now is how it shall be. Counters go on."""
        self._kept.alarms.clear()
        self._detectors.pop(STATISTICS, None)
        self._learn_anew(REJECTS)
        self._learn_anew(UNFIT)

    def to_json(self) -> bytes:
        """All that it remembers, as JSON. `from_json` gives a drift with the same future."""
        self._kept.detectors = {name: detector.to_state() for name, detector in self._detectors.items()}
        return strict_json.encode(self._kept)

    @classmethod
    def from_json(cls, data: bytes, *, bundle: str | None = None, where: str = "drift") -> "Drift":
        """The drift that `to_json` gave.

        Args:
            data: from `to_json`.
            bundle: digest of the bundle that judges now.
            where: name of the place in messages.

        Raises:
            UsageError: the data is damaged, or of another bundle, whose scores are on another scale.
        """
        try:
            kept = strict_json.decode(Remembered, data, where=where)
        except ManifestError as error:
            raise UsageError(f"{error}; move it away, and drift learns anew") from error
        if kept.bundle != bundle:
            raise UsageError(
                f"{where}: expected the drift of bundle {bundle}, found that of {kept.bundle}; move it away, and drift "
                f"learns anew"
            )
        made = cls(bundle=bundle, block=kept.block, false_alarm_every=kept.false_alarm_every, seed=kept.seed)
        made._kept = kept
        made._detectors = {name: Detector.from_state(state) for name, state in kept.detectors.items()}
        return made

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes all that it remembers; a power cut leaves the old file or the new one.

        Raises:
            UsageError: the file cannot be written.
        """
        write_file(Path(path), self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, bundle: str | None = None) -> "Drift":
        """Reads what `save` has written.

        Args:
            path: the file.
            bundle: digest of the bundle that judges now.

        Raises:
            UsageError: there is no such file, it is damaged, or another bundle's.
        """
        place = Path(path)
        try:
            with place.open("rb") as file:
                data = file.read(SIZE_LIMIT_BYTES + 1)
        except OSError as error:
            raise UsageError(f"{place}: expected a file of drift, found none ({error.strerror})") from error
        if len(data) > SIZE_LIMIT_BYTES:
            raise UsageError(f"{place}: expected at most {SIZE_LIMIT_BYTES} bytes, found more; it is no file of drift")
        return cls.from_json(data, bundle=bundle, where=str(place))

    def _take(self, name: str, values: list[float]) -> DriftAlarm | None:
        detector, kept = self._detectors[name], self._kept
        if not detector.add(values, kept.frames) or name in kept.alarms or detector.evidence < self._limit(detector):
            return None
        lead = detector.lead
        alarm = DriftAlarm(
            frame=kept.frames,
            since=lead.since,
            statistic=lead.statistic,
            direction=lead.direction,
            reason=kept.reason if name == UNFIT else "",
        )
        kept.alarms[name] = alarm
        return alarm

    def _note_settings(self, frame: Observed) -> None:
        """Learns anew what another threshold, or other frame checks, have changed; no score depends on them."""
        kept = self._kept
        if frame.threshold is None or frame.checks_moved is None:
            return
        if kept.threshold is not None and abs(frame.threshold - kept.threshold) > _SAME_SIGMAS:
            self._learn_anew(REJECTS)
        if kept.checks_moved not in (None, frame.checks_moved):
            self._learn_anew(UNFIT)
        kept.threshold, kept.checks_moved = frame.threshold, frame.checks_moved

    def _learn_anew(self, name: str) -> None:
        self._detectors[name] = Detector([name], block=self._kept.block, seed=self._kept.seed, rise_only=True)

    def _limit(self, detector: Detector) -> float:
        """The evidence that is an alarm: D rises by at most 1 per block on average as long as nothing has changed."""
        return self._kept.false_alarm_every / detector.reference.block

    def _remarks(self) -> Iterator[str]:
        kept = self._kept
        for name, detector in self._detectors.items():
            reference = detector.reference
            if reference.doubled:
                yield (
                    f"{name}: neighbouring blocks were alike, so that blocks have {reference.block} frames instead of "
                    f"{kept.block}"
                )
            if reference.correlated:
                yield f"{name}: neighbouring blocks are still alike; false alarms come more often than asked for"
        main = self._detectors.get(STATISTICS)
        if main is not None and set(main.names) != set(STATS):
            yield f"watched are {', '.join(main.names)} alone: the bundle does not measure frames as pictures"
        if kept.unmeasured:
            yield f"{kept.unmeasured} judged frames lack a statistic, and count for rejects alone"
        if kept.frames >= _MANY and 2 * kept.unfit > kept.frames:
            yield f"{kept.unfit} of {kept.frames} frames are UNKNOWN or REFUSED and tell no statistics"
