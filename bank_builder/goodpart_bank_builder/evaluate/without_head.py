"""Without the head: what the distance alone says, from the same bank, to show what the head is worth."""

from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart.inspector import Inspector
from goodpart.model.seen import SeenFrame
from goodpart.scoring.inspection import Inspection
from goodpart_bank_builder.data.dataset import Category
from goodpart_bank_builder.evaluate.figures import WithoutHead
from goodpart_bank_builder.evaluate.metrics import auroc
from goodpart_bank_builder.evaluate.pixel_counts import PixelCounts


class DistanceAlone:
    """Judges frames as a bundle does, but for its head, and collects what figures need.

    The backbone runs once for both ways; only the search runs again, because the patches that are proven exact with the
    head are not those that the distance alone needs. Scores have the scale of the bundle: neither its mean nor its
    standard deviation changes an area under a curve.
    """

    def __init__(self, inspector: Inspector) -> None:
        """Takes a bundle that has a head."""
        bundle = inspector.bundle
        self._inspector = Inspector(
            backbone=inspector.backbone,
            bank=inspector.bank,
            calibration=inspector.calibration,
            ignored=bundle.ignored,
            bundle=bundle,
        )
        self._scores: list[float] = []
        self._pixels = PixelCounts()

    @classmethod
    def of(cls, inspector: Inspector, category: Category) -> "DistanceAlone | None":
        """That of a bundle; None where it has no head, or where no figure could be computed without defects."""
        has_head = inspector.bundle.manifest.head is not None
        return cls(inspector) if has_head and any(each.is_defective for each in category.images) else None

    def inspect(self, frame: npt.NDArray[Any], seen: SeenFrame) -> Inspection:
        """Judges a frame that has been seen."""
        return self._inspector.inspect(frame, seen=seen)

    def add_pixels(
        self, inspection: Inspection, defective: npt.NDArray[np.bool_], counted: npt.NDArray[np.bool_]
    ) -> None:
        """Counts the pixels of one image, as `PixelCounts.add` does."""
        self._pixels.add(inspection.calibrated_map(), defective, counted)

    def add_score(self, inspection: Inspection) -> None:
        """Keeps the score of the next image."""
        self._scores.append(inspection.score)

    def figures(self, defective: npt.NDArray[np.bool_]) -> WithoutHead:
        """The figures of all images.

        Args:
            defective: `(n,) bool`, in the order of `add_score`.
        """
        return WithoutHead(
            image_auroc=auroc(defective, np.array(self._scores)),
            pixel_auroc=self._pixels.auroc(),
            aupro_30=self._pixels.aupro(0.30),
        )
