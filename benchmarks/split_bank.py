"""Banks of one split: what a build learns from some of the good images, from embeddings that are kept in memory."""

import argparse
import contextlib
import dataclasses
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from common import count
from goodpart._host.machine import usable_cores
from goodpart.bank.exact import exact_distances
from goodpart.bundle.term import head_term
from goodpart.errors import UsageError
from goodpart.facts.calibration import Calibration
from goodpart.facts.profile import Profile
from goodpart.frames.images import ImageReader
from goodpart.frames.listing import find_images
from goodpart.model.backbone import Backbone
from goodpart.model.seen import SeenFrame
from goodpart.scoring.scores import calibrate, image_score
from goodpart.scoring.term import KnownTerm
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.data.parts import Fold, group_parts
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.learn.coreset import Chooser, Coreset
from goodpart_bank_builder.learn.embed import GoodImages
from goodpart_bank_builder.learn.held_out import hold_out
from goodpart_bank_builder.learn.lessons import Lesson, Lessons
from goodpart_bank_builder.learn.teach import teach
from goodpart_bank_builder.progress import progress


def add_split_options(made: argparse.ArgumentParser, *, splits: int) -> None:
    """Adds what every benchmark on splits by part takes.

    Args:
        made: the parser.
        splits: how many are made by default.
    """
    made.add_argument("backbone", type=Path, metavar="BACKBONE", help="from goodpart-export")
    made.add_argument("--data", type=Path, required=True, metavar="CATEGORY", help="folder with train/good, test/good")
    made.add_argument("--splits", type=count, default=splits, help="default %(default)s")
    made.add_argument("--vectors", type=count, default=1000, help="of every bank (default %(default)s)")
    made.add_argument("--stride", type=count, default=1, help="use every n-th patch only (default %(default)s)")
    made.add_argument("--group", metavar="REGEX", help="as in goodpart-bank build")
    made.add_argument("--group-gap", type=int, default=0, metavar="N", help="as in goodpart-bank build")
    made.add_argument("--seed", type=int, default=0, help="of the first split (default %(default)s)")
    made.add_argument("--threads", type=count, default=usable_cores(), help="for embedding (default %(default)s)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Good:
    """Embedded images, as `GoodImages` gives them: good ones to learn from, and those of the test set.

    Attributes:
        embeddings: of the images to learn from.
        parts: the part of each.
        lessons: what a head can learn from each; None without a head.
        test: embeddings of the good images of the test set.
        defects: embeddings of the defective images of the test set; empty if nobody asked for them.
    """

    embeddings: dict[Path, npt.NDArray[np.float32]]
    parts: dict[Path, str]
    lessons: Lessons | None
    test: tuple[npt.NDArray[np.float32], ...]
    defects: tuple[npt.NDArray[np.float32], ...] = ()

    @property
    def patches(self) -> int:
        """Patches of one image."""
        return len(next(iter(self.embeddings.values())))

    def read(self, paths: Iterable[Path]) -> Iterator[tuple[Path, npt.NDArray[np.float32]]]:
        """The embeddings of some images to learn from."""
        return ((path, self.embeddings[path]) for path in paths)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Learned:
    """What one split learns: the bank, the known term, and its held-out sums of distance and term."""

    bank: Coreset
    term: KnownTerm | None
    alpha: float
    held_out: dict[Path, npt.NDArray[np.float64]]


def load_backbone(options: argparse.Namespace) -> Backbone:
    """The backbone, which must not have an excess.

    Raises:
        UsageError: it has one.
    """
    backbone = Backbone.load(options.backbone, threads=options.threads)
    if backbone.spec.profile.excess is not None:
        raise UsageError(
            f"{options.backbone}: expected a profile without an excess, which is not measured here; found one"
        )
    return backbone


def embedded(backbone: Backbone, options: argparse.Namespace, *, head: bool, defects: bool = False) -> Good:
    """Embeds all images once.

    Args:
        backbone: embeds them.
        options: of `add_split_options`.
        head: whether to collect what a head learns from, if the profile has one.
        defects: whether to embed the defective images of the test set as well.
    """
    folder = options.data / "train" / "good"
    paths = find_images(folder)
    parts = group_parts(paths, folder, pattern=options.group, gap=options.group_gap)
    images = read_categories(options.data)[0].images
    good, bad = ([image.path for image in images if image.is_defective is label] for label in (False, True))
    lessons = None
    if backbone.spec.profile.head and head:
        lessons = Lessons(backbone, ImageReader(), _by_part(parts), seed=options.seed)

    def read(wanted: Sequence[Path], doing: str, lessons: Lessons | None) -> dict[Path, npt.NDArray[np.float32]]:
        watched = progress(wanted, doing=doing, total=len(wanted), unit="images")
        images = GoodImages(backbone, lessons=lessons)
        return {path: np.array(found[:: options.stride]) for path, found in images.read(watched)}

    embeddings = read(paths, "embedding", lessons)
    if lessons is not None:
        lessons.found = {path: _thinned(lesson, options.stride) for path, lesson in lessons.found.items()}
    return Good(
        embeddings=embeddings,
        parts=parts,
        lessons=lessons,
        test=tuple(read(good, "embedding test/good", None).values()),
        defects=tuple(read(bad, "embedding defects", None).values()) if defects else (),
    )


def learn(good: Good, folds: Sequence[Fold], settings: LearnSettings, profile: Profile) -> Learned:
    """The bank, the head and the held-out sums, as `goodpart-bank build` makes them: a chunk per fold and batch.

    Args:
        good: the images.
        folds: of those that are learned.
        settings: seed and what the head may count.
        profile: how the bank is chosen.
    """
    chooser = Chooser(profile.coreset, size=profile.bank_vectors, seed=settings.seed)
    coresets = [_of_fold(good, fold, chooser) if fold.in_bank else None for fold in folds]

    def bank_of(present: Sequence[Coreset | None], name: str) -> Coreset:
        return chooser.merged([one for one in present if one is not None], name=name, doing=None)

    lessons = good.lessons
    with contextlib.redirect_stderr(io.StringIO()):  # hundreds of lines or bars
        found = hold_out(good, folds, coresets, bank_of, lessons, settings, neighbours=profile.neighbours)
    top_k = profile.top_k(good.patches)
    taught = None if lessons is None else teach(lessons, folds, found, settings, top_k=top_k)
    return Learned(
        bank=bank_of(coresets, "the bank"),
        term=None if taught is None else head_term(taught.head, taught.spec),
        alpha=0.0 if taught is None else taught.spec.alpha,
        held_out=found.distances if taught is None else taught.sums(found),
    )


def sums_of(
    images: Iterable[npt.NDArray[np.float32]], learned: Learned, profile: Profile
) -> list[npt.NDArray[np.float64]]:
    """`(P,) float64` distances of every image to the bank, with the known term."""
    return [_sums(embeddings, learned, profile) for embeddings in images]


def score_of(sums: npt.NDArray[np.float64], calibration: Calibration, top_k: int) -> float:
    """The image score in sigmas."""
    return image_score(calibrate(sums, calibration), top_k)


def is_rejected(sums: npt.NDArray[np.float64], calibration: Calibration, top_k: int) -> bool:
    """Whether an image is not called good."""
    return not score_of(sums, calibration, top_k) <= calibration.threshold


def _of_fold(good: Good, fold: Fold, chooser: Chooser) -> Coreset:
    chunks = [
        chooser.of(np.concatenate([good.embeddings[path] for path in paths]), place=(fold.number, batch, 0), doing=None)
        for batch, paths in fold.by_batch()
    ]
    return chooser.merged(chunks, name=fold.name, doing=None)


def _sums(embeddings: npt.NDArray[np.float32], learned: Learned, profile: Profile) -> npt.NDArray[np.float64]:
    distances = exact_distances(learned.bank.vectors, embeddings, neighbours=profile.neighbours)
    return distances if learned.term is None else distances + learned.term.of(SeenFrame(embeddings=embeddings))


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
