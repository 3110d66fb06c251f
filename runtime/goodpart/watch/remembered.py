"""What drift remembers, as it stands in its file."""

import dataclasses

from goodpart.errors import UsageError
from goodpart.facts.spec import SHA256
from goodpart.scoring.stats import STATS
from goodpart.watch.alarm import REJECTS, UNFIT, WATCHED, DriftAlarm
from goodpart.watch.detector import DetectorState

STATISTICS = "statistics"
"""The detector of the statistics of judged frames, beside `REJECTS` and `UNFIT`."""

SIZE_LIMIT_BYTES = 1 << 18

VERSION = 1

_MOST_BLOCK = 4096
_LEAST_EVERY, _MOST_EVERY = 1000, 10**9


@dataclasses.dataclass(frozen=True, kw_only=True)
class DriftReference:
    """What a drift has learned.

    Attributes:
        bundle: digest of the bundle that judged, None if it was not known.
        detectors: with a complete reference, by name.
    """

    bundle: str | None
    detectors: dict[str, DetectorState]


@dataclasses.dataclass(kw_only=True)
class Remembered:
    """All that a drift remembers; it changes with each frame.

    Attributes:
        version: of these keys.
        bundle, block, false_alarm_every, seed: as given.
        threshold: of the last frame, in sigmas; None before the first.
        checks_moved: whether other frame checks than the bundle's own were used for it.
        frames, unfit, unmeasured: numbers of frames, as in `DriftState`.
        reason: why the last UNKNOWN or REFUSED frame was that.
        detectors: by name.
        alarms: those that nobody has acknowledged, by the name of the detector.
    """

    version: int = VERSION
    bundle: str | None
    block: int
    false_alarm_every: int
    seed: int
    threshold: float | None = None
    checks_moved: bool | None = None
    frames: int = 0
    unfit: int = 0
    unmeasured: int = 0
    reason: str = ""
    detectors: dict[str, DetectorState]
    alarms: dict[str, DriftAlarm]

    def __post_init__(self) -> None:
        if self.version != VERSION:
            raise UsageError(f"version: expected {VERSION}, found {self.version}; it is of another goodpart")
        if self.bundle is not None and not SHA256.fullmatch(self.bundle):
            raise UsageError(f"bundle: expected the digest of a bundle, found {self.bundle[:80]!r}")
        if not 1 <= self.block <= _MOST_BLOCK:
            raise UsageError(f"block: expected 1 to {_MOST_BLOCK} frames, found {self.block}")
        if not _LEAST_EVERY <= self.false_alarm_every <= _MOST_EVERY:
            raise UsageError(
                f"false_alarm_every: expected {_LEAST_EVERY} to {_MOST_EVERY} frames, found {self.false_alarm_every}"
            )
        if min(self.frames, self.unfit, self.unmeasured, self.seed) < 0:
            raise UsageError("drift: expected a seed and numbers of frames from 0 on, found one below")
        if not {REJECTS, UNFIT} <= self.detectors.keys() <= {STATISTICS, REJECTS, UNFIT}:
            raise UsageError(f"detectors: expected {REJECTS}, {UNFIT} and {STATISTICS}, found {sorted(self.detectors)}")
        for name, state in self.detectors.items():
            known = set(STATS) if name == STATISTICS else {name}
            if not set(state.names) <= known or state.rise_only != (name != STATISTICS):
                raise UsageError(f"detectors: {name}: expected names of {sorted(known)}, found {list(state.names)}")
        wrong = [alarm for alarm in self.alarms.values() if alarm.statistic not in WATCHED]
        wrong += [alarm for alarm in self.alarms.values() if alarm.direction not in ("higher", "lower")]
        if wrong or not self.alarms.keys() <= self.detectors.keys():
            raise UsageError("alarms: expected those of the detectors, found others")
