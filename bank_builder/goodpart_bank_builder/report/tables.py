"""Tables of a report: figures, and verdicts by kind."""

import dataclasses

from goodpart.facts.calibration import RateUnit
from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.evaluate.by_part import false_rejects, units_of
from goodpart_bank_builder.evaluate.figures import CategoryFigures, CategoryResult, ImageResult, KindFigures
from goodpart_bank_builder.evaluate.metrics import Rate
from goodpart_bank_builder.report.text import figure_text

TUNED = "tuned on these defects, no promise"
"""Label of every value that was tuned on the labelled defects of the test set."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class KindColumn:
    """A figure of kinds of defects: its attribute of `KindFigures`, and what a table calls it."""

    name: str
    label: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class FigureRow:
    """One figure as text: name, value and meaning."""

    name: str
    value: str
    meaning: str
    tuned: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class KindRow:
    """The verdicts on one kind of image.

    Attributes:
        kind: "good", or the kind of defect.
        is_defective: whether its parts are defective.
        verdicts: number of images by verdict.
        wrong: false rejects of good images or parts, or escapes of a kind of defect.
        figures: figures of a kind of defect, None for good parts.
    """

    kind: str
    is_defective: bool
    verdicts: dict[Verdict, int]
    wrong: Rate
    figures: KindFigures | None


def figure_rows(figures: CategoryFigures) -> list[FigureRow]:
    """Rows of the figures of a category that can be computed, without the two rates."""
    auroc = "chance that a defective {0} scores higher than a good one"
    precision = (
        "mean precision over all recalls, in this test set: the share of {0}s called defective that are defective"
    )
    overlap = "mean share of each defect's area that is found, at false-positive rates of pixels up to {0}"
    f1 = "best balance of precision and recall at any threshold"
    rows = [
        ("Image AUROC", figures.image_auroc, auroc.format("image"), False),
        ("Image AUPRC", figures.image_auprc, precision.format("image"), False),
        ("Image best F1", figures.image_best_f1, f1, True),
        ("Pixel AUROC", figures.pixel_auroc, auroc.format("pixel"), False),
        ("Pixel AUPRC", figures.pixel_auprc, precision.format("pixel"), False),
        ("Pixel best F1", figures.pixel_best_f1, f1 + ", pixel by pixel", True),
        ("AUPRO to 0.30", figures.aupro_30, overlap.format("0.30"), False),
        ("AUPRO to 0.05", figures.aupro_05, overlap.format("0.05"), False),
    ]
    if (alone := figures.without_head) is not None:
        again = "the same from the same bank, by the distance alone"
        rows += [
            (f"{name} without the head", value, again, False)
            for name, value in zip(
                ("Image AUROC", "Pixel AUROC", "AUPRO to 0.30"),
                (alone.image_auroc, alone.pixel_auroc, alone.aupro_30),
                strict=True,
            )
        ]
    return [
        FigureRow(name=name, value=figure_text(value), meaning=meaning, tuned=tuned)
        for name, value, meaning, tuned in rows
        if value is not None
    ]


def kind_rows(result: CategoryResult) -> list[KindRow]:
    """Good parts first, then the kinds of defects by name."""
    good = [image for image in result.images if not image.is_defective]
    unit = result.figures.rate_unit
    rows = [_kind_row("good", good, None, unit)] if good else []
    for kind, figures in result.figures.kinds.items():
        rows.append(
            _kind_row(kind, [each for each in result.images if each.is_defective and each.kind == kind], figures, unit)
        )
    return rows


def kind_columns(result: CategoryResult) -> list[KindColumn]:
    """The figures that at least one kind of defect has."""
    columns = [
        KindColumn(name="image_auroc", label="Image AUROC"),
        KindColumn(name="image_auprc", label="Image AUPRC"),
        KindColumn(name="pixel_auroc", label="Pixel AUROC"),
        KindColumn(name="aupro_30", label="AUPRO to 0.30"),
    ]
    kinds = result.figures.kinds.values()
    return [column for column in columns if any(getattr(kind, column.name) is not None for kind in kinds)]


def _kind_row(kind: str, images: list[ImageResult], figures: KindFigures | None, unit: RateUnit) -> KindRow:
    return KindRow(
        kind=kind,
        is_defective=figures is not None,
        verdicts={verdict: sum(image.verdict is verdict for image in images) for verdict in Verdict},
        wrong=false_rejects(units_of(images, unit)) if figures is None else figures.escapes,
        figures=figures,
    )
