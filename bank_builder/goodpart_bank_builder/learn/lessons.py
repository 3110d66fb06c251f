"""Lessons: what a head is taught from, good patches and patches under painted defects.

Every good image gets one painted defect while it is embedded, so that its file is read only once.
"""

import dataclasses
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart.model.backbone import Backbone
from goodpart.model.head import Head
from goodpart_bank_builder.learn.head import train_head
from goodpart_bank_builder.paint.painter import Painter

_COVERED = 0.15
"""Share of a patch's cell from which on the patch counts as painted."""

_GOOD_PATCHES = 36_000
"""Good patches that a head is trained on, about."""


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
    """

    def __init__(self, backbone: Backbone, *, images: int, seed: int) -> None:
        """Sets how images are painted.

        Args:
            backbone: embeds the painted frames.
            images: how many there will be, about; each gives its share of the good patches.
            seed: of the paint, and of the choice of good patches.
        """
        self._backbone, self._seed = backbone, seed
        self._good_patches = -(-_GOOD_PATCHES // images)
        self._share = min(1.0, _MOST_PAINTED / images)
        self.found: dict[Path, Lesson] = {}

    def add(
        self,
        path: Path,
        frame: npt.NDArray[Any],
        embeddings: npt.NDArray[np.float32],
        *,
        ignored: npt.NDArray[np.bool_] | None,
    ) -> None:
        """Paints a defect on a good frame.

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
        painter = Painter(self._backbone.spec, ignored)
        painted = painter.paint(frame, frame, rng) if rng.random() < self._share else None
        rows = np.empty(0, np.int64)
        under_paint = np.empty((0, embeddings.shape[1]), np.float32)
        if painted is not None:
            counted = np.full(painted.cover.shape, True) if ignored is None else ~ignored
            covered = painted.cover > _COVERED
            rows = np.flatnonzero(covered[counted])
            under_paint = self._backbone.embed(painted.frame)[(covered & counted).ravel()]
        # a patch without any feature would be nothing but zeros
        featured = under_paint.any(axis=1)
        self.found[path] = Lesson(
            rows=rows[featured], under_paint=under_paint[featured], good=embeddings[np.sort(chosen)]
        )

    def head(self, paths: Iterable[Path]) -> Head | None:
        """Trains a head on the lessons of some images; None if there is nothing to tell apart."""
        chosen = [self.found[path] for path in sorted(paths) if path in self.found]
        under_paint = [lesson.under_paint for lesson in chosen if len(lesson.under_paint)]
        if not under_paint:
            return None
        good = np.concatenate([lesson.good for lesson in chosen])
        return train_head(np.concatenate(under_paint), good, seed=self._seed)
