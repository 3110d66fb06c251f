"""Comparison: everything that two bundles differ in, on the same labelled images."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart.errors import FrameError, UsageError
from goodpart.frames.images import ImageReader
from goodpart.inspector import Inspector
from goodpart.model.backbone import check_threads
from goodpart_bank_builder.compare.added import WithoutAdded
from goodpart_bank_builder.compare.differences import Difference, Golden, differences, golden_pairs, recipe_lines
from goodpart_bank_builder.compare.judge import JudgedPair, digests, judge, scores_of
from goodpart_bank_builder.compare.kept import Kept, kept_by
from goodpart_bank_builder.compare.known import KnownImages, known_images
from goodpart_bank_builder.compare.not_random import not_random
from goodpart_bank_builder.compare.paired import AreaChange, Change, area_change, mcnemar
from goodpart_bank_builder.compare.pairs import Pair, PartPair, Said, parts_of
from goodpart_bank_builder.compare.sides import Side, notes_on, side_of
from goodpart_bank_builder.compare.speed import Speed, measure_speed
from goodpart_bank_builder.data.dataset import Category, TestImage
from goodpart_bank_builder.data.labelled_export import LabelledExport

_DEFAULT_READER = ImageReader()


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompareSettings:
    """How two bundles are compared.

    Attributes:
        escape_margin: NEW must pass no defect that OLD scores so far above its threshold, in sigmas of OLD; at least 0.
        max_false_reject_rise: how much higher the share of rejected good parts may be, 0 to 1.
        keep_learned: whether images that a bank has learned count as well.
        latency_frames: on how many frames the latency is measured; 0 to measure none.
        seed: of the bootstrap and of the choice of these frames.
        workers: images at a time, one thread each.
    """

    escape_margin: float = 1.0
    max_false_reject_rise: float = 0.01
    keep_learned: bool = False
    latency_frames: int = 40
    seed: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        check_threads(self.workers)
        if not 0.0 <= self.escape_margin < float("inf"):
            raise UsageError(f"--escape-margin: expected 0 sigmas or more, found {self.escape_margin:g}")
        if not 0.0 <= self.max_false_reject_rise <= 1.0:
            raise UsageError(f"--max-false-reject-rise: expected 0 to 1, found {self.max_false_reject_rise:g}")
        if not 0 <= self.latency_frames <= 10_000:
            raise UsageError(f"--latency-frames: expected 0 to 10000, found {self.latency_frames}")
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"--seed: expected 0 to {2**32 - 1}, found {self.seed}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AddedEffect:
    """What the images that NEW learned in addition do to it: see `compare.added`.

    Attributes:
        area: AUROC of NEW without them (`old`) and with them (`new`).
        hidden: names of added images by how many defects have their hottest place nearest to them, most first.
        hidden_defects, defects: defective images whose hottest place is nearest to an added image, and all of them.
        hidden_good, good: the same of good images.
    """

    area: AreaChange
    hidden: dict[str, int]
    hidden_defects: int
    defects: int
    hidden_good: int
    good: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two bundles on the same labelled images.

    Attributes:
        old, new: the bundles.
        pairs: the images that count, in the order of the data.
        left_out: names of images that are left out because a bank has learned them.
        learned_defects: names of images that NEW has learned as good, and that are labelled as defects.
        not_random: why batches that set the threshold of NEW were not picked at random, in sentences.
        escapes: defective parts that pass; a part passes when all its images are called GOOD.
        false_rejects: good parts that are rejected.
        kept: what became of NEW's promise.
        escapes_by_margin: defective parts that NEW passes, and that OLD rejects by at least the margin allowed.
        area: image AUROC of both, None without both good and defective images that neither refuses.
        added, removed: names of images that only NEW, and only OLD, has learned.
        effect: of the added images; None without them, or without an AUROC.
        speed: latency, None if it was not measured.
        golden: OLD's golden frames under both.
        differences: facts that differ.
        recipe: how the recipes differ, line by line.
        notes: what else a reader should know.
    """

    old: Side
    new: Side
    pairs: tuple[Pair, ...]
    left_out: tuple[str, ...]
    learned_defects: tuple[str, ...]
    not_random: tuple[str, ...]
    escapes: Change
    false_rejects: Change
    kept: Kept
    escapes_by_margin: tuple[PartPair, ...]
    area: AreaChange | None
    added: tuple[str, ...]
    removed: tuple[str, ...]
    effect: AddedEffect | None
    speed: Speed | None
    golden: tuple[Golden, ...]
    differences: tuple[Difference, ...]
    recipe: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def changed(self) -> list[Pair]:
        """The pairs whose answers differ."""
        return [pair for pair in self.pairs if pair.is_changed]


