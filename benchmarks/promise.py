"""Promise: the share of unseen good parts that a threshold rejects, over many random splits by part.

Every split keeps some good parts unseen, builds a small bank from the others, calibrates it by both methods and for
both units of the rate, and counts the unseen parts and their images above the threshold. A promise is kept if the mean
in its own unit is at most the rate and two standard errors. Per part that is the share of the unseen parts. Per image
it is the mean over them of the share of their images: what a random image of a random new part meets. Embeddings are
computed once. The rate on `test/good` is reported as well; its parts may differ from the other good parts by more than
chance.

    python benchmarks/promise.py backbone.onnx --data CATEGORY --splits 200 [--group REGEX --group-gap N]
"""

import argparse
import dataclasses
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common import RUNTIME_PACKAGES, count, headline, parser, tell
from goodpart._host.machine import usable_cores
from goodpart.bank.exact import exact_distances
from goodpart.cli.common import print_json, run
from goodpart.errors import UsageError
from goodpart.facts.calibration import Calibration, CalibrationMethod, RateUnit
from goodpart.facts.profile import Profile
from goodpart.frames.listing import find_images
from goodpart.model.backbone import Backbone
from goodpart.scoring.scores import calibrate, image_score
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.data.parts import Fold, group_parts, make_folds
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.learn.calibrate import make_calibration
from goodpart_bank_builder.learn.coreset import Chooser, Coreset
from goodpart_bank_builder.learn.embed import GoodImages
from goodpart_bank_builder.progress import progress

