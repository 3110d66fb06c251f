"""Evaluation of a bundle on an MVTec-style category."""

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart._host.parallel import in_order
from goodpart.bundle.names import MANIFEST
from goodpart.errors import BundleMissingError
from goodpart.facts.calibration import CalibrationMethod, RateUnit
from goodpart.frames.images import ImageReader
from goodpart.inspector import Inspector
from goodpart.model.backbone import check_threads
from goodpart.scoring.inspection import Inspection, Verdict
from goodpart_bank_builder.data.dataset import GOOD, Category, TestImage
from goodpart_bank_builder.evaluate.by_part import PartResult, escapes, parts_of, rates_per, units_of
from goodpart_bank_builder.evaluate.conclusion import SEEN_INPUT_PX
from goodpart_bank_builder.evaluate.costs import CostCurve, Costs, cost_curve
from goodpart_bank_builder.evaluate.figures import CategoryFigures, CategoryResult, ImageResult, KindFigures
from goodpart_bank_builder.evaluate.held_out import NOTE, HeldOut
from goodpart_bank_builder.evaluate.judged import is_unjudged
from goodpart_bank_builder.evaluate.kind_pixels import KindPixels
from goodpart_bank_builder.evaluate.metrics import auprc, auroc, best_f1
from goodpart_bank_builder.evaluate.pixel_counts import PixelCounts
from goodpart_bank_builder.evaluate.without_head import DistanceAlone
from goodpart_bank_builder.progress import progress

_NAMED = 10
"""So many images that cannot be judged are named with their reason."""

_DEFAULT_COSTS = Costs()
_DEFAULT_READER = ImageReader()


