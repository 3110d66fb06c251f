"""Soak: a very long run of good and bad frames, as on a line that is never restarted (Linux).

The frames are made from the bundle's golden frames, in every memory layout. Bad frames are mixed in: frames that must
be refused (wrong dtype, NaN, wrong shape, no pixels, a list, a masked array), and dead frames (constant, black,
saturated), which must be UNKNOWN. Good and defective frames must always give the same bits. Resident memory is read
repeatedly. Growth is the largest reading after the first tenth of the frames, minus the reading at the end of that
tenth. The exit code is 1 if growth reaches the limit or any frame got a wrong result. Ctrl-C prints the figures
measured so far; the exit code is then 130.

    python benchmarks/soak.py BUNDLE --frames 1000000
"""

import argparse
import collections
import dataclasses
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common import count, headline, load, parser, tell, varied_frames
from goodpart.cli.common import INTERRUPTED, print_json, run
from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart.inspector import Inspector

_TENTHS = 10
_BETWEEN_READINGS = 500
_DIFFERENT = 60
_SHOWN = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """A frame and what must become of it.

    Attributes:
        name: for the report.
        frame: an array, or what is given instead of one.
        outcome: a verdict, or the name of an error.
        score: None if any will do.
    """

    name: str
    frame: Any
    outcome: str
    score: float | None = None


@dataclasses.dataclass(kw_only=True)
class Tally:
    """What was measured until now."""

    frames: int = 0
    spent_s: float = 0.0
    results: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    bad: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    wrong: list[str] = dataclasses.field(default_factory=list)
    wrong_frames: int = 0
    resident_mb: list[float] = dataclasses.field(default_factory=list)
    first_tenth_mb: float | None = None
    later_peak_mb: float | None = None

    @property
    def growth_mb(self) -> float | None:
        """By how much memory grew after the first tenth, None before its end."""
        if self.first_tenth_mb is None or self.later_peak_mb is None:
            return None
        return round(self.later_peak_mb - self.first_tenth_mb, 3)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__)
    made.add_argument("--frames", type=count, default=1_000_000, help="default %(default)s")
    made.add_argument("--threads", type=count, default=1, help="for one frame (default %(default)s)")
    made.add_argument("--bad", type=_share, default=0.01, metavar="SHARE", help="of all frames (default %(default)s)")
    made.add_argument("--limit-mb", type=float, default=2.0, metavar="MB", help="of growth (default %(default)s)")
    return run(_soak, made, argv)


def _share(text: str) -> float:
    """Parses a share.

    Raises:
        argparse.ArgumentTypeError: not from 0 to 1.
    """
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise argparse.ArgumentTypeError(f"expected a share from 0 to 1, found {text!r}")
    return share


def _soak(options: argparse.Namespace) -> int:
    inspector, bundle = load(options.bundle, threads=options.threads)
    good = [
        Sample(name=layout, frame=change(frame), outcome=found.verdict.value, score=found.score)
        for frame in varied_frames(bundle, _DIFFERENT, seed=options.seed)
        for found in [inspector.inspect(frame)]
        for layout, change in _LAYOUTS.items()
    ]
    bad = bad_samples(bundle.read_golden(bundle.manifest.golden[0].file), inspector.backbone.spec.frame)
    tally, complete = Tally(), False
    try:
        _run(inspector, good, bad, options, tally)
        complete = True
    except KeyboardInterrupt:
        tell(f"interrupted after {tally.frames} frames")
    print_json(
        {
            **headline("soak", seed=options.seed, digest=bundle.digest),
            "threads": options.threads,
            "frames": tally.frames,
            "complete": complete,
            "frames_per_s": round(tally.frames / tally.spent_s, 1) if tally.spent_s else None,
            "seconds": round(tally.spent_s, 1),
            "growth_mb": tally.growth_mb,
            "limit_mb": options.limit_mb,
            # before the first frame and after every tenth
            "resident_mb": tally.resident_mb,
            "results": dict(sorted(tally.results.items())),
            "bad_frames": dict(sorted(tally.bad.items())),
            "wrong_frames": tally.wrong_frames,
            "wrong": tally.wrong,
        }
    )
    if tally.wrong_frames or not (tally.growth_mb is None or tally.growth_mb < options.limit_mb):
        return 1
    return 0 if complete else INTERRUPTED


