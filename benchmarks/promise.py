"""Promise: the share of unseen good parts that a threshold rejects, over many random splits by part.

Every split keeps some good parts unseen, builds a small bank from the others, calibrates it by both methods and for
both units of the rate, and counts the unseen parts and their images above the threshold. A promise is kept if the mean
in its own unit is at most the rate and two standard errors. Per part that is the share of the unseen parts. Per image
it is the mean over them of the share of their images: what a random image of a random new part meets. Embeddings are
computed once. The rate on `test/good` is reported as well; its parts may differ from the other good parts by more than
chance.

If the profile has a head, every split trains its heads as a build does: one without the parts of each fold, whose terms
calibrate, and one on all known parts, whose terms unseen images get; alpha is chosen in every split anew. Images are
painted once, and pieces are cut from images of the same part, so that no unseen part teaches anything. With `--stride`
heads are taught from every n-th patch as well, which makes them fit what they see more closely.

With `--batches N` the known parts of every split are dealt into N batches, and a second bank is learned from them as an
updated bank is: a chunk never crosses a batch. `in_batches` has the same figures of it, and `image_auroc` that of both
on the test set, over the same splits.

    python benchmarks/promise.py backbone.onnx --data CATEGORY --splits 200 [--group REGEX --group-gap N] [--batches N]
"""

import argparse
import collections
import dataclasses
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common import RUNTIME_PACKAGES, count, headline, parser, tell
from goodpart.cli.common import print_json, run
from goodpart.errors import UsageError
from goodpart.facts.calibration import CalibrationMethod, RateUnit
from goodpart.facts.profile import Profile
from goodpart_bank_builder.data.parts import BatchRole, Fold, make_folds
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.evaluate.metrics import auroc
from goodpart_bank_builder.learn.calibrate import make_calibration
from goodpart_bank_builder.progress import progress
from split_bank import Good, add_split_options, embedded, is_rejected, learn, load_backbone, score_of, sums_of