def find_bundles(folder: Path, categories: list[Category]) -> tuple[dict[str, Path], list[str]]:
    """Finds the bundle of every category by name.

    Args:
        folder: a bundle, or a folder of bundles.
        categories: the categories to evaluate.

    Returns:
        bundles by category name, and the names of categories without a bundle.

    Raises:
        BundleMissingError: there is no bundle.
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
        raise BundleMissingError(
            f"{folder}: expected a bundle, or folders of bundles named {names}, found none; build one first"
        )
    return found, [category.name for category in categories if category.name not in found]


def evaluate_category(
    inspector: Inspector,
    category: Category,
    *,
    costs: Costs = _DEFAULT_COSTS,
    workers: int = 1,
    reader: ImageReader = _DEFAULT_READER,
    held_out: HeldOut | None = None,
) -> CategoryResult:
    """Inspects every test image and computes all figures.

    False rejects and escapes count images or parts, as the bundle's rate does; cost counts parts. A part is rejected
    when any of its images is rejected, so a defective part escapes only when all its images are called good.
    `read_categories` decides which images show one part. AUROC, AUPRC and F1 count images or pixels. An UNKNOWN image
    counts as rejected at every threshold.

    Args:
        inspector: the bundle.
        category: the test set.
        costs: the costs of false rejects and escapes on the line.
        workers: images inspected at a time, one thread each; 1 to 256.
        reader: reads images and masks.
        held_out: the held-out images of the build. Those of the category are not inspected: their results are those of
            banks without their parts.

    Raises:
        UsageError: a number of workers out of range.
        FrameError: an image or a mask cannot be read, or has the wrong size.
    """
    check_threads(workers)
    alone = DistanceAlone.of(inspector, category)
    pixels = KindPixels(reader, alone)
    images = []
    sizes_px: list[tuple[int, int]] = []

    def inspect(image: TestImage) -> tuple[Inspection, Inspection | None]:
        if held_out is not None and image.path in held_out:
            without_head = None if alone is None else held_out.inspect(image.path, alone=True)
            return held_out.inspect(image.path), without_head
        frame = reader.read(image.path, inspector.backbone.spec.frame)
        if alone is None:
            return inspector.inspect(frame), None
        seen = inspector.see(frame)
        return inspector.inspect(frame, seen=seen), alone.inspect(frame, seen)

    total = len(category.images)
    inspected = in_order(inspect, category.images, workers=workers)
    for image, (inspection, without_head) in progress(inspected, doing=category.name, total=total, unit="images"):
        sizes_px.append((inspection.frame_height_px, inspection.frame_width_px))
        defect_px, on_mark = pixels.add(image, inspection, without_head)
        images.append(
            ImageResult(
                path=image.path,
                part=image.part,
                kind=image.kind,
                is_defective=image.is_defective,
                mask=image.mask,
                score=inspection.score,
                p_value=inspection.p_value,
                verdict=inspection.verdict,
                defect_px=defect_px,
                on_mark=on_mark,
                reason=inspection.reason,
                held_out=inspection if held_out is not None and image.path in held_out else None,
            )
        )
    figures = _figures(inspector, images, pixels, costs)
    held_out_images = sum(image.held_out is not None for image in images)
    figures = dataclasses.replace(
        figures,
        notes=(*([NOTE] if held_out_images else []), *figures.notes, *category.notes),
        smallest_defect_px=_smallest_defect_px(inspector, sizes_px),
        held_out_images=held_out_images,
        without_head=None if alone is None else alone.figures(np.array([image.is_defective for image in images])),
    )
    return CategoryResult(figures=figures, images=tuple(images))


def _figures(inspector: Inspector, images: list[ImageResult], pixels: KindPixels, costs: Costs) -> CategoryFigures:
    defective = np.array([image.is_defective for image in images])
    scores = np.array([image.score for image in images])
    parts = parts_of(images)
    manifest, calibration = inspector.bundle.manifest, inspector.calibration
    unit = calibration.rate_unit
    rates, other = rates_per(images, unit), RateUnit.PART if unit is RateUnit.IMAGE else RateUnit.IMAGE
    image_best, all_pixels = best_f1(defective, scores), pixels.all()
    pixel_best = all_pixels.best_f1()
    return CategoryFigures(
        train_images=manifest.provenance.images,
        test_images=len(images),
        good_images=int((~defective).sum()),
        defective_images=int(defective.sum()),
        bank=(manifest.bank.vectors, manifest.backbone.grid.dimension),
        mu=calibration.mean,
        sigma=calibration.std,
        threshold=inspector.threshold,
        image_auroc=auroc(defective, scores),
        image_auprc=auprc(defective, scores),
        image_best_f1=None if image_best is None else image_best.value,
        image_best_f1_threshold=None if image_best is None else image_best.threshold,
        pixel_auroc=all_pixels.auroc(),
        pixel_auprc=all_pixels.auprc(),
        pixel_best_f1=None if pixel_best is None else pixel_best.value,
        pixel_best_f1_threshold=None if pixel_best is None else pixel_best.threshold,
        aupro_30=all_pixels.aupro(0.30),
        aupro_05=all_pixels.aupro(0.05),
        false_rejects=rates.false_rejects,
        escapes=rates.escapes,
        unknown_good=_unknown([image for image in images if not image.is_defective], unit),
        unknown_defective=_unknown([image for image in images if image.is_defective], unit),
        rate_unit=unit,
        other_unit=rates_per(images, other) if len(parts) < len(images) else None,
        kinds=_kinds(images, scores, pixels, unit),
        cost=_cost(parts, inspector.threshold, costs),
        warning=manifest.backbone.weights.warning,
        target_rate=_target_rate(inspector),
        target_is_proven=calibration.method is CalibrationMethod.SPLIT,
        carried_by=_carried_by(inspector),
        notes=tuple(_notes(inspector, images) + pixels.odd_masks.notes() + _suspicion(pixels.of_defects())),
    )


def _smallest_defect_px(inspector: Inspector, sizes_px: list[tuple[int, int]]) -> float:
    """Side of the smallest defect that the input shows well, in pixels of the median frame."""
    spec = inspector.backbone.spec
    roi = spec.frame.roi
    inspected_px = np.median(sizes_px, axis=0) if roi is None else (roi.height_px, roi.width_px)
    input_px = spec.profile.input_height_px, spec.profile.input_width_px
    return SEEN_INPUT_PX * float(max(np.divide(inspected_px, input_px)))


def _target_rate(inspector: Inspector) -> float | None:
    calibration = inspector.calibration
    return calibration.false_reject_rate if inspector.threshold == calibration.threshold else None


def _carried_by(inspector: Inspector) -> tuple[str, ...]:
    examination = inspector.bundle.manifest.provenance.examination
    return () if examination is None or examination.warning is None else examination.warning.images


def _cost(parts: list[PartResult], threshold: float, costs: Costs) -> CostCurve | None:
    return cost_curve(
        np.array([part.is_defective for part in parts]),
        np.array([part.score for part in parts]),
        unknown=np.array([part.is_unknown for part in parts]),
        threshold=threshold,
        costs=costs,
    )


def _kinds(
    images: list[ImageResult], scores: npt.NDArray[np.float64], pixels: KindPixels, unit: RateUnit
) -> dict[str, KindFigures]:
    """Figures of every kind of defect against all good images."""
    of = np.array([image.kind for image in images])
    figures = {}
    for kind in sorted({image.kind for image in images if image.is_defective}):
        its, compared, its_pixels = of == kind, (of == kind) | (of == GOOD), pixels.of_kind(kind)
        figures[kind] = KindFigures(
            images=int(its.sum()),
            image_auroc=auroc(its[compared], scores[compared]),
            image_auprc=auprc(its[compared], scores[compared]),
            escapes=escapes(units_of([image for image in images if image.kind == kind], unit)),
            unknown=_unknown([image for image in images if image.kind == kind], unit),
            pixel_auroc=its_pixels.auroc(),
            aupro_30=its_pixels.aupro(0.30),
        )
    return figures


def _unknown(images: list[ImageResult], unit: RateUnit) -> int:
    return sum(is_unjudged(part) for part in units_of(images, unit))


def _suspicion(pixels: PixelCounts) -> list[str]:
    """What the pixels of the defective images alone say of their masks."""
    found = pixels.auroc()
    if found is None or found >= 0.5:
        return []
    return [
        f"pixel AUROC within the defective images is {found:.2f}, below 0.5: do their masks belong to other images, or "
        "are black and white exchanged?"
    ]


def _notes(inspector: Inspector, images: list[ImageResult]) -> list[str]:
    """Notes on figures that are missing, and on facts that the figures do not show."""
    defective = [image for image in images if image.is_defective]
    without_mask = sorted({image.kind for image in defective if image.mask is None})
    unknown = [image for image in images if image.verdict is Verdict.UNKNOWN]
    notes = []
    if not defective:
        notes.append("no defective images: no AUROC, AUPRC, AUPRO, F1, cost or escape rate")
    if len(defective) == len(images):
        notes.append("no good images: no image AUROC, image AUPRC, image F1, cost or false-reject rate")
    if without_mask:
        notes.append(f"images without a mask do not count in pixel metrics: {', '.join(without_mask)}")
    if unknown:
        named = [f"{image.path.parent.name}/{image.path.name} ({image.reason})" for image in unknown[:_NAMED]]
        more = [f"{len(unknown) - _NAMED} more"] if len(unknown) > _NAMED else []
        notes.append(
            f"images that cannot be judged (UNKNOWN) count as rejected: {len(unknown)}: {'; '.join([*named, *more])}"
        )
    if inspector.threshold != inspector.calibration.threshold:
        own = inspector.calibration.threshold
        notes.append(f"the threshold was moved on this device to {inspector.threshold:g}; the bundle's own is {own:g}")
    return notes
