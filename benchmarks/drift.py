"""Drift: false alarms and delays of `goodpart.drift` on real statistics, beside PSI and CUSUM of the score; its cost.

The frames must be good ones that the bundle has not learned. Each is scored as it is and under six changes of light,
focus and position, once; streams are drawn from these numbers (see `drift_streams.py`). Two tables: with frame checks,
where UNKNOWN and REFUSED frames give no statistics, as on a station; and without, where all frames are judged. PSI
and CUSUM get the same reference frames, and the score of every frame.

With `--only-cost` no stream is drawn, and the cost is measured on frames of the given sides.

    python benchmarks/drift.py BUNDLE --frames DIR [--group REGEX --group-gap N] [--runs 1 3 11]
    python benchmarks/drift.py BUNDLE --frames DIR --only-cost 256 450 900
"""

import argparse
import dataclasses
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from common import RUNTIME_PACKAGES, count, headline, load, parser, tell
from drift_streams import BLOCK, LEARNED, Scored, Streams, cusum_alarm, first_alarm, psi_alarm
from goodpart.cli.common import print_json, run
from goodpart.drift import Drift
from goodpart.errors import FrameError, UsageError
from goodpart.frames.checks import look_at
from goodpart.frames.images import read_image
from goodpart.frames.listing import find_images
from goodpart.frames.statistics import frame_statistics
from goodpart.inspector import Inspector
from goodpart.scoring.stats import STATS, frame_stats
from goodpart_bank_builder.data.parts import group_parts

Frame = npt.NDArray[np.uint8]

_BEFORE = 500
_RUNS = 10
_UNCHANGED = 20_000
_PATIENCE = 5_000
_SLOW = (5_000, 20_000)
_COST_FRAMES = 96
_COST_SIDE = 256


def _light(factor: float) -> Callable[[Frame], Frame]:
    return lambda frame: np.asarray(np.clip(np.rint(frame * factor), 0, 255), np.uint8)


def _defocus(sigma_px: float) -> Callable[[Frame], Frame]:
    return lambda frame: np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma_px), np.uint8)


