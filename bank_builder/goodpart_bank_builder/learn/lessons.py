"""Lessons: what a head is taught from, good patches and patches under painted defects.

Good images get painted defects while it is embedded, so that its file is read only once.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart.errors import FrameError
from goodpart.frames.images import ImageReader
from goodpart.model.backbone import Backbone
from goodpart.model.head import Head
from goodpart_bank_builder.data.parts import Fold
from goodpart_bank_builder.learn.head import train_head
from goodpart_bank_builder.paint.album import Album, Step
from goodpart_bank_builder.paint.painter import Painter

_COVERED = 0.15
"""Share of a patch's cell from which on the patch counts as painted."""

_GOOD_PATCHES = 36_000
"""Good patches that a head is trained on, about."""


_DEFECTS = 3
"""Defects that are painted on one frame: with fewer, what a head learns depends on the seed."""

_MOST_PAINTED = 1000
"""Images that get a painted defect, about: more teach nothing new."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """What one image gives.

    Attributes:
        rows: `(N,) int64` positions of the painted patches among those that count.
        under_paint: `(N, D) float32` their embeddings.
        good: `(M, D) float32` embeddings of some patches of the good frame.
    """

    rows: npt.NDArray[np.int64]
    under_paint: npt.NDArray[np.float32]
    good: npt.NDArray[np.float32]


class Lessons:
    """The lessons of all images; several threads may add to it at a time.

    Attributes:
        found: the lesson of every image, by path.
        album: pictures of a sample of what was painted.
    """

    def __init__(self, backbone: Backbone, reader: ImageReader, folds: Sequence[Fold], *, seed: int) -> None:
        """Sets how images are painted.

        Args:
            backbone: embeds the painted frames.
            reader: reads the good images that pieces are cut from.
            folds: of all good images. Pieces are cut from images of the same fold, so that what a fold teaches shows
                nothing of another one. Each image gives its share of the good patches.
            seed: of the paint, and of the choice of good patches.
        """
        self._backbone, self._reader, self._seed = backbone, reader, seed
        self._mates = {path: fold.images for fold in folds for path in fold.images}
        # where a batch lies decides nothing
        self._order = {path: (batch, path) for fold in folds for batch, images in fold.by_batch() for path in images}
        self._good_patches = -(-_GOOD_PATCHES // len(self._mates))
        self._share = min(1.0, _MOST_PAINTED / len(self._mates))
        self.found: dict[Path, Lesson] = {}
        self.album = Album(backbone.spec)

    def add(
        self,
        path: Path,
        frame: npt.NDArray[Any],
        embeddings: npt.NDArray[np.float32],
        *,
        ignored: npt.NDArray[np.bool_] | None,
    ) -> None:
        """Paints defects on a good frame.

        Args:
            path: of the image.
            frame: as the backbone declares its frames.
            embeddings: `(P, D) float32` of its patches that count.
            ignored: `(rows, columns) bool` patches that never count, None if all count.
        """
        # by content, so that neither the order of the images nor their names decide what is painted
        digest = hashlib.blake2b(frame.tobytes(), digest_size=16).digest()
        rng = np.random.default_rng(np.random.SeedSequence([self._seed, int.from_bytes(digest, "big")]))
        chosen = rng.choice(len(embeddings), min(self._good_patches, len(embeddings)), replace=False)
        rows = np.empty(0, np.int64)
        under_paint = np.empty((0, embeddings.shape[1]), np.float32)
        if rng.random() < self._share:
            steps, cover = self._painted(path, frame, rng, ignored)
            painted = steps[-1].after if steps else frame
            counted = np.full(cover.shape, True) if ignored is None else ~ignored
            rows = np.flatnonzero(cover[counted] > _COVERED)
            if len(rows):
                self.album.add(digest, path, steps)
                under_paint = self._backbone.embed(painted)[counted.ravel()][rows]
        # a patch without any feature would be nothing but zeros
        featured = under_paint.any(axis=1)
        self.found[path] = Lesson(
            rows=rows[featured], under_paint=under_paint[featured], good=embeddings[np.sort(chosen)]
        )

    def head(self, paths: Iterable[Path]) -> Head | None:
        """Trains a head on the lessons of some images; None if there is nothing to tell apart."""
        chosen = [self.found[path] for path in sorted(paths, key=self._order.__getitem__) if path in self.found]
        under_paint = [lesson.under_paint for lesson in chosen if len(lesson.under_paint)]
        if not under_paint:
            return None
        good = np.concatenate([lesson.good for lesson in chosen])
        return train_head(np.concatenate(under_paint), good, seed=self._seed)

    def _painted(
        self,
        path: Path,
        frame: npt.NDArray[Any],
        rng: np.random.Generator,
        ignored: npt.NDArray[np.bool_] | None,
    ) -> tuple[list[Step], npt.NDArray[np.float32]]:
        """Several defects, each painted on top of the last, and how much of each patch's cell they cover."""
        painter, grid = Painter(self._backbone.spec, ignored), self._backbone.spec.grid
        cover = np.zeros((grid.rows, grid.columns), np.float32)
        source = self._source(path, frame, rng)
        steps: list[Step] = []
        for _ in range(_DEFECTS):
            painted = painter.paint(frame, source, rng)
            if painted is not None:
                steps.append(Step(kind=painted.kind, before=frame, after=painted.frame))
                frame, cover = painted.frame, np.maximum(cover, painted.cover)
        return steps, cover

    def _source(self, path: Path, frame: npt.NDArray[Any], rng: np.random.Generator) -> npt.NDArray[Any]:
        """Another good frame of the same fold, or the same if that one cannot be read."""
        mates = self._mates[path]
        try:
            return self._reader.read(mates[int(rng.integers(len(mates)))], self._backbone.spec.frame)
        except FrameError:
            return frame
