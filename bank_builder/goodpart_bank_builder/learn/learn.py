"""Learning: one pass over the good images makes the bank, a second pass makes the calibration."""

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from goodpart.bundle.term import excess_term, head_term
from goodpart.errors import UsageError
from goodpart.facts.calibration import Calibration
from goodpart.facts.excess import ExcessSpec
from goodpart.frames.images import ImageReader
from goodpart.model.backbone import Backbone
from goodpart.scoring.scores import image_score
from goodpart.scoring.term import KnownTerm
from goodpart_bank_builder.data.parts import Fold
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.learn.calibrate import make_calibration
from goodpart_bank_builder.learn.coreset import Chooser, Coreset, require_structure
from goodpart_bank_builder.learn.embed import GoodImages
from goodpart_bank_builder.learn.frame_facts import FrameFacts
from goodpart_bank_builder.learn.held_out import hold_out, watched
from goodpart_bank_builder.learn.lessons import Lessons
from goodpart_bank_builder.learn.lookalikes import LookalikePairs
from goodpart_bank_builder.learn.new_patches import NewPatches
from goodpart_bank_builder.learn.teach import Taught, teach
from goodpart_bank_builder.learn.weigh import weigh_excess
from goodpart_bank_builder.learn.workspace import Workspace
from goodpart_bank_builder.paint.album import Page

T = TypeVar("T")

