"""Streams of frames for `drift.py`: real statistics, drawn again and again, part by part.

A stream draws a part, smooths its values by a normal kernel (Scott's width, shrunk, so that the spread stays), and
gives its frames in a run. A change takes the same part's values under that change, so that nothing else differs.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goodpart.scoring.stats import STATS
from goodpart.watch.alarm import REJECTS, UNFIT, DriftAlarm
from goodpart.watch.detector import Detector
from goodpart.watch.reference import REFERENCE_BLOCKS

Floats = npt.NDArray[np.float64]

BLOCK = 16
LEARNED = REFERENCE_BLOCKS * BLOCK

PSI_WINDOW, PSI_ALARM, PSI_BINS = 200, 0.25, 10
CUSUM_SLACK, CUSUM_ALARM = 0.5, 10.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scored:
    """What the product says of the same frames under one change.

    Attributes:
        stats: `(frames, 6)`.
        outcomes: `(frames,)` verdicts with frame checks, or "REFUSED".
        defects: `(frames,)` whether the score alone makes it a DEFECT.
        reasons: why each is UNKNOWN or REFUSED, else "".
    """

    stats: Floats
    outcomes: tuple[str, ...]
    defects: tuple[bool, ...]
    reasons: tuple[str, ...]


class Streams:
    """Streams over the parts of one set."""

    def __init__(self, scored: dict[str, Scored], parts: list[str], *, checked: bool) -> None:
        """Prepares the drawing.

        Args:
            scored: by the name of the change, "none" among them.
            parts: the part of each frame.
            checked: whether UNKNOWN and REFUSED frames are that, or are judged by their score alone.
        """
        self.scored, self._checked = scored, checked
        names = sorted(set(parts))
        self._images = [np.flatnonzero([part == name for part in parts]) for name in names]
        base = scored["none"].stats
        self._mean, self._spread = base.mean(axis=0), base.std(axis=0)
        self._width = len(base) ** -0.2

    def rows(self, rng: np.random.Generator, frames: int, *, run: int) -> tuple[npt.NDArray[np.int64], Floats]:
        """`(frames,)` numbers of real frames, and `(frames, 6)` kernel noise that is the same within a part.

        Args:
            rng: random numbers.
            frames: how many.
            run: 1 for independent frames; else each image of a part is repeated so that runs have about this length.
        """
        sizes = np.array([len(images) for images in self._images])
        repeats = max(1, round(run / float(sizes.mean())))
        parts = rng.integers(len(sizes), size=frames if run == 1 else frames // repeats + 1)
        if run == 1:
            chosen = [self._images[part][each] for part, each in zip(parts, _one_of(rng, sizes[parts]), strict=True)]
            return np.array(chosen), rng.normal(size=(frames, len(STATS)))
        rows = np.concatenate([np.repeat(self._images[part], repeats) for part in parts])
        noise = np.repeat(rng.normal(size=(len(parts), len(STATS))), repeats * sizes[parts], axis=0)
        return rows[:frames], noise[:frames]

    def values(self, rows: npt.NDArray[np.int64], noise: Floats, change: str) -> Floats:
        """`(frames, 6)` smoothed statistics under a change."""
        base, real = self.scored["none"].stats[rows], self.scored[change].stats[rows]
        shrunk = self._mean + (base + self._width * self._spread * noise - self._mean) / np.sqrt(1 + self._width**2)
        return np.asarray(shrunk + (real - base))

    def stream(self, pieces: Sequence[tuple[npt.NDArray[np.int64], Floats, str]]) -> "Stream":
        """A stream of one piece after another, each of numbers of real frames, their smoothed values, and a change."""
        judged, defects, reasons = [], [], []
        for rows, _, change in pieces:
            scored = self.scored[change]
            unfit = np.array([outcome not in ("GOOD", "DEFECT") for outcome in scored.outcomes]) & self._checked
            judged.append(~unfit[rows])
            defects.append(np.array(scored.defects)[rows])
            reasons.append(np.array(scored.reasons)[rows])
        return Stream(
            values=np.concatenate([values for _, values, _ in pieces]),
            judged=np.concatenate(judged),
            defects=np.concatenate(defects),
            reasons=np.concatenate(reasons),
        )


def _one_of(rng: np.random.Generator, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """A whole number from 0 to below each count."""
    return np.asarray(rng.random(len(counts)) * counts, np.int64)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stream:
    """Frames one after another.

    Attributes:
        values: `(frames, 6)` statistics.
        judged: `(frames,)` whether each is judged.
        defects: `(frames,)` whether each is a DEFECT if it is judged.
        reasons: `(frames,)` why each is not judged.
    """

    values: Floats
    judged: npt.NDArray[np.bool_]
    defects: npt.NDArray[np.bool_]
    reasons: npt.NDArray[np.str_]


@dataclasses.dataclass(frozen=True, kw_only=True)
class First:
    """The first alarm of a stream, or None; and frames of a block of statistics."""

    alarm: DriftAlarm | None
    block: int


def first_alarm(stream: Stream, *, seed: int = 0, false_alarm_every: int = 100_000) -> First:
    """What `Drift` says of a stream, block by block instead of frame by frame: the same detectors, the same numbers."""
    frames = np.arange(1, len(stream.values) + 1)
    judged = np.flatnonzero(stream.judged)
    kinds = (
        (STATS, stream.values[judged], frames[judged], False),
        ((REJECTS,), stream.defects[judged, np.newaxis] * 1.0, frames[judged], True),
        ((UNFIT,), ~stream.judged[:, np.newaxis] * 1.0, frames, True),
    )
    alarms: list[DriftAlarm] = []
    block = BLOCK
    for names, values, numbers, rise_only in kinds:
        detector = Detector(names, block=1, seed=seed, rise_only=rise_only)
        whole = len(values) // BLOCK * BLOCK
        means = values[:whole].reshape(-1, BLOCK, len(names)).mean(axis=1)
        for each, last in zip(means.tolist(), numbers[BLOCK - 1 : whole : BLOCK].tolist(), strict=True):
            if alarms and last >= min(alarm.frame for alarm in alarms):
                break  # another one was first
            limit = false_alarm_every / (BLOCK * detector.reference.block)
            if detector.add(each, last) and detector.evidence >= limit:
                reason = str(stream.reasons[last - 1]) if UNFIT in names else ""
                alarms.append(DriftAlarm(frame=last, **dataclasses.asdict(detector.lead), reason=reason))
                break
        if names == STATS:
            block = BLOCK * detector.reference.block
    return First(alarm=min(alarms, key=lambda alarm: alarm.frame, default=None), block=block)


def psi_alarm(reference: Floats, later: Floats) -> int | None:
    """The first of the later scores after which the population stability index of the last 200 is above .25."""
    edges = np.quantile(reference, np.linspace(0, 1, PSI_BINS + 1)[1:-1])
    expected = np.bincount(np.searchsorted(edges, reference), minlength=PSI_BINS) / len(reference)
    bins = np.eye(PSI_BINS)[np.searchsorted(edges, later)]
    if len(later) < PSI_WINDOW:
        return None
    sums = np.cumsum(np.vstack([np.zeros(PSI_BINS), bins]), axis=0)
    shares = np.maximum((sums[PSI_WINDOW:] - sums[:-PSI_WINDOW]) / PSI_WINDOW, 1e-4)
    expected = np.maximum(expected, 1e-4)
    above = ((shares - expected) * np.log(shares / expected)).sum(axis=1) > PSI_ALARM
    return int(above.argmax()) + PSI_WINDOW if above.any() else None


def cusum_alarm(reference: Floats, later: Floats) -> int | None:
    """The first of the later scores at which Page's CUSUM, two-sided, k = .5, reaches 10."""
    up = down = 0.0
    for number, z in enumerate(((later - reference.mean()) / reference.std()).tolist()):
        up, down = max(0.0, up + z - CUSUM_SLACK), max(0.0, down - z - CUSUM_SLACK)
        if max(up, down) >= CUSUM_ALARM:
            return number + 1
    return None