_UNSEEN = 0.3
"""Share of the good parts that a split keeps unseen."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__, bundle=False)
    made.add_argument("backbone", type=Path, metavar="BACKBONE", help="from goodpart-export")
    made.add_argument("--data", type=Path, required=True, metavar="CATEGORY", help="folder with train/good, test/good")
    made.add_argument("--splits", type=count, default=200, help="default %(default)s")
    made.add_argument("--rates", type=float, nargs="+", default=[0.05, 0.1], help="default %(default)s")
    made.add_argument("--vectors", type=count, default=1000, help="of every bank (default %(default)s)")
    made.add_argument("--stride", type=count, default=1, help="use every n-th patch only (default %(default)s)")
    made.add_argument("--group", metavar="REGEX", help="as in goodpart-bank build")
    made.add_argument("--group-gap", type=int, default=0, metavar="N", help="as in goodpart-bank build")
    made.add_argument("--seed", type=int, default=0, help="of the first split (default %(default)s)")
    made.add_argument("--threads", type=count, default=usable_cores(), help="for embedding (default %(default)s)")
    return run(_promise, made, argv)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Good:
    """Embedded good images: those to learn from with the part of each, and those of the test set."""

    embeddings: dict[Path, npt.NDArray[np.float32]]
    parts: dict[Path, str]
    test: tuple[npt.NDArray[np.float32], ...]


def _promise(options: argparse.Namespace) -> int:
    backbone = Backbone.load(options.backbone, threads=options.threads)
    good = _embedded(backbone, options)
    profile = dataclasses.replace(backbone.spec.profile, bank_vectors=options.vectors)
    rows: dict[tuple[str, RateUnit, float], list[tuple[float, ...]]] = {}
    for seed in progress(range(options.splits), doing="splitting", total=options.splits, unit="splits"):
        for method in CalibrationMethod:
            found = _one_split(good, profile, method, options.rates, options.seed + seed)
            for (unit, rate), rejected in found.items():
                rows.setdefault((method.value, unit, rate), []).append(rejected)
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for (name, unit, rate), splits in rows.items():
        summary = _summary(rate, unit, np.array(splits))
        result.setdefault(name, {}).setdefault(unit.value, {})[f"{rate:g}"] = summary
        tell(f"{name:16} per {unit.value:5} a = {rate:g}: {summary}")
    print_json(
        {
            **headline(
                "promise", seed=options.seed, digest=None, packages=(*RUNTIME_PACKAGES, "goodpart-bank-builder")
            ),
            "category": options.data.name,
            "images": len(good.parts),
            "parts": len(set(good.parts.values())),
            "splits": options.splits,
            "bank_vectors": options.vectors,
            "stride": options.stride,
            "methods": result,
        }
    )
    return 0


def _embedded(backbone: Backbone, options: argparse.Namespace) -> _Good:
    folder = options.data / "train" / "good"
    paths = find_images(folder)
    test = [image.path for image in read_categories(options.data)[0].images if not image.is_defective]
    images = GoodImages(backbone)

    def read(wanted: Sequence[Path], doing: str) -> dict[Path, npt.NDArray[np.float32]]:
        watched = progress(wanted, doing=doing, total=len(wanted), unit="images")
        return {path: np.array(found[:: options.stride]) for path, found in images.read(watched)}

    return _Good(
        embeddings=read(paths, "embedding"),
        parts=group_parts(paths, folder, pattern=options.group, gap=options.group_gap),
        test=tuple(read(test, "embedding test/good").values()),
    )


def _one_split(
    good: _Good, profile: Profile, method: CalibrationMethod, rates: Sequence[float], seed: int
) -> dict[tuple[RateUnit, float], tuple[float, ...]]:
    """By unit and rate: the share of unseen parts, of images of an unseen part, and of test/good images above it."""
    names = sorted(set(good.parts.values()))
    unseen = set(np.random.default_rng(seed).permutation(names)[: round(_UNSEEN * len(names))].tolist())
    known_parts = {path: part for path, part in good.parts.items() if part not in unseen}
    unseen_paths = [path for path, part in good.parts.items() if part in unseen]
    # the folds are the same for both units
    settings = LearnSettings(calibration=method, rate_per=RateUnit.IMAGE, false_reject_rate=min(rates), seed=seed)
    folds = make_folds(known_parts, settings)
    bank, held_out = _learn(good, folds, profile, seed)
    unseen_distances = [_distances(good.embeddings[path], bank, profile) for path in unseen_paths]
    test_distances = [_distances(found, bank, profile) for found in good.test]
    top_k = profile.top_k(len(unseen_distances[0]))
    rejected: dict[tuple[RateUnit, float], tuple[float, ...]] = {}
    for unit, rate in itertools.product(RateUnit, rates):
        settings = dataclasses.replace(settings, false_reject_rate=rate, rate_per=unit)
        try:
            calibration = make_calibration(held_out, known_parts, settings, top_k=top_k)
        except UsageError:
            # so few parts support no such rate
            continue
        shares: dict[str, list[bool]] = {}
        for path, found in zip(unseen_paths, unseen_distances, strict=True):
            shares.setdefault(good.parts[path], []).append(_is_rejected(found, calibration, top_k))
        parts, images = (float(np.mean([of(own) for own in shares.values()])) for of in (any, np.mean))
        test = [_is_rejected(found, calibration, top_k) for found in test_distances]
        rejected[unit, rate] = (parts, images, float(np.mean(test)))
    return rejected


def _learn(
    good: _Good, folds: Sequence[Fold], profile: Profile, seed: int
) -> tuple[Coreset, dict[Path, npt.NDArray[np.float64]]]:
    """The bank and the held-out distances, as `goodpart-bank build` makes them."""
    chooser = Chooser(profile.coreset, size=profile.bank_vectors, seed=seed)
    coresets = [
        chooser.of(
            np.concatenate([good.embeddings[path] for path in fold.images]), place=(fold.number, 0, 0), doing=None
        )
        if fold.in_bank
        else None
        for fold in folds
    ]
    held_out = {}
    for fold, own in zip(folds, coresets, strict=True):
        if fold.scored:
            others = [other for other in coresets if other is not None and other is not own]
            bank = chooser.merged(others, name=f"without {fold.name}", doing=None)
            held_out.update({path: _distances(good.embeddings[path], bank, profile) for path in fold.images})
    return chooser.merged([one for one in coresets if one is not None], name="the bank", doing=None), held_out


def _distances(embeddings: npt.NDArray[np.float32], bank: Coreset, profile: Profile) -> npt.NDArray[np.float64]:
    return exact_distances(bank.vectors, embeddings, neighbours=profile.neighbours)


def _is_rejected(distances: npt.NDArray[np.float64], calibration: Calibration, top_k: int) -> bool:
    return not image_score(calibrate(distances, calibration), top_k) <= calibration.threshold


def _summary(rate: float, unit: RateUnit, splits: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Means over the splits, two standard errors of that in the promise's own unit, and whether it was kept."""
    means, own = splits.mean(axis=0), 0 if unit is RateUnit.PART else 1
    error = 2.0 * float(splits[:, own].std(ddof=1)) / len(splits) ** 0.5 if len(splits) > 1 else 0.0
    return {
        "splits": len(splits),
        "rejected_parts": round(float(means[0]), 4),
        "rejected_images": round(float(means[1]), 4),
        "two_standard_errors": round(error, 4),
        "is_kept": bool(means[own] <= rate + error),
        "rejected_test_good_images": round(float(means[2]), 4),
    }


if __name__ == "__main__":
    sys.exit(main())
