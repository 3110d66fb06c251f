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

    python benchmarks/promise.py backbone.onnx --data CATEGORY --splits 200 [--group REGEX --group-gap N]
"""

import argparse
import collections
import contextlib
import dataclasses
import io
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common import RUNTIME_PACKAGES, count, headline, parser, tell
from goodpart._host.machine import usable_cores
from goodpart.bank.exact import exact_distances
from goodpart.bundle.term import head_term
from goodpart.cli.common import print_json, run
from goodpart.errors import UsageError
from goodpart.facts.calibration import Calibration, CalibrationMethod, RateUnit
from goodpart.facts.profile import Profile
from goodpart.frames.images import ImageReader
from goodpart.frames.listing import find_images
from goodpart.model.backbone import Backbone
from goodpart.model.seen import SeenFrame
from goodpart.scoring.scores import calibrate, image_score
from goodpart.scoring.term import KnownTerm
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.data.parts import Fold, group_parts, make_folds
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.learn.calibrate import make_calibration
from goodpart_bank_builder.learn.coreset import Chooser, Coreset
from goodpart_bank_builder.learn.embed import GoodImages
from goodpart_bank_builder.learn.held_out import hold_out
from goodpart_bank_builder.learn.lessons import Lesson, Lessons
from goodpart_bank_builder.learn.teach import teach
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
    made.add_argument("--no-head", action="store_true", help="train no head, whatever the profile says")
    made.add_argument("--group", metavar="REGEX", help="as in goodpart-bank build")
    made.add_argument("--group-gap", type=int, default=0, metavar="N", help="as in goodpart-bank build")
    made.add_argument("--seed", type=int, default=0, help="of the first split (default %(default)s)")
    made.add_argument("--threads", type=count, default=usable_cores(), help="for embedding (default %(default)s)")
    return run(_promise, made, argv)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Good:
    """Embedded good images, as `GoodImages` gives them: those to learn from, and those of the test set.

    Attributes:
        embeddings: of the images to learn from.
        parts: the part of each.
        lessons: what a head can learn from each; None without a head.
        test: embeddings of the images of the test set.
    """

    embeddings: dict[Path, npt.NDArray[np.float32]]
    parts: dict[Path, str]
    lessons: Lessons | None
    test: tuple[npt.NDArray[np.float32], ...]

    @property
    def patches(self) -> int:
        """Patches of one image."""
        return len(next(iter(self.embeddings.values())))

    def read(self, paths: Iterable[Path]) -> Iterator[tuple[Path, npt.NDArray[np.float32]]]:
        """The embeddings of some images to learn from."""
        return ((path, self.embeddings[path]) for path in paths)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Learned:
    """What one split learns: the bank, the known term, and its held-out sums of distance and term."""

    bank: Coreset
    term: KnownTerm | None
    alpha: float
    held_out: dict[Path, npt.NDArray[np.float64]]


def _promise(options: argparse.Namespace) -> int:
    backbone = Backbone.load(options.backbone, threads=options.threads)
    if backbone.spec.profile.excess is not None:
        raise UsageError(
            f"{options.backbone}: expected a profile without an excess, which is not measured here; found one"
        )
    good = _embedded(backbone, options)
    profile = dataclasses.replace(backbone.spec.profile, bank_vectors=options.vectors)
    rows: dict[tuple[str, RateUnit, float], list[tuple[float, ...]]] = {}
    alphas: dict[str, collections.Counter[str]] = {}
    for seed in progress(range(options.splits), doing="splitting", total=options.splits, unit="splits"):
        for method in CalibrationMethod:
            found, alpha = _one_split(good, profile, method, options.rates, options.seed + seed)
            alphas.setdefault(method.value, collections.Counter())[f"{alpha:g}"] += 1
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
            "alphas": alphas,
            "methods": result,
        }
    )
    return 0


def _embedded(backbone: Backbone, options: argparse.Namespace) -> _Good:
    folder = options.data / "train" / "good"
    paths = find_images(folder)
    parts = group_parts(paths, folder, pattern=options.group, gap=options.group_gap)
    test = [image.path for image in read_categories(options.data)[0].images if not image.is_defective]
    lessons = None
    if backbone.spec.profile.head and not options.no_head:
        lessons = Lessons(backbone, ImageReader(), _by_part(parts), seed=options.seed)

    def read(wanted: Sequence[Path], doing: str, lessons: Lessons | None) -> dict[Path, npt.NDArray[np.float32]]:
        watched = progress(wanted, doing=doing, total=len(wanted), unit="images")
        images = GoodImages(backbone, lessons=lessons)
        return {path: np.array(found[:: options.stride]) for path, found in images.read(watched)}

    embeddings = read(paths, "embedding", lessons)
    if lessons is not None:
        lessons.found = {path: _thinned(lesson, options.stride) for path, lesson in lessons.found.items()}
    test_embeddings = tuple(read(test, "embedding test/good", None).values())
    return _Good(embeddings=embeddings, parts=parts, lessons=lessons, test=test_embeddings)


def _by_part(parts: dict[Path, str]) -> list[Fold]:
    """A fold for every part: pieces to paste come from the same fold, and here they must come from the same part."""
    images: dict[str, list[Path]] = {}
    for path, part in parts.items():
        images.setdefault(part, []).append(path)
    return [
        Fold(name=part, number=number, images=tuple(own), in_bank=True, scored=True)
        for number, (part, own) in enumerate(images.items())
    ]


def _thinned(lesson: Lesson, stride: int) -> Lesson:
    """What a lesson teaches of every n-th patch."""
    kept = lesson.rows % stride == 0
    return Lesson(
        rows=lesson.rows[kept] // stride,
        under_paint=lesson.under_paint[kept].copy(),
        good=lesson.good[::stride].copy(),
    )


def _one_split(
    good: _Good, profile: Profile, method: CalibrationMethod, rates: Sequence[float], seed: int
) -> tuple[dict[tuple[RateUnit, float], tuple[float, ...]], float]:
    """By unit and rate: the share of unseen parts, of images of an unseen part, and of test/good images above it.

    Also gives alpha, 0 without a head.
    """
    names = sorted(set(good.parts.values()))
    unseen = set(np.random.default_rng(seed).permutation(names)[: round(_UNSEEN * len(names))].tolist())
    known_parts = {path: part for path, part in good.parts.items() if part not in unseen}
    unseen_paths = [path for path, part in good.parts.items() if part in unseen]
    # the folds are the same for both units
    settings = LearnSettings(calibration=method, rate_per=RateUnit.IMAGE, seed=seed)
    learned = _learn(good, _folds(known_parts, settings, rates), settings, profile)
    unseen_sums = [_sums(good.embeddings[path], learned, profile) for path in unseen_paths]
    test_sums = [_sums(found, learned, profile) for found in good.test]
    top_k = profile.top_k(good.patches)
    rejected: dict[tuple[RateUnit, float], tuple[float, ...]] = {}
    for unit, rate in itertools.product(RateUnit, rates):
        settings = dataclasses.replace(settings, false_reject_rate=rate, rate_per=unit)
        try:
            calibration = make_calibration(learned.held_out, known_parts, settings, top_k=top_k)
        except UsageError:
            # so few parts support no such rate
            continue
        shares: dict[str, list[bool]] = {}
        for path, found in zip(unseen_paths, unseen_sums, strict=True):
            shares.setdefault(good.parts[path], []).append(_is_rejected(found, calibration, top_k))
        parts, images = (float(np.mean([of(own) for own in shares.values()])) for of in (any, np.mean))
        test = [_is_rejected(found, calibration, top_k) for found in test_sums]
        rejected[unit, rate] = (parts, images, float(np.mean(test)))
    return rejected, learned.alpha


def _folds(parts: dict[Path, str], settings: LearnSettings, rates: Sequence[float]) -> tuple[Fold, ...]:
    """The folds of the lowest rate that so many parts support."""
    lowest, *others = sorted(rates)
    try:
        return make_folds(parts, dataclasses.replace(settings, false_reject_rate=lowest))
    except UsageError:
        if not others:
            raise
    return _folds(parts, settings, others)


def _learn(good: _Good, folds: Sequence[Fold], settings: LearnSettings, profile: Profile) -> _Learned:
    """The bank, the head and the held-out sums, as `goodpart-bank build` makes them."""
    chooser = Chooser(profile.coreset, size=profile.bank_vectors, seed=settings.seed)
    coresets = [
        chooser.of(
            np.concatenate([good.embeddings[path] for path in fold.images]), place=(fold.number, 0, 0), doing=None
        )
        if fold.in_bank
        else None
        for fold in folds
    ]

    def bank_of(present: Sequence[Coreset | None], name: str) -> Coreset:
        return chooser.merged([one for one in present if one is not None], name=name, doing=None)

    lessons = good.lessons
    with contextlib.redirect_stderr(io.StringIO()):  # hundreds of lines or bars
        found = hold_out(good, folds, coresets, bank_of, lessons, settings, neighbours=profile.neighbours)
    top_k = profile.top_k(good.patches)
    taught = None if lessons is None else teach(lessons, folds, found, settings, top_k=top_k)
    return _Learned(
        bank=bank_of(coresets, "the bank"),
        term=None if taught is None else head_term(taught.head, taught.spec),
        alpha=0.0 if taught is None else taught.spec.alpha,
        held_out=found.distances if taught is None else taught.sums(found),
    )


def _sums(embeddings: npt.NDArray[np.float32], learned: _Learned, profile: Profile) -> npt.NDArray[np.float64]:
    distances = exact_distances(learned.bank.vectors, embeddings, neighbours=profile.neighbours)
    return distances if learned.term is None else distances + learned.term.of(SeenFrame(embeddings=embeddings))


def _is_rejected(sums: npt.NDArray[np.float64], calibration: Calibration, top_k: int) -> bool:
    return not image_score(calibrate(sums, calibration), top_k) <= calibration.threshold


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