def compare(
    old: Inspector,
    new: Inspector,
    category: Category,
    folder: Path,
    settings: CompareSettings,
    *,
    reader: ImageReader = _DEFAULT_READER,
    labels: LabelledExport | None = None,
) -> Comparison:
    """Judges all images with both bundles and computes what differs.

    Args:
        old, new: loaded with one thread each.
        category: the labelled images.
        folder: what their names are relative to.
        settings: how to compare.
        reader: reads images.
        labels: where the data is the export of a station.

    Raises:
        UsageError: a file is not the one that was labelled.
        FrameError: a file is no picture, or a bundle refuses all images.
        BundleError: what a bundle lists is damaged.
    """
    found = digests(category)
    for _, frame in () if labels is None else labels.frames:
        if found[path := folder / frame.file] != frame.sha256:
            raise UsageError(f"{path}: expected the file that was labelled, found another sha256; export it again")
    known = known_images(old.bundle, new.bundle)
    counted, left_out = _fair(category.images, found, known, keep=settings.keep_learned)
    without = WithoutAdded.of(new, known.added) if _has_both(counted) else None
    judged = judge(
        old,
        new,
        [(image, found[image.path]) for image in counted],
        folder=folder,
        reader=reader,
        workers=settings.workers,
        without=without,
    )
    pairs = tuple(each.pair for each in judged)
    defective, good = ([part for part in parts_of(pairs) if part.is_defective is label] for label in (True, False))
    names = {image.path: image.path.relative_to(folder).as_posix() for image in category.images}
    return Comparison(
        old=side_of(old),
        new=side_of(new),
        pairs=pairs,
        left_out=tuple(names[image.path] for image in left_out),
        learned_defects=tuple(
            names[image.path]
            for image in category.images
            if image.is_defective and known.learned_by(found[image.path])[1]
        ),
        not_random=() if labels is None else tuple(not_random(new.bundle, labels)),
        escapes=mcnemar([not part.old_rejects for part in defective], [not part.new_rejects for part in defective]),
        false_rejects=mcnemar([part.old_rejects for part in good], [part.new_rejects for part in good]),
        kept=kept_by(new, pairs, good),
        escapes_by_margin=tuple(part for part in defective if _escapes(part, settings.escape_margin)),
        area=_area([each.pair for each in judged], settings),
        added=tuple(sorted(image.name for image in known.added.values())),
        removed=tuple(sorted(image.name for image in known.removed.values())),
        effect=_effect(judged, settings),
        speed=measure_speed(old, new, _timed(old, new, pairs, settings, reader)),
        golden=tuple(golden_pairs(old, new)),
        differences=tuple(differences(old.bundle, new.bundle)),
        recipe=tuple(recipe_lines(old.bundle, new.bundle)),
        notes=(*notes_on(old, new, pairs), *category.notes),
    )


def _fair(
    images: tuple[TestImage, ...], digest: dict[Path, str], known: KnownImages, *, keep: bool
) -> tuple[list[TestImage], list[TestImage]]:
    """The images that count, and those that a bank has learned."""
    learned = [image for image in images if any(known.learned_by(digest[image.path]))]
    if keep:
        return list(images), []
    taken = set(learned)
    return [image for image in images if image not in taken], learned


def _has_both(images: list[TestImage]) -> bool:
    return {image.is_defective for image in images} == {True, False}


def _escapes(part: PartPair, margin: float) -> bool:
    return not part.new_rejects and part.old_margin is not None and part.old_margin >= margin


def _area(pairs: list[Pair], settings: CompareSettings) -> AreaChange | None:
    scored = [pair for pair in pairs if Said.REFUSED not in (pair.old.said, pair.new.said)]
    one, other = scores_of(scored)
    return _area_of(scored, one, other, settings)


def _area_of(
    pairs: list[Pair], one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], settings: CompareSettings
) -> AreaChange | None:
    if not pairs:
        return None
    defective = np.array([pair.is_defective for pair in pairs])
    return area_change(defective, one, other, [pair.part for pair in pairs], seed=settings.seed)


def _effect(judged: list[JudgedPair], settings: CompareSettings) -> AddedEffect | None:
    scored = [(each.pair, each.without, each.pair.new.score) for each in judged]
    known = [(pair, one, other) for pair, one, other in scored if one is not None and other is not None]
    one, other = (np.array([each[which] for each in known], np.float64) for which in (1, 2))
    area = _area_of([pair for pair, _, _ in known], one, other, settings)
    if area is None:
        return None
    hides = [each.hidden_by for each in judged if each.pair.is_defective and each.hidden_by is not None]
    ordered = sorted(set(hides), key=lambda name: (-hides.count(name), name))
    good = [each for each in judged if not each.pair.is_defective and each.without is not None]
    return AddedEffect(
        area=area,
        hidden={name: hides.count(name) for name in ordered},
        hidden_defects=len(hides),
        defects=sum(each.pair.is_defective and each.without is not None for each in judged),
        hidden_good=sum(each.hidden_by is not None for each in good),
        good=len(good),
    )


def _timed(
    old: Inspector, new: Inspector, pairs: tuple[Pair, ...], settings: CompareSettings, reader: ImageReader
) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """Frames that neither bundle refuses, chosen by the seed."""
    taken = [pair for pair in pairs if Said.REFUSED not in (pair.old.said, pair.new.said)]
    chosen = np.random.default_rng(settings.seed).permutation(len(taken))[: settings.latency_frames]
    specs = old.backbone.spec.frame, new.backbone.spec.frame
    try:
        paths = [taken[number].path for number in sorted(chosen)]
        return [(reader.read(path, specs[0]), reader.read(path, specs[1])) for path in paths]
    except FrameError:  # removed since it was judged
        return []