def _shift(by_px: int) -> Callable[[Frame], Frame]:
    move = np.array([[1, 0, by_px], [0, 1, 0]], np.float64)

    def moved(frame: Frame) -> Frame:
        size = frame.shape[1], frame.shape[0]
        return np.asarray(cv2.warpAffine(frame, move, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)

    return moved


CHANGES: dict[str, Callable[[Frame], Frame]] = {
    "none": lambda frame: frame,
    "light .9": _light(0.9),
    "light .95": _light(0.95),
    "defocus 1.5": _defocus(1.5),
    "defocus .7": _defocus(0.7),
    "shift 2": _shift(2),
    "shift 8": _shift(8),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__)
    made.add_argument("--frames", type=Path, required=True, metavar="DIR", help="good frames, none of them learned")
    made.add_argument("--group", metavar="REGEX", help="as in goodpart-bank build")
    made.add_argument("--group-gap", type=int, default=0, metavar="N", help="as in goodpart-bank build")
    made.add_argument(
        "--runs", type=count, nargs="+", default=[1, 3, 11], help="frames of a part (default %(default)s)"
    )
    made.add_argument("--repeats", type=count, default=_RUNS, help="streams of each kind (default %(default)s)")
    made.add_argument(
        "--unchanged", type=count, default=_UNCHANGED, help="frames without a change (default %(default)s)"
    )
    made.add_argument("--only-cost", type=count, nargs="+", metavar="SIDE", help="the cost alone, on such frames")
    made.add_argument("--scores", type=Path, metavar="FILE", help="keep what was scored there, and use it again")
    return run(_drift, made, argv)


def _drift(options: argparse.Namespace) -> int:
    inspector, bundle = load(options.bundle, threads=1)
    paths = find_images(options.frames)
    parts = group_parts(paths, options.frames, pattern=options.group, gap=options.group_gap)
    frames = [read_image(path, inspector.backbone.spec.frame) for path in paths]
    if frames[0].dtype != np.uint8:
        raise UsageError(f"{options.frames}: expected uint8 frames, found {frames[0].dtype}")
    if options.only_cost:
        cost = {f"{side}x{side}": _cost(inspector, frames, side) for side in options.only_cost}
        print_json({**headline("drift", seed=options.seed, digest=bundle.digest), "cost": cost})
        return 0
    scored = _kept(options.scores) or {
        name: _scored(inspector, [change(frame) for frame in frames], name) for name, change in CHANGES.items()
    }
    if options.scores is not None:
        plain = {name: dataclasses.asdict(each) | {"stats": each.stats.tolist()} for name, each in scored.items()}
        options.scores.write_text(json.dumps(plain))
    tables = {}
    for name, checked in (("with_checks", True), ("all_judged", False)):
        streams = Streams(scored, [parts[path] for path in paths], checked=checked)
        tables[name] = [_table(streams, length, options) for length in options.runs]
    print_json(
        {
            **headline(
                "drift", seed=options.seed, digest=bundle.digest,
                packages=(*RUNTIME_PACKAGES, "goodpart-bank-builder"),
            ),
            "frames": len(paths),
            "parts": len(set(parts.values())),
            "means": {name: dict(zip(STATS, each.stats.mean(axis=0).round(4).tolist(), strict=True))
                      for name, each in scored.items()},
            "outcomes": {name: dict(Counter(each.outcomes)) for name, each in scored.items()},
            "repeats": options.repeats,
            "unchanged_frames": options.unchanged,
            **tables,
            "slow": _slow(Streams(scored, [parts[path] for path in paths], checked=False), options),
            "cost": _cost(inspector, frames, _COST_SIDE),
        }
    )  # fmt: skip
    return 0


def _kept(path: Path | None) -> dict[str, Scored] | None:
    if path is None or not path.exists():
        return None
    return {
        name: Scored(
            stats=np.array(each["stats"]),
            outcomes=tuple(each["outcomes"]),
            defects=tuple(each["defects"]),
            reasons=tuple(each["reasons"]),
        )
        for name, each in json.loads(path.read_text()).items()
    }


def _scored(inspector: Inspector, frames: list[Frame], name: str) -> Scored:
    """The product's answers; the statistics of a refused frame come from its scores without checks."""
    tell(f"{name}: {len(frames)} frames")
    checks, spec = inspector.checks, inspector.backbone.spec.frame
    stats, outcomes, defects, reasons = [], [], [], []
    for frame in frames:
        inspector.checks = checks
        try:
            found = inspector.inspect(frame)
            outcome, reason = found.verdict.value, found.reason or ""
        except FrameError as error:
            inspector.checks = None
            found = inspector.inspect(frame)
            outcome, reason = "REFUSED", str(error)
        own = frame_stats(found.score, found.grid, found.ignored, found.statistics or frame_statistics(frame, spec))
        stats.append([own[name] for name in STATS])
        outcomes.append(outcome)
        reasons.append(reason)
        defects.append(found.score_above_threshold)
    inspector.checks = checks
    return Scored(stats=np.array(stats), outcomes=tuple(outcomes), defects=tuple(defects), reasons=tuple(reasons))


def _table(streams: Streams, length: int, options: argparse.Namespace) -> dict[str, Any]:
    """False alarms and delays for parts in runs of one length."""
    tell(f"runs of {length}")
    alarms: Counter[str] = Counter()
    words: list[str] = []
    for repeat in range(options.repeats):
        rng = np.random.default_rng([options.seed, length, repeat])
        rows, noise = streams.rows(rng, options.unchanged + LEARNED, run=length)
        stream = streams.stream([(rows, streams.values(rows, noise, "none"), "none")])
        found = first_alarm(stream, seed=repeat)
        words += [] if found.alarm is None else [found.alarm.words]
        alarms["drift"] += found.alarm is not None
        score = stream.values[:, 0]
        alarms["psi"] += psi_alarm(score[:LEARNED], score[LEARNED:]) is not None
        alarms["cusum"] += cusum_alarm(score[:LEARNED], score[LEARNED:]) is not None
    return {
        "run": length,
        "runs_with_false_alarm": dict(alarms),
        "false_words": words,
        "changes": {change: _delays(streams, change, length, options) for change in CHANGES if change != "none"},
    }


def _delays(streams: Streams, change: str, length: int, options: argparse.Namespace) -> dict[str, Any]:
    """How many frames after the change each finds it; a false alarm before it counts as not found."""
    found: dict[str, list[int]] = {"drift": [], "psi": [], "cusum": []}
    named, dated, words, blocks = Counter[str](), [], "", Counter[int]()
    for repeat in range(options.repeats):
        rng = np.random.default_rng([options.seed, length, repeat, 1])
        before = 2 * LEARNED + _BEFORE  # learned by then, also if blocks were doubled once
        rows, noise = streams.rows(rng, before + _PATIENCE, run=length)
        pieces = [(rows[:before], noise[:before], "none"), (rows[before:], noise[before:], change)]
        stream = streams.stream([(row, streams.values(row, own, name), name) for row, own, name in pieces])
        first = first_alarm(stream, seed=repeat)
        blocks[first.block] += 1
        if (alarm := first.alarm) is not None and alarm.frame > before:
            found["drift"].append(alarm.frame - before)
            named[f"{alarm.statistic} {alarm.direction}"] += 1
            dated.append(alarm.since - before - 1)
            words = alarm.words
        score = stream.values[:, 0]
        for name, detect in (("psi", psi_alarm), ("cusum", cusum_alarm)):
            at = detect(score[:LEARNED], score[LEARNED:])
            if at is not None and at > before - LEARNED:
                found[name].append(at - before + LEARNED)
    return {
        **{name: {"found": len(each), "median": _median(each), "most": max(each, default=None)}
           for name, each in found.items()},
        "named": dict(named.most_common()),
        "dated_off_median": _median(dated),
        "words": words,
        "blocks": {str(block): number for block, number in blocks.items()},
    }  # fmt: skip


def _slow(streams: Streams, options: argparse.Namespace) -> dict[str, Any]:
    """At which share of the full change the alarm comes if it grows linearly, parts in runs of 3."""
    result: dict[str, Any] = {}
    for change in CHANGES:
        for over in _SLOW if change != "none" else ():
            tell(f"{change} over {over} frames")
            shares = []
            for repeat in range(options.repeats):
                rng = np.random.default_rng([options.seed, over, repeat])
                rows, noise = streams.rows(rng, LEARNED + over, run=3)
                whole = np.clip((np.arange(LEARNED + over) - LEARNED) / over, 0, 1)[:, np.newaxis]
                values = (1 - whole) * streams.values(rows, noise, "none") + whole * streams.values(rows, noise, change)
                alarm = first_alarm(streams.stream([(rows, values, "none")]), seed=repeat).alarm
                if alarm is not None and alarm.frame > LEARNED:
                    shares.append((alarm.frame - LEARNED) / over)
            result.setdefault(change, {})[str(over)] = {"found": len(shares), "median_share": _median(shares)}
    return result


def _cost(inspector: Inspector, frames: list[Frame], side: int) -> dict[str, Any]:
    """CPU time of frame checks and of `Drift.add` beside the bare backbone, square frames, one thread, in turns."""
    spent: dict[str, list[float]] = {"backbone": [], "checks": [], "add": []}
    spec, checks = inspector.backbone.spec.frame, inspector.checks
    drift = Drift(block=BLOCK)
    if checks is None:
        raise UsageError("cost: expected a bundle with frame checks, found none")
    for number in range(_COST_FRAMES):
        frame = np.asarray(cv2.resize(frames[number % len(frames)], (side, side)), np.uint8)
        inspector.checks = None
        found = inspector.inspect(frame)
        _, statistics = look_at(frame, spec, checks, inspector.bundle.manifest.signal_rule)
        found = dataclasses.replace(found, statistics=statistics)
        spent["backbone"].append(_took_us(inspector.backbone.embed, frame))
        spent["checks"].append(_took_us(look_at, frame, spec, checks, inspector.bundle.manifest.signal_rule))
        spent["add"].append(_took_us(drift.add, found))
    inspector.checks = checks
    bare = float(np.median(spent["backbone"]))
    # the mean: one frame in 16 completes a block and takes longer
    ours = {"checks": float(np.median(spent["checks"])), "add": float(np.mean(spent["add"]))}
    return {
        "frames": _COST_FRAMES,
        "backbone_p50_us": round(bare, 1),
        **{f"{name}_us": round(each, 1) for name, each in ours.items()},
        **{f"{name}_over_backbone": round(each / bare, 4) for name, each in ours.items()},
        "together_over_backbone": round(sum(ours.values()) / bare, 4),
    }


def _took_us(work: Callable[..., object], *arguments: object) -> float:
    began = time.process_time()
    work(*arguments)
    return (time.process_time() - began) * 1e6


def _median(values: Sequence[float]) -> float | None:
    return round(float(np.median(values)), 4) if values else None


if __name__ == "__main__":
    sys.exit(main())
