"""Results of an evaluation: the figures of a category, and the images behind them."""

import dataclasses
from pathlib import Path

from goodpart.facts.calibration import RateUnit
from goodpart.scoring.inspection import Inspection, Verdict
from goodpart_bank_builder.evaluate.costs import CostCurve
from goodpart_bank_builder.evaluate.metrics import Rate

MEAN_OF = (
    "image_auroc", "image_auprc", "image_best_f1", "pixel_auroc", "pixel_auprc", "pixel_best_f1", "aupro_30",
    "aupro_05",
)  # fmt: skip
"""The figures that are averaged over categories: areas and F1. A mean of the rates of unlike products means nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageResult:
    """The result for one test image.

    Attributes:
        path: the image.
        part: the part that the image shows; images of one kind with equal `part` show one part.
        kind: "good", or the kind of defect.
        is_defective: whether the part is defective.
        mask: the picture that marks the defect, or None without one.
        score: in sigmas, higher is more anomalous.
        p_value: 0 to 1, low is anomalous.
        verdict: GOOD, DEFECT or UNKNOWN.
        held_out: what a bank without the part said of a good image of the build; None if the bundle judged the image.
        defect_px: side of a square as large as the marked defect, in frame pixels; None without a mask.
        on_mark: whether the patch with the highest score, or one next to it, touches the marked defect; None without a
            mask.
        reason: why the verdict is UNKNOWN, else None.
    """

    path: Path
    part: str
    kind: str
    is_defective: bool
    mask: Path | None
    score: float
    p_value: float
    verdict: Verdict
    defect_px: float | None = None
    held_out: Inspection | None = None
    on_mark: bool | None = None
    reason: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class KindFigures:
    """How well the bundle separates one kind of defect from good parts; None for a figure that cannot be computed.

    Attributes:
        images: number of images of this kind.
        image_auroc, image_auprc: 0 to 1, images of this kind against all good images.
        escapes: images or parts of this kind that passed, see `CategoryFigures`.
        unknown: images or parts of this kind that cannot be judged, see `CategoryFigures`.
        pixel_auroc, aupro_30: 0 to 1, defective pixels of this kind against the good pixels of its images and of all
            good images.
    """

    images: int
    image_auroc: float | None
    image_auprc: float | None
    escapes: Rate
    pixel_auroc: float | None
    aupro_30: float | None
    unknown: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnitRates:
    """The two rates of images or of parts.

    Attributes:
        unit: what is counted.
        false_rejects, escapes: see `CategoryFigures`.
    """

    unit: RateUnit
    false_rejects: Rate
    escapes: Rate


@dataclasses.dataclass(frozen=True, kw_only=True)
class WithoutHead:
    """What the same bank reaches by the distance alone; None for a figure that cannot be computed.

    Attributes:
        image_auroc, pixel_auroc, aupro_30: see `CategoryFigures`.
    """

    image_auroc: float | None
    pixel_auroc: float | None
    aupro_30: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class CategoryFigures:
    """How well one bundle does on one category; None for a figure that cannot be computed.

    Rates count images or parts, as the bundle's promise does; cost counts parts. Without groups, every image shows a
    part of its own. An UNKNOWN image counts as rejected. Areas and F1 count images or pixels, and use the score of
    an UNKNOWN image like any other.

    Best F1 and best cost are tuned on the labelled defects of this test set. They say what a threshold could reach at
    most, and promise nothing for other parts.

    Attributes:
        train_images: good images that the bundle was built from.
        test_images, good_images, defective_images: of the test set.
        bank: number of vectors, and values per vector.
        mu, sigma: mean and standard deviation of the cosine distances of good patches.
        threshold: the threshold in use, in sigmas.
        image_auroc, image_auprc: 0 to 1.
        image_best_f1, image_best_f1_threshold: 0 to 1, and in sigmas; scores above it count as defective.
        pixel_auroc, pixel_auprc: 0 to 1, over the pixels of all good images and of all images with a mask.
        pixel_best_f1, pixel_best_f1_threshold: 0 to 1, and in sigmas.
        aupro_30, aupro_05: 0 to 1, area under the per-region overlap to a false-positive rate of 0.30 and 0.05.
        false_rejects: good images or parts that were rejected. An image is rejected when it is not called good, a part
            when any of its images is rejected.
        escapes: defective images or parts that passed. A part passes when all of its images are called good.
        unknown_good, unknown_defective: images or parts that are rejected because they cannot be judged. The good ones
            are false rejects; the defective ones are no escapes, and nobody found their defect.
        rate_unit: what these four and `target_rate` count.
        other_unit: the same two rates in the other unit; None where every image shows a part of its own.
        kinds: figures by kind of defect.
        cost: expected cost per part by threshold; the score of a part is the highest of its image scores.
        warning: the warning that marks the figures (untrained weights), or None.
        notes: figures that are missing and oddities of the test set, with reasons.
        target_rate: the share of good parts or images that the bundle's threshold is made to reject; None if the
            threshold in use is another one.
        target_is_proven: whether the calibration proves that no larger share is rejected.
        smallest_defect_px: side of the smallest defect that the input shows well, in frame pixels; None if not known.
        held_out_images: how many of the good images are those of the build, each scored by a bank without its part.
        carried_by: good images unlike the others that carry the threshold alone.
        without_head: the areas that the distance alone reaches; None for a bundle without a head, or without defects.
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
    rate_unit: RateUnit = RateUnit.PART
    other_unit: UnitRates | None = None
    target_rate: float | None = None
    target_is_proven: bool = False
    smallest_defect_px: float | None = None
    held_out_images: int = 0
    carried_by: tuple[str, ...] = ()
    without_head: WithoutHead | None = None
    unknown_good: int = 0
    unknown_defective: int = 0

    @property
    def counted(self) -> str:
        """What rates count, in a word: `part`, or `image`."""
        return self.rate_unit.value

    @property
    def is_ungrouped(self) -> bool:
        """Whether every image counts as a part of its own, because no images were named as those of one part."""
        return self.other_unit is None

    @property
    def target_in_words(self) -> str:
        """The target, called a promise only where it is one: `target 5 %`, or `promised 5 %`."""
        rate = "none" if self.target_rate is None else f"{self.target_rate * 100:g} %"
        return f"{'promised' if self.target_is_proven else 'target'} {rate}"

    @property
    def false_reject_rate(self) -> float | None:
        """Share of good test images or parts that were rejected, None without good ones."""
        return self.false_rejects.value

    @property
    def escape_rate(self) -> float | None:
        """Share of defective test images or parts that passed, None without defective ones."""
        return self.escapes.value


@dataclasses.dataclass(frozen=True, kw_only=True)
class CategoryResult:
    """Figures, and the results of all images in the order of the category."""

    figures: CategoryFigures
    images: tuple[ImageResult, ...]