_UNSEEN = 0.3
"""Share of the good parts that a split keeps unseen."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__, bundle=False)
    add_split_options(made, splits=200)
    made.add_argument("--rates", type=float, nargs="+", default=[0.05, 0.1], help="default %(default)s")
    made.add_argument("--no-head", action="store_true", help="train no head, whatever the profile says")
    made.add_argument("--batches", type=count, default=1, metavar="N", help="learn from N batches as well")
    made.add_argument(
        "--methods", nargs="+", choices=[each.value for each in CalibrationMethod], help="of calibration (default: all)"
    )
    return run(_promise, made, argv)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Found:
    """What one bank of one split gave.

    Attributes:
        rejected: by unit and rate the share of unseen parts, of images of an unseen part, and of test/good images above
            the threshold.
        alpha: how much the head counts, 0 without one.
        area: image AUROC on the test set; None without defects.
    """

    rejected: dict[tuple[RateUnit, float], tuple[float, ...]]
    alpha: float
    area: float | None


@dataclasses.dataclass
class _Rows:
    """What the splits gave, method by method, for one way of dealing parts into batches."""

    found: dict[str, list[_Found]] = dataclasses.field(default_factory=lambda: collections.defaultdict(list))

    def alphas(self) -> dict[str, dict[str, int]]:
        """How often each alpha was chosen."""
        return {
            method: dict(collections.Counter(f"{one.alpha:g}" for one in found)) for method, found in self.found.items()
        }

    def areas(self, method: str) -> npt.NDArray[np.float64]:
        """`(splits,) float64` AUROCs."""
        return np.array([np.nan if one.area is None else one.area for one in self.found[method]])

    def methods(self, named: str) -> dict[str, dict[str, dict[str, Any]]]:
        """The summaries by method, unit and rate."""
        result: dict[str, dict[str, dict[str, Any]]] = {}
        for method, found in self.found.items():
            for unit, rate in dict.fromkeys(key for one in found for key in one.rejected):
                splits = np.array([one.rejected[unit, rate] for one in found if (unit, rate) in one.rejected])
                summary = _summary(rate, unit, splits)
                result.setdefault(method, {}).setdefault(unit.value, {})[f"{rate:g}"] = summary
                tell(f"{named}{method:16} per {unit.value:5} a = {rate:g}: {summary}")
        return result


def _promise(options: argparse.Namespace) -> int:
    backbone = load_backbone(options)
    good = embedded(backbone, options, head=not options.no_head, defects=options.batches > 1)
    profile = dataclasses.replace(backbone.spec.profile, bank_vectors=options.vectors)
    methods = [CalibrationMethod(name) for name in options.methods or [each.value for each in CalibrationMethod]]
    rows = {batches: _Rows() for batches in dict.fromkeys((1, options.batches))}
    for seed in progress(range(options.splits), doing="splitting", total=options.splits, unit="splits"):
        for method, (batches, own) in itertools.product(methods, rows.items()):
            found = _one_split(good, profile, method, options.rates, options.seed + seed, batches)
            own.found[method.value].append(found)
    packages = (*RUNTIME_PACKAGES, "goodpart-bank-builder")
    facts: dict[str, Any] = {
        "category": options.data.name,
        "images": len(good.parts),
        "parts": len(set(good.parts.values())),
        "splits": options.splits,
        "bank_vectors": options.vectors,
        "stride": options.stride,
        "alphas": rows[1].alphas(),
        "methods": rows[1].methods(""),
    }
    if options.batches > 1:
        other = rows[options.batches]
        facts["batches"] = options.batches
        facts["in_batches"] = other.methods("in batches, ")
        facts["image_auroc"] = {name: _areas(rows[1].areas(name), other.areas(name)) for name in other.found}
    print_json({**headline("promise", seed=options.seed, digest=None, packages=packages), **facts})
    return 0


def _one_split(
    good: Good, profile: Profile, method: CalibrationMethod, rates: Sequence[float], seed: int, batches: int
) -> _Found:
    names = sorted(set(good.parts.values()))
    unseen = set(np.random.default_rng(seed).permutation(names)[: round(_UNSEEN * len(names))].tolist())
    known_parts = {path: part for path, part in good.parts.items() if part not in unseen}
    unseen_paths = [path for path, part in good.parts.items() if part in unseen]
    # the folds are the same for both units
    settings = LearnSettings(calibration=method, rate_per=RateUnit.IMAGE, seed=seed)
    learned = learn(good, _folds(known_parts, settings, rates, _dealt(known_parts, batches, seed)), settings, profile)
    unseen_sums = sums_of((good.embeddings[path] for path in unseen_paths), learned, profile)
    test_sums = sums_of(good.test, learned, profile)
    top_k = profile.top_k(good.patches)
    rejected: dict[tuple[RateUnit, float], tuple[float, ...]] = {}
    area = None
    for unit, rate in itertools.product(RateUnit, rates):
        settings = dataclasses.replace(settings, false_reject_rate=rate, rate_per=unit)
        try:
            calibration = make_calibration(learned.held_out, known_parts, settings, top_k=top_k)
        except UsageError:
            # so few parts support no such rate
            continue
        shares: dict[str, list[bool]] = {}
        for path, found in zip(unseen_paths, unseen_sums, strict=True):
            shares.setdefault(good.parts[path], []).append(is_rejected(found, calibration, top_k))
        parts, images = (float(np.mean([of(own) for own in shares.values()])) for of in (any, np.mean))
        test = [is_rejected(found, calibration, top_k) for found in test_sums]
        rejected[unit, rate] = (parts, images, float(np.mean(test)))
        if area is None and good.defects:
            # the same for all units and rates, since one scale keeps the order
            every = [*test_sums, *sums_of(good.defects, learned, profile)]
            labels = np.arange(len(every)) >= len(test_sums)
            area = auroc(labels, np.array([score_of(found, calibration, top_k) for found in every]))
    return _Found(rejected=rejected, alpha=learned.alpha, area=area)


def _dealt(parts: dict[Path, str], batches: int, seed: int) -> list[BatchRole]:
    """Deals parts into batches of about as many parts each, all of which calibrate."""
    names = sorted(set(parts.values()))
    order = np.random.default_rng((seed, batches)).permutation(len(names))
    batch_of = {names[place]: number % batches for number, place in enumerate(order)}
    return [
        BatchRole(images=[path for path, part in parts.items() if batch_of[part] == batch]) for batch in range(batches)
    ]


def _folds(
    parts: dict[Path, str], settings: LearnSettings, rates: Sequence[float], batches: list[BatchRole]
) -> tuple[Fold, ...]:
    """The folds of the lowest rate that so many parts support."""
    lowest, *others = sorted(rates)
    try:
        return make_folds(parts, dataclasses.replace(settings, false_reject_rate=lowest), batches)
    except UsageError:
        if not others:
            raise
    return _folds(parts, settings, others, batches)


def _summary(rate: float, unit: RateUnit, splits: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Means over the splits, two standard errors of that in the promise's own unit, and whether it was kept."""
    means, own = splits.mean(axis=0), 0 if unit is RateUnit.PART else 1
    error = _two_errors(splits[:, own])
    return {
        "splits": len(splits),
        "rejected_parts": round(float(means[0]), 4),
        "rejected_images": round(float(means[1]), 4),
        "two_standard_errors": round(error, 4),
        "is_kept": bool(means[own] <= rate + error),
        "rejected_test_good_images": round(float(means[2]), 4),
    }


def _areas(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> dict[str, float] | None:
    """Mean AUROCs of one batch and of several, and their difference; None without defects."""
    if np.isnan(one).any() or np.isnan(other).any():
        return None
    change = other - one
    return {
        "one_batch": round(float(one.mean()), 4),
        "in_batches": round(float(other.mean()), 4),
        "difference": round(float(change.mean()), 4),
        "two_standard_errors": round(_two_errors(change), 4),
    }


def _two_errors(values: npt.NDArray[np.float64]) -> float:
    return 2.0 * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0


if __name__ == "__main__":
    sys.exit(main())
