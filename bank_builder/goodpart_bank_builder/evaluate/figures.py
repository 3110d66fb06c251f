"""What an evaluation finds out: figures of a category, and the images they were made from."""

import dataclasses
from pathlib import Path

from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.evaluate.costs import CostCurve
from goodpart_bank_builder.evaluate.metrics import Rate

MEAN_OF = (
    "image_auroc", "image_auprc", "image_best_f1", "pixel_auroc", "pixel_auprc", "pixel_best_f1", "aupro_30",
    "aupro_05", "false_reject_rate", "escape_rate",
)  # fmt: skip
"""The figures that are averaged over categories."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageResult:
    """What one test image got.

    Attributes:
        path: the image.
        part: the part that it shows; images of one kind with the same part show one part.
        kind: "good", or what is wrong with the part.
        is_defective: whether the part is defective.
        mask: the picture of the defect, or None where there is none.
        score: in sigmas, higher is more anomalous.
        p_value: 0 to 1, low is anomalous.
        verdict: GOOD, DEFECT or UNKNOWN.
    """

    path: Path
    part: str
    kind: str
    is_defective: bool
    mask: Path | None
    score: float
    p_value: float
    verdict: Verdict


@dataclasses.dataclass(frozen=True, kw_only=True)
class KindFigures:
    """How well one kind of defect is told from good parts; None where a figure cannot be had.

    Attributes:
        images: of this kind.
        image_auroc, image_auprc: 0 to 1, its images against all good ones.
        escapes: its parts that passed, see `CategoryFigures`.
        pixel_auroc, aupro_30: 0 to 1, its defective pixels against the good ones of its own and of all good images.
    """

    images: int
    image_auroc: float | None
    image_auprc: float | None
    escapes: Rate
    pixel_auroc: float | None
    aupro_30: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class CategoryFigures:
    """How well one bundle does on one category; None where a figure cannot be had.

    Rates and cost count parts, as the line and the bundle's promise do. Without groups every image shows a part of its
    own. An UNKNOWN image counts as rejected. Areas and F1 count images or pixels, and take the score of an UNKNOWN
    image like any other.

    Best F1 and the best cost are tuned on the labelled defects of this very test set: they say what a threshold could
    reach at most and are never a promise for other parts.

    Attributes:
        train_images: good images that the bundle was built from.
        test_images, good_images, defective_images: of the test set.
        bank: vectors and values per vector.
        mu, sigma: scale of good patches, cosine distance.
        threshold: in sigmas, as the verdicts were given with.
        image_auroc, image_auprc: 0 to 1.
        image_best_f1, image_best_f1_threshold: 0 to 1, and in sigmas; scores above it count as defective.
        pixel_auroc, pixel_auprc: 0 to 1, over the pixels of all good images and all that have a mask.
        pixel_best_f1, pixel_best_f1_threshold: 0 to 1, and in sigmas.
        aupro_30, aupro_05: 0 to 1, area under the per-region overlap to a false-positive rate of 0.30 and 0.05.
        false_rejects: good parts that were rejected. A part is rejected when any of its images is not called good.
        escapes: defective parts that passed. A part passes when all of its images are called good.
        kinds: by kind of defect.
        cost: expected cost per part by threshold; the score of a part is the highest of its image scores.
        warning: what the figures must be marked with (untrained weights), or None.
        notes: what could not be reported or looks odd, and why.
    """

    train_images: int
    test_images: int
    good_images: int
    defective_images: int
    bank: tuple[int, int]
    mu: float
    sigma: float
    threshold: float
    image_auroc: float | None
    image_auprc: float | None
    image_best_f1: float | None
    image_best_f1_threshold: float | None
    pixel_auroc: float | None
    pixel_auprc: float | None
    pixel_best_f1: float | None
    pixel_best_f1_threshold: float | None
    aupro_30: float | None
    aupro_05: float | None
    false_rejects: Rate
    escapes: Rate
    kinds: dict[str, KindFigures]
    cost: CostCurve | None
    warning: str | None
    notes: tuple[str, ...]

    @property
    def false_reject_rate(self) -> float | None:
        """Share of good test parts that were rejected, None without good ones."""
        return self.false_rejects.value

    @property
    def escape_rate(self) -> float | None:
        """Share of defective test parts that passed, None without defective ones."""
        return self.escapes.value


@dataclasses.dataclass(frozen=True, kw_only=True)
class CategoryResult:
    """Figures, and what they were made from, in the order of the category's images."""

    figures: CategoryFigures
    images: tuple[ImageResult, ...]
