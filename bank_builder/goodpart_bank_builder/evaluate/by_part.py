"""Parts of a test set: the verdict on a part follows from the verdicts on its images."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from goodpart.facts.calibration import RateUnit
from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.evaluate.figures import ImageResult, UnitRates
from goodpart_bank_builder.evaluate.metrics import Rate, rate_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class PartResult:
    """One part, judged as on the line: it is rejected when any of its images is rejected.

    Attributes:
        images: all test images that show the part, at least one.
    """

    images: tuple[ImageResult, ...]

    @property
    def is_defective(self) -> bool:
        """Whether the part is labelled defective."""
        return self.images[0].is_defective

    @property
    def score(self) -> float:
        """The highest image score, in sigmas. A threshold below it rejects the part."""
        return max(image.score for image in self.images)

    @property
    def is_unknown(self) -> bool:
        """Whether one of its images cannot be judged. Such a part is rejected at every threshold."""
        return any(image.verdict is Verdict.UNKNOWN for image in self.images)

    @property
    def is_found(self) -> bool:
        """Whether one of its images was called DEFECT."""
        return any(image.verdict is Verdict.DEFECT for image in self.images)

    @property
    def is_rejected(self) -> bool:
        """Whether one of its images was not called good."""
        return any(image.verdict is not Verdict.GOOD for image in self.images)

    def is_rejected_at(self, threshold: float) -> bool:
        """Whether the part would be rejected at another threshold, in sigmas."""
        return self.is_unknown or self.score > threshold


def parts_of(images: Sequence[ImageResult]) -> list[PartResult]:
    """The parts that images show, in the order of their first images."""
    found: dict[str, list[ImageResult]] = {}
    for image in images:
        found.setdefault(image.part, []).append(image)
    return [PartResult(images=tuple(own)) for own in found.values()]


def units_of(images: Sequence[ImageResult], unit: RateUnit) -> list[PartResult]:
    """What a rate counts: the parts that images show, or every image as if it showed a part of its own."""
    return parts_of(images) if unit is RateUnit.PART else [PartResult(images=(image,)) for image in images]


def rates_per(images: Sequence[ImageResult], unit: RateUnit) -> UnitRates:
    """False rejects and escapes of images or of parts."""
    counted = units_of(images, unit)
    return UnitRates(unit=unit, false_rejects=false_rejects(counted), escapes=escapes(counted))


def false_rejects(parts: Sequence[PartResult], *, threshold: float | None = None) -> Rate:
    """Rate of rejected good parts, at another threshold in sigmas if one is given; one rejected image is enough."""
    good = [part for part in parts if not part.is_defective]
    return _rate(good, [_is_rejected(part, threshold) for part in good])


def escapes(parts: Sequence[PartResult], *, threshold: float | None = None) -> Rate:
    """Rate of defective parts that pass (all images called good), at another threshold in sigmas if one is given."""
    defective = [part for part in parts if part.is_defective]
    return _rate(defective, [not _is_rejected(part, threshold) for part in defective])


def _is_rejected(part: PartResult, threshold: float | None) -> bool:
    return part.is_rejected if threshold is None else part.is_rejected_at(threshold)


def _rate(parts: Sequence[PartResult], happened: Sequence[bool]) -> Rate:
    return rate_of(
        np.array(happened, np.bool_),
        images=sum(len(part.images) for part in parts),
        # images counted one by one may show one part
        parts=[part.images[0].part for part in parts],
    )
