"""Pixels of a test set by kind of image, its odd masks, and whether defects score highest on their mark."""

from collections import defaultdict

from goodpart.frames.images import ImageReader
from goodpart.scoring.inspection import Inspection
from goodpart_bank_builder.data.dataset import GOOD, TestImage
from goodpart_bank_builder.evaluate.marked import look_where
from goodpart_bank_builder.evaluate.masks import OddMasks, levels_of
from goodpart_bank_builder.evaluate.pixel_counts import PixelCounts
from goodpart_bank_builder.evaluate.without_head import DistanceAlone


class KindPixels:
    """Counted pixels by kind, and odd masks; also scores and pixels without the head.

    Attributes:
        odd_masks: what is odd about the masks so far.
    """

    def __init__(self, reader: ImageReader, alone: DistanceAlone | None) -> None:
        """Begins with nothing.

        Args:
            reader: reads masks.
            alone: collects scores and pixels without the head, None for a bundle without one.
        """
        self._reader, self._alone = reader, alone
        self._counts: defaultdict[str, PixelCounts] = defaultdict(PixelCounts)
        self.odd_masks = OddMasks()

    def add(
        self, image: TestImage, inspection: Inspection, without_head: Inspection | None
    ) -> tuple[float | None, bool | None]:
        """Counts the pixels of an image, unless it is defective and has no mask; returns its `defect_px`, `on_mark`."""
        if self._alone is not None and without_head is not None:
            self._alone.add_score(without_head)
        if image.is_defective and image.mask is None:
            return None, None
        # the sigmoid saturates in float32, so pixel metrics use the calibrated scores
        calibrated = inspection.calibrated_map()
        levels, counted = levels_of(image, calibrated.shape, self._reader), ~inspection.ignored_map()
        self.odd_masks.look_at(image, levels, counted)
        marked = levels > 0
        self._counts[image.kind].add(calibrated, marked, counted)
        if self._alone is not None and without_head is not None:
            self._alone.add_pixels(without_head, marked, counted)
        if not image.is_defective:
            return None, None
        return float(marked.sum()) ** 0.5, look_where(inspection, marked).in_truth

    def all(self) -> PixelCounts:
        """Those of all images."""
        return PixelCounts.sum_of(self._counts.values())

    def of_defects(self) -> PixelCounts:
        """Those of all defective images."""
        return PixelCounts.sum_of(counts for kind, counts in self._counts.items() if kind != GOOD)

    def of_kind(self, kind: str) -> PixelCounts:
        """The pixels of one kind of defect and of all good images."""
        return PixelCounts.sum_of(self._counts[name] for name in (GOOD, kind) if name in self._counts)