def _run(
    inspector: Inspector, good: list[Sample], bad: list[Sample], options: argparse.Namespace, tally: Tally
) -> None:
    """Inspects, and keeps the tally up to date whenever it is interrupted."""
    rng = np.random.default_rng(options.seed)
    ends = sorted({max(1, options.frames * (tenth + 1) // _TENTHS) for tenth in range(_TENTHS)})
    began = time.perf_counter()
    tally.resident_mb.append(_resident_mb())
    try:
        for end in ends:
            while tally.frames < end:
                for _ in range(min(_BETWEEN_READINGS, end - tally.frames)):
                    if rng.random() < options.bad:
                        sample = bad[rng.integers(len(bad))]
                        tally.bad[sample.name] += 1
                    else:
                        sample = good[rng.integers(len(good))]
                    _inspect(inspector, sample, tally)
                now_mb = _resident_mb()
                if tally.first_tenth_mb is not None:
                    tally.later_peak_mb = max(now_mb, tally.later_peak_mb or 0.0)
            tally.resident_mb.append(now_mb)
            if tally.first_tenth_mb is None:
                tally.first_tenth_mb = now_mb
            spent_s = time.perf_counter() - began
            left_s = spent_s / tally.frames * (options.frames - tally.frames)
            tell(
                f"{tally.frames} of {options.frames} frames, {now_mb:.2f} MB, {tally.wrong_frames} wrong, "
                f"{tally.frames / spent_s:.0f} per second, about {left_s:.0f} s left"
            )
    finally:
        tally.spent_s = time.perf_counter() - began


def _inspect(inspector: Inspector, sample: Sample, tally: Tally) -> None:
    """One frame, and whether it got what it must."""
    score, text = None, ""
    try:
        found = inspector.inspect(sample.frame)
        outcome, score = found.verdict.value, found.score
    except Exception as error:  # noqa: BLE001 - the very thing that must not happen, and the others still count
        outcome, text = type(error).__name__, f" ({error})"
    tally.frames += 1
    tally.results[outcome] += 1
    if outcome != sample.outcome or sample.score not in (None, score):
        tally.wrong_frames += 1
        if len(tally.wrong) < _SHOWN:
            wanted = f"{sample.outcome} {sample.score}"
            tally.wrong.append(f"{sample.name}: expected {wanted}, found {outcome} {score}{text}")


def _read_only(frame: npt.NDArray[Any]) -> npt.NDArray[Any]:
    kept = np.array(frame)
    kept.flags.writeable = False
    return kept


def _backwards(frame: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray(frame[::-1, ::-1].copy()[::-1, ::-1])


_LAYOUTS: dict[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    "as it is": lambda frame: frame,
    "read-only": _read_only,
    "columns first": lambda frame: np.array(frame, order="F"),
    "backwards in memory": _backwards,
}


def bad_samples(frame: npt.NDArray[Any], spec: FrameSpec) -> list[Sample]:
    """Frames that must be refused or UNKNOWN, made from a good one of the same bundle."""
    low, high = spec.value_range or (0, 255)
    nan = frame.astype(np.float32)
    nan[0, 0] = np.nan
    refused: dict[str, Any] = {
        "float64": frame.astype(np.float64),
        "int32": frame.astype(np.int32),
        "other bit depth": frame.astype(np.uint16 if spec.dtype is PixelType.UINT8 else np.uint8),
        "NaN": nan,
        "infinite": np.full(frame.shape, np.inf),
        "another channel": np.repeat(frame[..., np.newaxis], 2, axis=-1),
        "one row": frame[0],
        "no pixels": frame[:0],
        "list": frame[:2, :2].tolist(),
        "nothing": None,
        "masked": np.ma.masked_array(frame, mask=frame > frame.mean()),
    }
    noise = np.random.default_rng(0).integers(0, 2, frame.shape).astype(frame.dtype)
    colour = np.arange(3, dtype=frame.dtype) if spec.channels is not Channels.GRAY else frame.dtype.type(9)
    dead = {
        "constant": np.full_like(frame, (low + high) // 2),
        "one colour": np.broadcast_to(colour, frame.shape),
        "black": low + noise,
        "saturated": high - noise,
    }
    return [Sample(name=name, frame=made, outcome="FrameError") for name, made in refused.items()] + [
        Sample(name=name, frame=made.astype(frame.dtype, copy=False), outcome="UNKNOWN") for name, made in dead.items()
    ]


def _resident_mb() -> float:
    """Resident memory of this process, in 10^6 bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 3)


if __name__ == "__main__":
    sys.exit(main())
