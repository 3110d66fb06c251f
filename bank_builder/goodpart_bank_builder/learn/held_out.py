"""Held-out distances: every good image is scored by a bank, and by a head, that have not seen its part."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from goodpart._host.parallel import Workers
from goodpart.bank.exact import exact_distances
from goodpart.errors import UsageError
from goodpart_bank_builder.data.parts import Fold
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.learn.coreset import Coreset
from goodpart_bank_builder.learn.lessons import Lessons
from goodpart_bank_builder.progress import progress

_QUERIES = 1000
"""Held-out embeddings that measure recall, about."""


class EmbeddedImages(Protocol):
    """Good images and their embeddings, computed as they are read (`learn.embed.GoodImages`) or kept."""

    @property
    def patches(self) -> int:
        """Patches of one image that count."""

    def read(self, paths: Iterable[Path]) -> Iterator[tuple[Path, npt.NDArray[np.float32]]]:
        """The readable images, each with `(P, D) float32` embeddings."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class UnderPaint:
    """The painted patches of one image, scored by a bank and a head that have not seen its part.

    Attributes:
        rows: `(N,) int64` positions of the patches among those that count.
        distances, logits: `(N,) float64`.
    """

    rows: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float64]
    logits: npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """What held-out images gave.

    Attributes:
        distances: `(P,) float64` of every image, to a bank without its part.
        logits: `(P,) float64` of every image, by a head that has not seen its part; empty without a head.
        painted: the painted patches of every image that has some; empty without a head.
        queries: `(Q, D) float32` sample of the embeddings, to measure recall.
    """

    distances: dict[Path, npt.NDArray[np.float64]]
    logits: dict[Path, npt.NDArray[np.float64]]
    painted: dict[Path, UnderPaint]
    queries: npt.NDArray[np.float32]


def hold_out(
    images: EmbeddedImages,
    folds: Sequence[Fold],
    coresets: Sequence[Coreset | None],
    bank_of: Callable[[Sequence[Coreset | None], str], Coreset],
    lessons: Lessons | None,
    settings: LearnSettings,
    *,
    neighbours: int,
) -> HeldOut:
    """Scores every fold by a bank and a head of the other folds.

    Args:
        images: reads the images.
        folds: the folds.
        coresets: of each fold, None of one that is not in the bank.
        bank_of: merges coresets into a bank; takes its name, which decides the random numbers.
        lessons: what heads are trained on, None for no head.
        settings: `threads` is used.
        neighbours: K.

    Raises:
        UsageError: no image could be read.
    """
    distances: dict[Path, npt.NDArray[np.float64]] = {}
    logits: dict[Path, npt.NDArray[np.float64]] = {}
    painted: dict[Path, UnderPaint] = {}
    queries: list[npt.NDArray[np.float32]] = []
    step = max(1, images.patches * sum(len(fold.calibrating) for fold in folds) // _QUERIES)
    with _workers(settings.threads) as workers:
        for fold, own in zip(folds, coresets, strict=True):
            if not fold.calibrating:
                continue
            remaining = [coreset for coreset in coresets if coreset is not own]
            bank = bank_of(remaining, f"without {fold.name}").vectors
            others = (path for other in folds if other is not fold and other.in_bank for path in other.images)
            head = None if lessons is None else lessons.head(others)
            distances_to = functools.partial(
                exact_distances, bank, neighbours=neighbours, threads=settings.threads, workers=workers
            )
            for path, embeddings in images.read(watched(fold.calibrating, f"calibrating on {fold.name}")):
                distances[path] = distances_to(embeddings)
                # a copy: a view would keep all embeddings of the image in memory
                queries.append(embeddings[::step].copy())
                if head is None or lessons is None:
                    continue
                logits[path] = head.logits(embeddings)
                lesson = lessons.found[path]
                if len(lesson.rows):
                    under = lesson.under_paint
                    painted[path] = UnderPaint(
                        rows=lesson.rows, distances=distances_to(under), logits=head.logits(under)
                    )
    if not distances:
        raise UsageError("expected readable images to calibrate on, found none; photograph more good parts")
    return HeldOut(distances=distances, logits=logits, painted=painted, queries=np.concatenate(queries))


def watched(paths: Sequence[Path], doing: str) -> Iterable[Path]:
    """The paths, with a progress bar."""
    return progress(paths, doing=doing, total=len(paths), unit="images")


@contextlib.contextmanager
def _workers(threads: int) -> Iterator[Workers | None]:
    """Threads for the search, or None if the calling thread searches alone."""
    if threads == 1:
        yield None
        return
    with contextlib.closing(Workers(threads)) as workers:
        yield workers
