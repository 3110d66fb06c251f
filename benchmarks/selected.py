"""Selected: what becomes of the threshold when the batch that joins a bank was picked by hand.

Every split by part keeps some good parts unseen. Of the others, some were photographed first, and the rest stand for
what the line makes later. From these, `--taken` parts join the bank: picked at random, or the ones that the first bank
scores highest, as false rejects that operators confirmed are. Both come as a batch that calibrates and as a selected
one, which joins the bank only. The parts, folds, coresets and thresholds are those of a build from a recipe.

For each way: the share of unseen parts that are rejected, the share of defective test images that pass, and the
threshold. Thresholds of two banks are on different scales, so each is given as a distance over the sigma of the random
batch that calibrates, as the rise above its threshold.

    python benchmarks/selected.py backbone.onnx --data CATEGORY [--group REGEX --group-gap N] [--taken 20]
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common import RUNTIME_PACKAGES, count, headline, parser, tell
from goodpart.cli.common import print_json, run
from goodpart.errors import UsageError
from goodpart.facts.calibration import RateUnit
from goodpart.facts.profile import Profile
from goodpart_bank_builder.data.parts import BatchRole, make_folds
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.learn.calibrate import make_calibration
from goodpart_bank_builder.progress import progress
from split_bank import Good, Learned, add_split_options, embedded, is_rejected, learn, load_backbone, score_of, sums_of

_UNSEEN = 0.2
"""Share of the good parts that a split keeps unseen."""

_FIRST = "first batch alone"
_RANDOM = "random, calibrates"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__, bundle=False)
    add_split_options(made, splits=20)
    made.add_argument("--first", type=count, help="parts of the first batch (default: half of those not unseen)")
    made.add_argument("--taken", type=count, default=20, help="parts of the line that join (default %(default)s)")
    made.add_argument("--rate", type=float, default=0.05, help="of false rejects, per part (default %(default)s)")
    return run(_measure, made, argv)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Way:
    """What one way of adding a batch gave in one split.

    Attributes:
        rejected: share of the unseen parts.
        passed: share of the defective test images; None without any.
        threshold: in sigmas of its own scale.
        distance: the same as a mean distance.
        sigma: its scale.
    """

    rejected: float
    passed: float | None
    threshold: float
    distance: float
    sigma: float


def _measure(options: argparse.Namespace) -> int:
    backbone = load_backbone(options)
    good = embedded(backbone, options, head=False, defects=True)
    profile = dataclasses.replace(backbone.spec.profile, bank_vectors=options.vectors)
    splits: list[dict[str, _Way]] = []
    for number in progress(range(options.splits), doing="splitting", total=options.splits, unit="splits"):
        splits.append(_one_split(good, profile, options, options.seed + number))
    ways = {name: _summary(name, splits) for name in splits[0]}
    for name, summary in ways.items():
        tell(f"{name:20} {summary}")
    packages = (*RUNTIME_PACKAGES, "goodpart-bank-builder")
    print_json(
        {
            **headline("selected", seed=options.seed, digest=None, packages=packages),
            "category": options.data.name,
            "images": len(good.parts),
            "parts": len(set(good.parts.values())),
            "splits": options.splits,
            "taken": options.taken,
            "rate": options.rate,
            "bank_vectors": options.vectors,
            "stride": options.stride,
            "ways": ways,
        }
    )
    return 0


def _one_split(good: Good, profile: Profile, options: argparse.Namespace, seed: int) -> dict[str, _Way]:
    names = sorted(set(good.parts.values()))
    order = [names[place] for place in np.random.default_rng(seed).permutation(len(names))]
    unseen, known = order[: round(_UNSEEN * len(order))], order[round(_UNSEEN * len(order)) :]
    size = len(known) // 2 if options.first is None else options.first
    first, line = known[:size], known[size:]
    if len(line) < options.taken:
        raise UsageError(f"--taken: expected at most the {len(line)} parts of the line, found {options.taken}")
    settings = LearnSettings(false_reject_rate=options.rate, rate_per=RateUnit.PART, seed=seed)
    measured = _Split(good=good, profile=profile, settings=settings, first=tuple(first), unseen=tuple(unseen))
    alone = measured.learned((), calibrates=True)
    # the line's order is random, so its first parts are a random choice
    at_random, highest = line[: options.taken], measured.highest(alone, line)[: options.taken]
    return {
        _FIRST: measured.way(alone, ()),
        _RANDOM: measured.way(measured.learned(at_random, calibrates=True), at_random),
        "random, selected": measured.way(measured.learned(at_random, calibrates=False), at_random),
        "highest, calibrates": measured.way(measured.learned(highest, calibrates=True), highest),
        "highest, selected": measured.way(measured.learned(highest, calibrates=False), highest),
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Split:
    """One split of the parts, and how banks are learned from it."""

    good: Good
    profile: Profile
    settings: LearnSettings
    first: tuple[str, ...]
    unseen: tuple[str, ...]

    def learned(self, joined: Sequence[str], *, calibrates: bool) -> Learned:
        """A bank of the first parts and those that joined."""
        parts = self._parts((*self.first, *joined))
        batches = [BatchRole(images=list(self._parts(self.first)))]
        if joined:
            batches.append(BatchRole(images=list(self._parts(joined)), calibrates=calibrates))
        return learn(self.good, make_folds(parts, self.settings, batches), self.settings, self.profile)

    def highest(self, learned: Learned, parts: Sequence[str]) -> list[str]:
        """Some parts, those with the highest score first."""
        own = self._parts(parts)
        worst = dict.fromkeys(parts, -np.inf)
        sums = sums_of((self.good.embeddings[path] for path in own), learned, self.profile)
        for part, found in zip(own.values(), sums, strict=True):
            worst[part] = max(worst[part], float(np.sort(found)[-self._top_k :].mean()))
        return sorted(parts, key=lambda part: -worst[part])

    def way(self, learned: Learned, joined: Sequence[str]) -> _Way:
        """What a bank does to unseen parts and to defects."""
        parts = self._parts((*self.first, *joined))
        calibration = make_calibration(learned.held_out, parts, self.settings, top_k=self._top_k)
        own = self._parts(self.unseen)
        rejected = dict.fromkeys(self.unseen, False)
        sums = sums_of((self.good.embeddings[path] for path in own), learned, self.profile)
        for part, found in zip(own.values(), sums, strict=True):
            rejected[part] |= is_rejected(found, calibration, self._top_k)
        defects = sums_of(self.good.defects, learned, self.profile)
        passed = [score_of(found, calibration, self._top_k) <= calibration.threshold for found in defects]
        return _Way(
            rejected=float(np.mean(list(rejected.values()))),
            passed=float(np.mean(passed)) if passed else None,
            threshold=calibration.threshold,
            distance=calibration.mean + calibration.threshold * calibration.std,
            sigma=calibration.std,
        )

    @property
    def _top_k(self) -> int:
        return self.profile.top_k(self.good.patches)

    def _parts(self, names: Sequence[str]) -> dict[Path, str]:
        wanted = set(names)
        return {path: part for path, part in self.good.parts.items() if part in wanted}


def _summary(name: str, splits: list[dict[str, _Way]]) -> dict[str, Any]:
    """Means over the splits, each with two standard errors."""
    found = [split[name] for split in splits]
    rise = [(split[name].distance - split[_RANDOM].distance) / split[_RANDOM].sigma for split in splits]
    passed = [way.passed for way in found if way.passed is not None]
    return {
        "rejected_parts": _mean([way.rejected for way in found]),
        "passed_defects": _mean(passed) if passed else None,
        "threshold_sigmas": _mean([way.threshold for way in found]),
        "rise_sigmas": _mean(rise),
    }


def _mean(values: Sequence[float]) -> list[float]:
    error = 2.0 * float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return [round(float(np.mean(values)), 4), round(error, 4)]


if __name__ == "__main__":
    sys.exit(main())