_CHUNK_BYTES = 400 << 20
"""Embeddings from which one coreset is chosen at a time. The other images wait on disk."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Learned:
    """What was learned from good images.

    Attributes:
        bank: the embeddings to keep; their origins are the position of the image in `images` times the patches of a
            frame, plus the position of the patch in the grid.
        calibration: scale and thresholds.
        taught: the head that was trained on painted defects, None without one.
        painted: pictures of a sample of these defects; none without a head.
        excess: its weight, None if the profile has no excess.
        term: what every distance carries besides, by the head or the excess; None for nothing.
        held_out: `(P,) float64` distances of every held-out image to a bank without its part, with their known terms.
        distances: the same without known terms.
        ignored: `(rows, columns) bool` patches that never count, or None.
        worst: mean of the highest distances of every held-out image; it orders the images by score.
        images: the files read, and their sha256.
        parts: number of parts that the images show.
        unreadable: the files that could not be read or did not fit, and why.
        patches: number of embeddings from which the bank was chosen.
        queries: `(Q, D) float32` sample of held-out embeddings, to measure recall.
        lookalikes: near-identical images that were held out in different folds.
        top_k: patches that make an image score.
        frames: what every image is like as a picture, by path.
        sketches: `(d,) float32` of every image, to compare images by; by path.
        new_vectors: how many vectors of the bank are new, by the number of the batch: see `learn.new_patches`.
    """

    bank: Coreset
    calibration: Calibration
    taught: Taught | None
    painted: tuple[Page, ...]
    excess: ExcessSpec | None
    term: KnownTerm | None
    held_out: dict[Path, npt.NDArray[np.float64]]
    distances: dict[Path, npt.NDArray[np.float64]]
    ignored: npt.NDArray[np.bool_] | None
    worst: tuple[float, ...]
    images: dict[Path, str]
    parts: int
    unreadable: dict[Path, str]
    patches: int
    queries: npt.NDArray[np.float32]
    lookalikes: LookalikePairs
    top_k: int
    frames: dict[Path, FrameFacts]
    sketches: dict[Path, npt.NDArray[np.float32]]
    new_vectors: Mapping[int, int]


def learn(
    backbone: Backbone,
    parts: dict[Path, str],
    folds: Sequence[Fold],
    settings: LearnSettings,
    workspace: Workspace | None = None,
) -> Learned:
    """Chooses the bank and calibrates it.

    The coreset of every fold is chosen once. The merged coresets of the other folds score a fold. The bank merges the
    coresets of all folds. All folds together therefore cost little more than one coreset.

    Args:
        backbone: embeds the images.
        parts: the part of every image.
        folds: from `make_folds`, with the same settings.
        settings: how to learn.
        workspace: what earlier builds have computed; None for none.

    Raises:
        UsageError: the mask, the images or the rate cannot be used.
        FrameError: an image cannot be read and `skip_unreadable` is off.
    """
    profile = backbone.spec.profile
    lessons = _lessons(backbone, folds, settings)
    every = [path for fold in folds for path in fold.images]
    images = GoodImages(backbone, settings, lessons=lessons, every=every, workspace=workspace)
    chooser = Chooser(profile.coreset, size=profile.bank_vectors, seed=settings.seed)
    new = NewPatches(chooser, folds)
    coresets = [_fold_coreset(images, fold, chooser, workspace, new) if fold.in_bank else None for fold in folds]
    patches = images.patches * len(images.contents)

    def bank_of(present: Sequence[Coreset | None], name: str) -> Coreset:
        return _bank(chooser, present, profile.neighbours, name)

    found = hold_out(images, folds, coresets, bank_of, lessons, settings, neighbours=profile.neighbours)
    top_k = profile.top_k(images.patches)
    taught = None if lessons is None else teach(lessons, folds, found, settings, top_k=top_k)
    term, held_out, excess = None, found.distances, None
    if taught is not None:
        term, held_out = head_term(taught.head, taught.spec), taught.sums(found)
    elif profile.excess is not None:
        weighed = weigh_excess(found.distances, images.hottest, profile.excess)
        term, held_out, excess = excess_term(profile.excess, weighed.spec), weighed.sums, weighed.spec
    bank = bank_of(coresets, "the bank")
    return Learned(
        bank=bank,
        calibration=make_calibration(held_out, parts, settings, top_k=top_k),
        taught=taught,
        painted=() if lessons is None or taught is None else lessons.album.pages,
        excess=excess,
        term=term,
        held_out=held_out,
        distances=found.distances,
        ignored=images.ignored,
        worst=tuple(image_score(sums, top_k) for sums in held_out.values()),
        images=images.contents,
        parts=len({parts[path] for path in images.contents}),
        unreadable=images.skipped,
        patches=patches,
        queries=found.queries,
        lookalikes=images.lookalikes.across([fold.images for fold in folds]),
        top_k=top_k,
        frames=images.frames,
        sketches=images.lookalikes.sketches,
        new_vectors=new.count(bank, images.contents, backbone.spec.grid.patches),
    )


def renamed(learned: Learned, names: Mapping[Path, str]) -> Learned:
    """What was learned, with paths that are only what the images are called.

    Args:
        learned: from the images.
        names: what they are called.
    """
    path_of = {path: Path(name) for path, name in names.items()}

    def by_name(found: dict[Path, T]) -> dict[Path, T]:
        return {path_of[path]: value for path, value in found.items()}

    nearest = tuple((path_of[one], path_of[other]) for one, other in learned.lookalikes.nearest)
    return dataclasses.replace(
        learned,
        held_out=by_name(learned.held_out),
        distances=by_name(learned.distances),
        images=by_name(learned.images),
        unreadable=by_name(learned.unreadable),
        frames=by_name(learned.frames),
        sketches=by_name(learned.sketches),
        lookalikes=dataclasses.replace(learned.lookalikes, nearest=nearest),
        painted=tuple(dataclasses.replace(page, path=path_of[page.path]) for page in learned.painted),
    )


def _lessons(backbone: Backbone, folds: Sequence[Fold], settings: LearnSettings) -> Lessons | None:
    """Where painted defects are collected, None if the profile or the user wants no head."""
    if not backbone.spec.profile.head or settings.head == 0:
        return None
    reader = ImageReader(max_megapixels=settings.max_megapixels)
    return Lessons(backbone, reader, folds, seed=settings.seed)


def _fold_coreset(
    images: GoodImages, fold: Fold, chooser: Chooser, workspace: Workspace | None, new: NewPatches
) -> Coreset | None:
    """The coreset of one fold, chunk by chunk; None if none of its images could be read."""
    coresets: list[Coreset] = []
    shown = iter(watched(fold.images, f"embedding {fold.name}"))
    for batch, paths in fold.by_batch():
        before = 0
        for chunk in _chunks(images.read(itertools.islice(shown, len(paths)))):
            embeddings = np.concatenate([found for _, found in chunk])
            origins = np.concatenate([images.origins(path) for path, _ in chunk])
            place = (fold.number, batch, before)
            choose = functools.partial(chooser.of, embeddings, place=place, origins=origins)
            contents = [images.contents[path] for path, _ in chunk]
            decides = (*chooser.decides, place, contents)
            coresets.append(choose() if workspace is None else workspace.coreset(decides, origins, choose))
            new.add(batch, coresets[-1])
            before += len(embeddings)
    return chooser.merged(coresets, name=fold.name) if coresets else None


def _chunks(
    found: Iterable[tuple[Path, npt.NDArray[np.float32]]],
) -> Iterator[list[tuple[Path, npt.NDArray[np.float32]]]]:
    """Images with their embeddings, in lists of about `_CHUNK_BYTES` of these."""
    chunk: list[tuple[Path, npt.NDArray[np.float32]]] = []
    chunk_bytes = 0
    for path, embeddings in found:
        chunk.append((path, embeddings))
        chunk_bytes += embeddings.nbytes
        if chunk_bytes >= _CHUNK_BYTES:
            yield chunk
            chunk, chunk_bytes = [], 0
    if chunk:
        yield chunk


def _bank(chooser: Chooser, coresets: Sequence[Coreset | None], neighbours: int, name: str) -> Coreset:
    """Merges the coresets that are not None into a bank."""
    present = [coreset for coreset in coresets if coreset is not None]
    if not present:
        raise UsageError("expected readable images, found too few to hold some out; photograph more good parts")
    bank = chooser.merged(present, name=name)
    require_structure(bank, neighbours=neighbours)
    return bank
