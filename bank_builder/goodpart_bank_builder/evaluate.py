"""Evaluate: a bundle against an MVTec-style category, in the manner of the paper's log."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart.bundle import MANIFEST
from goodpart.errors import FrameError, UsageError
from goodpart.images import read_image, read_mask
from goodpart.inspection import Verdict
from goodpart.inspector import Inspector
from goodpart.strict_json import to_plain
from goodpart_bank_builder.dataset import Category, TestImage
from goodpart_bank_builder.metrics import PixelCounts, auprc, auroc, mean_of
from goodpart_bank_builder.progress import progress


@dataclasses.dataclass(frozen=True, kw_only=True)
class CategoryFigures:
    """How well one bundle does on one category.

    Attributes:
        train_images: good images that the bundle was built from.
        test_images, good_images, defective_images: of the test set.
        bank: vectors and values per vector.
        mu, sigma: scale of good patches, cosine distance.
        threshold: in sigmas.
        image_auroc, image_auprc, pixel_auroc: 0 to 1, None where they cannot be had.
        false_reject_rate: share of good test images called defective, None without good ones.
        escape_rate: share of defective test images called good, None without defective ones.
        warning: what the figures must be marked with (untrained weights), or None.
        notes: what could not be reported, and why.
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
    pixel_auroc: float | None
    false_reject_rate: float | None
    escape_rate: float | None
    warning: str | None
    notes: tuple[str, ...]


MEAN_OF = ("image_auroc", "image_auprc", "pixel_auroc", "false_reject_rate", "escape_rate")
"""The figures that are averaged over categories."""


def find_bundles(folder: Path, categories: list[Category]) -> tuple[dict[str, Path], list[str]]:
    """Which bundle belongs to which category, by name.

    Args:
        folder: one bundle, or a folder of them.
        categories: what will be evaluated.

    Returns:
        bundles by category name, and the names of categories without one.

    Raises:
        UsageError: no bundle at all.
    """
    if (folder / MANIFEST).is_file() and len(categories) == 1:
        return {categories[0].name: folder}, []
    found = {
        category.name: folder / category.name
        for category in categories
        if (folder / category.name / MANIFEST).is_file()
    }
    if not found:
        names = ", ".join(category.name for category in categories)
        raise UsageError(f"{folder}: expected a bundle, or folders of bundles named {names}, found none")
    return found, [category.name for category in categories if category.name not in found]


def evaluate_category(inspector: Inspector, category: Category) -> CategoryFigures:
    """Inspects every test image.

    Raises:
        FrameError: an image or a mask cannot be read or does not fit.
    """
    scores: list[float] = []
    verdicts: list[Verdict] = []
    pixels = PixelCounts()
    for image in progress(category.images, doing=category.name, total=len(category.images), unit="images"):
        inspection = inspector.inspect(read_image(image.path, inspector.backbone.spec.frame))
        scores.append(inspection.score)
        verdicts.append(inspection.verdict)
        if image.mask is not None or not image.is_defective:
            # the sigmoid saturates in float32, so pixel metrics take the calibrated scores themselves
            calibrated = inspection.calibrated_map()
            pixels.add(calibrated, _read_mask(image, calibrated.shape))
    defective = np.array([image.is_defective for image in category.images])
    rejected = np.array([verdict is not Verdict.GOOD for verdict in verdicts])
    manifest, calibration = inspector.bundle.manifest, inspector.calibration
    return CategoryFigures(
        train_images=manifest.provenance.images,
        test_images=len(category.images),
        good_images=int((~defective).sum()),
        defective_images=int(defective.sum()),
        bank=(manifest.bank.vectors, manifest.backbone.grid.dimension),
        mu=calibration.mean,
        sigma=calibration.std,
        threshold=calibration.threshold,
        image_auroc=auroc(defective, np.array(scores)),
        image_auprc=auprc(defective, np.array(scores)),
        pixel_auroc=pixels.auroc(),
        false_reject_rate=_share(rejected[~defective]),
        escape_rate=_share(~rejected[defective]),
        warning=manifest.backbone.weights.warning,
        notes=tuple(_notes(category)),
    )


def summary(figures: dict[str, CategoryFigures], missing: list[str]) -> dict[str, Any]:
    """All figures as plain numbers: `categories` by name, their `mean`, and the `missing` categories."""
    mean = {name: mean_of([getattr(row, name) for row in figures.values()]) for name in MEAN_OF}
    return {
        "categories": {name: to_plain(row) for name, row in figures.items()},
        "mean": mean,
        "missing": missing,
    }


def _read_mask(image: TestImage, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """`(H, W) bool`, True on the defect; all False for a good image."""
    if image.mask is None:
        return np.zeros(shape, np.bool_)
    mask = read_mask(image.mask)
    if mask.shape != shape:
        raise FrameError(
            f"{image.mask}: expected a mask of {shape[0]}x{shape[1]} pixels like its image, "
            f"found {mask.shape[0]}x{mask.shape[1]}"
        )
    return mask


def _share(flags: npt.NDArray[np.bool_]) -> float | None:
    return float(flags.mean()) if len(flags) else None


def _notes(category: Category) -> list[str]:
    """What cannot be reported, and why."""
    kinds = sorted({image.kind for image in category.images if image.is_defective})
    good = [image for image in category.images if not image.is_defective]
    without_mask = sorted({image.kind for image in category.images if image.is_defective and image.mask is None})
    notes = []
    if not kinds:
        notes.append("no defective images: no AUROC, AUPRC or escape rate")
    if not good:
        notes.append("no good images: no image AUROC, image AUPRC or false-reject rate")
    if without_mask:
        notes.append(f"images without a mask do not count in pixel AUROC: {', '.join(without_mask)}")
    return notes
