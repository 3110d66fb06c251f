"""Held out: what the build's banks without a part said of its images, as inspections."""

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Inspection, Verdict
from goodpart.scoring.scores import calibrate, image_score
from goodpart_bank_builder.data.dataset import GOOD, TestImage

NOTE = (
    "the good images are those of the build, each scored by a bank without its part. Such a bank holds fewer parts, so "
    "the AUROC is a slight underestimate. The threshold was set on these same scores, so the false rejects lie near "
    "the target by construction"
)
"""What a reader of figures from held-out images has to know."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Good images of a build as a test set.

    Attributes:
        inspector: the bundle that was built.
        distances: `(P,) float64` distances of every held-out image to a bank without its part, with the known terms;
            patches that count.
        sizes_px: height and width of every frame.
        ignored: `(rows, columns) bool` patches that never count, or None.
        parts: the part of every image.
        alone: `(P,) float64` the same distances without known terms.
    """

    inspector: Inspector
    distances: dict[Path, npt.NDArray[np.float64]]
    sizes_px: dict[Path, tuple[int, int]]
    ignored: npt.NDArray[np.bool_] | None
    parts: dict[Path, str]
    alone: dict[Path, npt.NDArray[np.float64]]

    def images(self) -> tuple[TestImage, ...]:
        """The images that were held out, in the order of their names."""
        return tuple(
            TestImage(path=path, part=f"{GOOD}/{self.parts[path]}", kind=GOOD, mask=None)
            for path in sorted(self.distances)
        )

    def __contains__(self, path: Path) -> bool:
        return path in self.distances

    def inspect(self, path: Path, *, alone: bool = False) -> Inspection:
        """What a bank without its part says of an image, by the bundle's own scale and threshold.

        Args:
            path: one of `images`.
            alone: whether by the distance alone, without known terms.
        """
        inspector, spec = self.inspector, self.inspector.backbone.spec
        distances = (self.alone if alone else self.distances)[path]
        scores = calibrate(distances, inspector.calibration)
        score = image_score(scores, spec.profile.top_k(len(scores)))
        height_px, width_px = self.sizes_px[path]
        return Inspection(
            verdict=Verdict.GOOD if score <= inspector.threshold else Verdict.DEFECT,
            reason=None,
            score=score,
            threshold=inspector.threshold,
            threshold_moved=False,
            checks_moved=False,
            pixel_threshold=inspector.pixel_threshold,
            p_value=inspector.calibration.p_value(score),
            grid=self._grid(scores),
            ignored=self.ignored,
            smoothing=spec.profile.smoothing,
            frame_height_px=height_px,
            frame_width_px=width_px,
            frame_spec=spec.frame,
            timings_ms={"embed": 0.0, "search": 0.0, "score": 0.0},
            recomputed_patches=0,
            statistics={},
        )

    def _grid(self, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """`(rows, columns) float32` as an Inspector gives it: patches that never count get the lowest score."""
        shape, ignored = self.inspector.backbone.spec.grid, self.ignored
        grid = np.full((shape.rows, shape.columns), scores.min(), np.float32)
        grid[np.ones_like(grid, np.bool_) if ignored is None else ~ignored] = scores
        grid.flags.writeable = False
        return grid
