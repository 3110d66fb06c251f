"""Station faults: how good frames are judged under the faults of `faults.py`, without frame checks and with them.

Every good test frame gets every fault; it is inspected with the checks off and on. The test frames themselves, good
and defective, are inspected too, as is: how many are UNKNOWN, and by which statistic. Then the checks alone are learned
from four fifths of the training images, five times, and asked about the other fifth.

    python benchmarks/station_faults.py BUNDLE --data CATEGORY --other OTHER_CATEGORY/train/good
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from common import RUNTIME_PACKAGES, count, headline, load, parser, read_frames, tell
from faults import FAULTS, Frame, Scene
from goodpart.cli.common import print_json, run
from goodpart.errors import FrameError, UsageError
from goodpart.facts.checks import FrameChecks
from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart.frames.checks import check_size, checked_names, unfit_reason
from goodpart.frames.images import read_image
from goodpart.frames.listing import find_images
from goodpart.inspector import Inspector
from goodpart_bank_builder.learn.frame_checks import learn_checks
from goodpart_bank_builder.learn.frame_facts import FrameFacts, frame_facts

_FOLDS = 5
_REFUSED = "REFUSED"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__)
    made.add_argument("--data", type=Path, required=True, metavar="CATEGORY", help="folder with train/good and test")
    made.add_argument("--other", type=Path, required=True, metavar="DIR", help="frames of another product")
    made.add_argument("--frames", type=count, default=20, help="good test frames at most (default %(default)s)")
    return run(_station_faults, made, argv)


def _station_faults(options: argparse.Namespace) -> int:
    inspector, bundle = load(options.bundle, threads=1)
    spec, checks = inspector.backbone.spec.frame, inspector.checks
    if (spec.channels, spec.dtype) != (Channels.RGB, PixelType.UINT8):
        raise UsageError(f"{options.bundle}: expected uint8 RGB frames, found {spec.describe()}")
    if checks is None:
        raise UsageError(f"{options.bundle}: expected a bundle with frame checks, found format version 1")
    good = read_frames(options.data / "test" / "good", spec, limit=options.frames, seed=options.seed)
    (other,) = read_frames(options.other, spec, limit=1, seed=options.seed)
    rows = [_row(inspector, checks, number, good, other, seed=options.seed) for number in range(len(FAULTS))]
    print_json(
        {
            **headline(
                "station_faults", seed=options.seed, digest=bundle.digest,
                packages=(*RUNTIME_PACKAGES, "goodpart-bank-builder"),
            ),
            "frames": len(good),
            "faults": rows,
            "goals": _goals(rows),
            "own_light": {
                kind.name: _judged(inspector, checks, [read_image(path, spec) for path in find_images(kind)])
                for kind in sorted((options.data / "test").iterdir())
            },
            "held_out": _held_out(options.data / "train" / "good", inspector, seed=options.seed),
        }
    )  # fmt: skip
    return 0


def _row(
    inspector: Inspector, checks: FrameChecks, number: int, good: list[Frame], other: Frame, *, seed: int
) -> dict[str, Any]:
    """Verdicts of the good frames under one fault."""
    fault = FAULTS[number]
    tell(f"fault {number + 1} of {len(FAULTS)}: {fault}")
    faulty = []
    for index, frame in enumerate(good):
        scene = Scene(
            rng=np.random.default_rng([seed, number, index]),
            previous=_fitted(good[index - 1], frame),
            other=_fitted(other, frame),
        )
        faulty.append(fault(frame, scene))
    facts = {"kind": fault.kind, "strength": fault.strength, "in_order": fault.in_order, "goal": fault.goal}
    return {**facts, **_judged(inspector, checks, faulty)}


def _judged(inspector: Inspector, checks: FrameChecks, frames: list[Frame]) -> dict[str, Any]:
    """Counts of verdicts without checks and with them, and how many frames each statistic flags."""
    before, after, by = Counter[str](), Counter[str](), Counter[str]()
    for frame in frames:
        inspector.checks = None
        seen = inspector.see(frame)
        before[inspector.inspect(frame, seen=seen).verdict.value] += 1
        inspector.checks = checks
        try:
            check_size(checks, *frame.shape[:2])
        except FrameError:
            after[_REFUSED] += 1
            continue
        found = inspector.inspect(frame, seen=seen)
        after[found.verdict.value] += 1
        for name in checked_names(checks, found.statistics, *frame.shape[:2]):
            low, high = checks.ranges[name]
            if not low <= found.statistics[name] <= high:
                by[f"{name} {'low' if found.statistics[name] < low else 'high'}"] += 1
    return {"frames": len(frames), "before": dict(before), "after": dict(after), "by": dict(by.most_common())}


def _goals(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What is asked of the table: shares over all frames of the rows that count."""
    in_order = [row for row in rows if row["in_order"]]
    goal = [row for row in rows if row["goal"]]
    flagged = sum(row["after"].get("UNKNOWN", 0) for row in goal)
    return {
        "defect_share_before": _share(in_order, "before", "DEFECT"),
        "defect_share_after": _share(in_order, "after", "DEFECT"),
        "flagged_share": flagged / sum(row["frames"] for row in goal),
        "worst_flagged_share": min(row["after"].get("UNKNOWN", 0) / row["frames"] for row in goal),
        "unknown_before": sum(row["before"].get("UNKNOWN", 0) for row in rows),
        "good_before": sum(row["before"].get("GOOD", 0) for row in rows if not row["in_order"]),
        "good_after": sum(row["after"].get("GOOD", 0) for row in rows if not row["in_order"]),
    }


def _share(rows: list[dict[str, Any]], when: str, verdict: str) -> float:
    return float(sum(row[when].get(verdict, 0) for row in rows) / sum(row["frames"] for row in rows))


def _held_out(folder: Path, inspector: Inspector, *, seed: int) -> dict[str, Any]:
    """How many of the training images checks flag that were learned without their fold."""
    spec = inspector.backbone.spec
    facts = {path: _facts(path, spec.frame) for path in find_images(folder)}
    order = np.random.default_rng(seed).permutation(len(facts))
    paths = [sorted(facts)[place] for place in order]
    flagged: list[str] = []
    for fold in range(_FOLDS):
        held_out = paths[fold::_FOLDS]
        others = [path for path in paths if path not in set(held_out)]
        inner = [others[number::_FOLDS] for number in range(_FOLDS)]
        checks = learn_checks({path: facts[path] for path in others}, inner, spec, any_size=False)
        for path in held_out:
            one = facts[path]
            size_px = one.height_px, one.width_px
            fits = checks.size is None or checks.size.times(*size_px) is not None
            if not fits or unfit_reason(checks, one.statistics, *size_px) is not None:
                flagged.append(path.name)
    return {"frames": len(paths), "folds": _FOLDS, "flagged": sorted(flagged)}


def _facts(path: Path, spec: FrameSpec) -> FrameFacts:
    return frame_facts(read_image(path, spec), spec)


def _fitted(frame: Frame, like: Frame) -> Frame:
    """The frame in the size of another one."""
    return np.asarray(cv2.resize(frame, (like.shape[1], like.shape[0])), np.uint8)


if __name__ == "__main__":
    sys.exit(main())
