"""Learning: one pass over the good images makes the bank, a second pass makes the calibration."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart._host.parallel import Workers
from goodpart.bank.exact import exact_distances
from goodpart.errors import UsageError
from goodpart.facts.calibration import Calibration
from goodpart.model.backbone import Backbone
from goodpart.scoring.scores import image_score
from goodpart_bank_builder.data.parts import Fold
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.learn.calibrate import make_calibration
from goodpart_bank_builder.learn.coreset import Chooser, Coreset, require_structure
from goodpart_bank_builder.learn.embed import GoodImages
from goodpart_bank_builder.learn.frame_facts import FrameFacts
from goodpart_bank_builder.learn.lookalikes import LookalikePairs
from goodpart_bank_builder.progress import progress

_CHUNK_BYTES = 400 << 20
"""Embeddings from which one coreset is chosen at a time. The other images wait on disk."""

_QUERIES = 1000
"""Held-out embeddings that measure recall, about."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Learned:
    """What was learned from good images.

    Attributes:
        bank: the embeddings to keep; their origins are the position of the image in `images` times the patches of a
            frame, plus the position of the patch in the grid.
        calibration: scale and thresholds.
        held_out: `(P,) float64` distances of every held-out image to a bank without its part.
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
    """

    bank: Coreset
    calibration: Calibration
    held_out: dict[Path, npt.NDArray[np.float64]]
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


def learn(
    backbone: Backbone,
    parts: dict[Path, str],
    folds: Sequence[Fold],
    settings: LearnSettings,
) -> Learned:
    """Chooses the bank and calibrates it.

    The coreset of every fold is chosen once. The merged coresets of the other folds score a fold. The bank merges the
    coresets of all folds. All folds together therefore cost little more than one coreset.

    Args:
        backbone: embeds the images.
        parts: the part of every image.
        folds: from `make_folds`, with the same settings.
        settings: how to learn.

    Raises:
        UsageError: the mask, the images or the rate cannot be used.
        FrameError: an image cannot be read and `skip_unreadable` is off.
    """
    profile = backbone.spec.profile
    images = GoodImages(backbone, settings)
    chooser = Chooser(profile.coreset, size=profile.bank_vectors, seed=settings.seed)
    coresets = [_fold_coreset(images, fold, chooser) if fold.in_bank else None for fold in folds]
    patches = images.patches * len(images.contents)
    held_out, queries = _hold_out(
        images, folds, coresets, chooser, neighbours=profile.neighbours, threads=settings.threads
    )
    top_k = profile.top_k(images.patches)
    return Learned(
        bank=_bank(chooser, coresets, profile.neighbours),
        calibration=make_calibration(held_out, parts, settings, top_k=top_k),
        held_out=held_out,
        ignored=images.ignored,
        worst=tuple(image_score(found, top_k) for found in held_out.values()),
        images=images.contents,
        parts=len({parts[path] for path in images.contents}),
        unreadable=images.skipped,
        patches=patches,
        queries=queries,
        lookalikes=images.lookalikes.across([fold.images for fold in folds]),
        top_k=top_k,
        frames=images.frames,
        sketches=images.lookalikes.sketches,
    )


def _hold_out(
    images: GoodImages,
    folds: Sequence[Fold],
    coresets: Sequence[Coreset | None],
    chooser: Chooser,
    *,
    neighbours: int,
    threads: int,
) -> tuple[dict[Path, npt.NDArray[np.float64]], npt.NDArray[np.float32]]:
    """Distances of every held-out image to a bank without its fold, and a sample of held-out embeddings."""
    distances: dict[Path, npt.NDArray[np.float64]] = {}
    queries: list[npt.NDArray[np.float32]] = []
    step = max(1, images.patches * sum(len(fold.images) for fold in folds if fold.scored) // _QUERIES)
    with _workers(threads) as workers:
        for fold, own in zip(folds, coresets, strict=True):
            if not fold.scored:
                continue
            bank = _bank(chooser, [coreset for coreset in coresets if coreset is not own], neighbours).vectors
            for path, embeddings in images.read(_watched(fold.images, f"calibrating on {fold.name}")):
                distances[path] = exact_distances(
                    bank, embeddings, neighbours=neighbours, threads=threads, workers=workers
                )
                # a copy: a view would keep all embeddings of the image in memory
                queries.append(embeddings[::step].copy())
    if not distances:
        raise UsageError("expected readable images to calibrate on, found none; photograph more good parts")
    return distances, np.concatenate(queries)


@contextlib.contextmanager
def _workers(threads: int) -> Iterator[Workers | None]:
    """Threads for the search, or None if the calling thread searches alone."""
    if threads == 1:
        yield None
        return
    with contextlib.closing(Workers(threads)) as workers:
        yield workers


def _fold_coreset(images: GoodImages, fold: Fold, chooser: Chooser) -> Coreset | None:
    """The coreset of one fold, chunk by chunk; None if none of its images could be read."""
    coresets: list[Coreset] = []
    chunk: list[npt.NDArray[np.float32]] = []
    origins: list[npt.NDArray[np.int64]] = []
    chunk_bytes = 0
    for path, embeddings in images.read(_watched(fold.images, f"embedding {fold.name}")):
        chunk.append(embeddings)
        origins.append(images.origins(path))
        chunk_bytes += embeddings.nbytes
        if chunk_bytes >= _CHUNK_BYTES:
            coresets.append(chooser.of(np.concatenate(chunk), origins=np.concatenate(origins)))
            chunk, origins, chunk_bytes = [], [], 0
    if chunk:
        coresets.append(chooser.of(np.concatenate(chunk), origins=np.concatenate(origins)))
    return chooser.merged(coresets) if coresets else None


def _bank(chooser: Chooser, coresets: Sequence[Coreset | None], neighbours: int) -> Coreset:
    """Merges the coresets that are not None into a bank."""
    present = [coreset for coreset in coresets if coreset is not None]
    if not present:
        raise UsageError("expected readable images, found too few to hold some out; photograph more good parts")
    bank = chooser.merged(present)
    require_structure(bank, neighbours=neighbours)
    return bank


def _watched(paths: Sequence[Path], doing: str) -> Iterable[Path]:
    return progress(paths, doing=doing, total=len(paths), unit="images")
