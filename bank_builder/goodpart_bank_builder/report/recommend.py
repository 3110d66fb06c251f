"""Recommend: one of the thresholds of a report with its reason, or why none can be recommended."""

import dataclasses

from goodpart.inspector import Inspector
from goodpart_bank_builder.evaluate.by_part import units_of
from goodpart_bank_builder.evaluate.conclusion import ConclusionKind, conclude
from goodpart_bank_builder.evaluate.costs import CostCurve, Costs
from goodpart_bank_builder.evaluate.figures import CategoryFigures, CategoryResult
from goodpart_bank_builder.report.thresholds import middle_of_gap

_ENOUGH = 20
"""The fewest good, and the fewest defective parts that a threshold is moved for."""

_CHEAPER = 0.9
"""A threshold is recommended for its cost if it costs at most this share of the one in use."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recommendation:
    """What a report says of its thresholds.

    Attributes:
        threshold: the one to use, in sigmas; None where none can be recommended.
        says: that in one or two sentences, with the reason.
    """

    threshold: float | None
    says: str


def recommend(inspector: Inspector, result: CategoryResult) -> Recommendation:
    """Chooses a threshold. A choice that the labelled defects decide says so.

    Args:
        inspector: the bundle.
        result: of one category.
    """
    figures, kind = result.figures, conclude(result).kind
    if figures.warning is not None:
        return _none("the weights are untrained, so these scores say nothing about those of trained ones")
    if kind is ConclusionKind.NOT_TRIED:
        return _none("without defective parts nobody knows what any threshold finds")
    if kind is ConclusionKind.CANNOT_TELL:
        return _none("this test does not show that any threshold tells defective from good parts")
    if not figures.false_rejects.of:
        return _none("without good parts nobody knows what any threshold rejects")
    middle = middle_of_gap(result)
    if middle is not None:
        return _in_gap(inspector, result, middle)
    if figures.cost is None or _are_assumed(figures.cost):
        return _none(
            "a lower one finds more and rejects more, and which of them pays depends on what an escape costs; give "
            f"--escape-cost and --defect-rate to goodpart-bank evaluate. Until then leave it at "
            f"{figures.threshold:.2f}, which alone is not tuned on these defects"
        )
    return _by_cost(inspector, figures, figures.cost)


def _none(why: str) -> Recommendation:
    return Recommendation(threshold=None, says=f"No threshold can be recommended: {why}.")


def _in_gap(inspector: Inspector, result: CategoryResult, middle: float) -> Recommendation:
    figures = result.figures
    counted = [part for part in units_of(result.images, figures.rate_unit) if not part.is_unknown]
    good = [part.score for part in counted if not part.is_defective]
    bad = [part.score for part in counted if part.is_defective]
    if max(good) <= figures.threshold < min(bad):
        return Recommendation(
            threshold=figures.threshold,
            says=f"Recommended threshold: {figures.threshold:.2f}, the one in use, because it parts all {len(good)} "
            f"good from all {len(bad)} defective {figures.counted}s that were judged, and is not tuned on them.",
        )
    allowed = inspector.bundle.manifest.threshold_range
    few = min(len(good), len(bad)) < _ENOUGH
    if few or (allowed is not None and middle not in allowed):
        why = (
            f"{len(good)} good and {len(bad)} defective {figures.counted}s are too few to move it; test {_ENOUGH} each"
            if few
            else f"the bundle lets a device set {allowed} only, and {middle:g} lies outside"
        )
        return Recommendation(
            threshold=figures.threshold,
            says=f"Recommended threshold: {figures.threshold:.2f}, the one in use, because {why}.",
        )
    return Recommendation(
        threshold=middle,
        says=f"Recommended threshold: {middle:g}, because it lies in the middle of the empty gap between the good and "
        "the defective scores; confirm it on parts that were not used here.",
    )


def _by_cost(inspector: Inspector, figures: CategoryFigures, cost: CostCurve) -> Recommendation:
    prices = f"if an escape costs {cost.escape_cost:g} and {100 * cost.defect_rate:g} % of the parts are defective"
    if min(cost.best_cost, cost.cost_at_threshold) >= cost.cost_of_no_inspection:
        return _none(f"{prices}, none is cheaper than no inspection ({cost.cost_of_no_inspection:.3g} per part)")
    allowed = inspector.bundle.manifest.threshold_range
    settable = allowed is None or cost.best_threshold in allowed
    if cost.best_cost <= _CHEAPER * cost.cost_at_threshold and settable:
        return Recommendation(
            threshold=cost.best_threshold,
            says=f"Recommended threshold: {cost.best_threshold:.2f}, because {prices}, it costs {cost.best_cost:.3g} "
            f"per part and the one in use {cost.cost_at_threshold:.3g}. It is tuned on these defects: confirm it on "
            "parts that were not used here.",
        )
    why = "no other is a tenth cheaper" if settable else f"the bundle lets a device set {allowed} only"
    return Recommendation(
        threshold=figures.threshold,
        says=f"Recommended threshold: {figures.threshold:.2f}, the one in use, because {prices}, {why}.",
    )


def _are_assumed(cost: CostCurve) -> bool:
    """Whether the costs are those of the options' defaults, which say nothing of this line."""
    return (cost.escape_cost, cost.defect_rate) == (Costs.escape_cost, Costs.defect_rate)
