"""Thresholds: choices of the threshold, what each does on the test set, and what a lower one would find."""

import dataclasses
import math
import shlex
from pathlib import Path

from goodpart.inspector import Inspector
from goodpart_bank_builder.evaluate.by_part import PartResult, escapes, false_rejects, units_of
from goodpart_bank_builder.evaluate.conclusion import NEARLY_ALL, ConclusionKind, conclude
from goodpart_bank_builder.evaluate.figures import CategoryFigures, CategoryResult
from goodpart_bank_builder.evaluate.metrics import Rate
from goodpart_bank_builder.report.line import prices

MORE, NEARLY = "Finds more", f"Finds {100 * NEARLY_ALL:.0f} %"
"""Names of the thresholds below the one in use."""

_MIDDLE = "Middle of the gap"

_USABLE = 0.2
"""A threshold that rejects a larger share of the good parts is no way out."""

_WORTH = 0.1
"""The least share of the escapes that `MORE` finds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ThresholdRow:
    """One choice of the threshold, and its results on the test set.

    Attributes:
        name: name of the choice.
        threshold: in sigmas.
        basis: reason for the choice.
        tuned: whether the choice was tuned on the labelled defects of the test set.
        in_use: whether the verdicts were given with this threshold.
        false_rejects, escapes: see `CategoryFigures`.
    """

    name: str
    threshold: float
    basis: str
    tuned: bool
    in_use: bool
    false_rejects: Rate
    escapes: Rate


def lower_thresholds(result: CategoryResult) -> dict[str, float]:
    """Thresholds below the one in use that find more defects of the test set; tuned on them, no promise.

    `MORE` rejects no more good parts than the target allows or are rejected now, and at least one. `NEARLY` finds 95 %,
    whatever it rejects. Each is a round number between the last score that passes and the first that is rejected.

    Args:
        result: of one category.

    Returns:
        threshold in sigmas by name; empty where there is nothing to gain.
    """
    figures, counted = result.figures, units_of(result.images, result.figures.rate_unit)
    good = sorted((part.score for part in counted if not part.is_defective and not part.is_unknown), reverse=True)
    bad = sorted((part.score for part in counted if part.is_defective and not part.is_unknown), reverse=True)
    passed = [score for score in bad if score <= figures.threshold]
    if not passed or not good:
        return {}
    lower = {}
    rejected = sum(score > figures.threshold for score in good)
    # a few of many are not worth another threshold
    worth = math.ceil(_WORTH * len(passed))
    allowed = max(1, rejected, math.floor((figures.target_rate or 0.0) * len(good)))
    if allowed < len(good) and passed[worth - 1] > good[allowed]:
        lower[MORE] = _between(good[allowed], counted, below=figures.threshold)
    wanted = math.ceil(NEARLY_ALL * len(bad))
    if len(bad) - len(passed) < wanted:
        last = max((score for score in [*good, *bad] if score < bad[wanted - 1]), default=bad[wanted - 1] - 1.0)
        nearly = _between(last, counted, below=figures.threshold)
        if nearly < lower.get(MORE, math.inf):
            lower[NEARLY] = nearly
    return lower


def _between(passes: float, counted: list[PartResult], *, below: float) -> float:
    """The number of the fewest decimals, two or more, from a score that passes up to the next one that does not."""
    next_above = min([below, *(part.score for part in counted if part.score > passes)])
    for decimals in range(2, 17):
        value = round((passes + next_above) / 2.0, decimals)
        if passes <= value < next_above:
            return value
    return passes


def lower_threshold_step(inspector: Inspector, result: CategoryResult, bundle: Path) -> str | None:
    """What a lower threshold would find, with the command that sets it; None where there is nothing to gain.

    Args:
        inspector: the bundle.
        result: of one category.
        bundle: the folder that the command names.
    """
    rows = [row for row in threshold_rows(inspector, result) if row.name in (MORE, NEARLY)]
    if not rows:
        return None
    unit = result.figures.counted
    unknown = result.figures.unknown_defective
    choices = "; ".join(
        f"{row.threshold:g} finds {row.escapes.of - row.escapes.events - unknown} of {row.escapes.of} defective "
        f"{unit}s and rejects {row.false_rejects.events} of {row.false_rejects.of} good {unit}s"
        for row in rows
    )
    if unknown:
        choices += f" ({unknown} of the defective {unit}s are UNKNOWN at any threshold)"
    # the passed defects that a choice finds must be a tenth of all, or another threshold is no way out
    passed_now = escapes(units_of(result.images, result.figures.rate_unit), threshold=result.figures.threshold).events
    usable = [
        row
        for row in rows
        if (row.name == MORE or (row.false_rejects.value or 0.0) <= _USABLE)
        and passed_now - row.escapes.events >= _WORTH * row.escapes.of
    ]
    if not usable or conclude(result).kind is ConclusionKind.CANNOT_TELL:
        return f"Another threshold is no way out: {choices}."
    allowed = inspector.bundle.manifest.threshold_range
    settable = [row for row in usable if allowed is None or row.threshold in allowed]
    if not settable:
        return (
            f"A lower threshold than {result.figures.threshold:.2f} finds more: {choices}. The bundle lets a device "
            f"set {allowed} only; for less, build it with a higher --false-reject-rate."
        )
    return (
        f"A lower threshold than {result.figures.threshold:.2f} finds more: {choices}. This is tuned on these defects, "
        f"no promise for others. On the device: {_command(bundle, settable[0].threshold)}"
    )


def middle_of_gap(result: CategoryResult) -> float | None:
    """The threshold in the middle between the highest good and the lowest defective score; None where they overlap."""
    counted = [part for part in units_of(result.images, result.figures.rate_unit) if not part.is_unknown]
    good = [part.score for part in counted if not part.is_defective]
    bad = [part.score for part in counted if part.is_defective]
    if not good or not bad or max(good) >= min(bad):
        return None
    return _between(max(good), counted, below=min(bad))


def gap_step(inspector: Inspector, result: CategoryResult, bundle: Path) -> str | None:
    """That an empty gap separates good and defective parts, and the threshold in its middle; None without a gap.

    Args:
        inspector: the bundle.
        result: of one category.
        bundle: the folder that the command names.
    """
    unit, counted = result.figures.counted, units_of(result.images, result.figures.rate_unit)
    good = [part.score for part in counted if not part.is_defective and not part.is_unknown]
    bad = [part.score for part in counted if part.is_defective and not part.is_unknown]
    middle = middle_of_gap(result)
    if middle is None:
        return None
    judged = " that can be judged" if result.figures.unknown_good or result.figures.unknown_defective else ""
    said = (
        f"No score lies between {max(good):.2f}, the highest of the {len(good)} good {unit}s tested{judged}, "
        f"and {min(bad):.2f}, the lowest of the {len(bad)} defective {unit}s tested{judged}. The threshold in the "
        f"middle of this gap is {middle:g}, the one in use is {inspector.threshold:.2f}. The middle is tuned on these "
        f"{unit}s, no promise for others."
    )
    if conclude(result).kind is ConclusionKind.CANNOT_TELL:
        return said
    allowed = inspector.bundle.manifest.threshold_range
    if allowed is not None and middle not in allowed:
        return f"{said} The bundle lets a device set {allowed} only."
    return f"{said} On the device: {_command(bundle, middle)}"


def _command(bundle: Path, threshold: float) -> str:
    """The command that sets a threshold, with the name of the bundle's folder: its path here is none there."""
    return f"`goodpart threshold {shlex.quote(bundle.resolve().name)} --value {threshold:g}`"


def threshold_rows(inspector: Inspector, result: CategoryResult) -> list[ThresholdRow]:
    """Rows of the bundle's threshold, this device's if it differs, and those tuned on labelled defects."""
    calibration, figures = inspector.calibration, result.figures
    counted = units_of(result.images, figures.rate_unit)
    choices = [("From good parts alone", calibration.threshold, calibration.promise, False)]
    if figures.threshold != calibration.threshold:
        rate = calibration.rate_of(figures.threshold)
        basis = (
            f"set on this device; at this threshold, the bundle's good {calibration.rate_unit.value}s support a "
            f"false-reject rate of {rate:.3g}"
        )
        choices.append(("This device", figures.threshold, basis, False))
    if figures.image_best_f1_threshold is not None:
        choices.append(("Best F1", figures.image_best_f1_threshold, "the best balance of precision and recall", True))
    if (cost := figures.cost) is not None:
        basis = f"costs {cost.best_cost:.3g} per part, the one in use {cost.cost_at_threshold:.3g}, {prices(cost)}"
        choices.append(("Cheapest", cost.best_threshold, basis, True))
    if (middle := middle_of_gap(result)) is not None:
        choices.append((_MIDDLE, middle, "half way between the highest good and the lowest defective score", True))
    for name, threshold in lower_thresholds(result).items():
        share = f"{100 * NEARLY_ALL:.0f} % of these defects" if name == NEARLY else "more, with few false rejects"
        supported = f"a false-reject rate of {calibration.rate_of(threshold):.3g}"
        basis = f"finds {share}; the bundle's own good {calibration.rate_unit.value}s support {supported}"
        choices.append((name, threshold, basis, True))
    return [
        ThresholdRow(
            name=name,
            threshold=threshold,
            basis=basis,
            tuned=tuned,
            in_use=not tuned and threshold == figures.threshold,
            false_rejects=false_rejects(counted, threshold=threshold),
            escapes=escapes(counted, threshold=threshold),
        )
        for name, threshold, basis, tuned in choices
    ]


def broken_promise(inspector: Inspector, figures: CategoryFigures) -> str | None:
    """A remark if the whole interval of the false-reject rate lies above the target, else None."""
    target = inspector.calibration.rate_of(figures.threshold)
    if figures.threshold == inspector.calibration.threshold:
        target = inspector.calibration.false_reject_rate
    low = figures.false_rejects.low
    if low is None or low <= target:
        return None
    return (
        f"More good {figures.counted}s were rejected than the target of {100 * target:.3g} %: the low end of the "
        f"interval is {100 * low:.1f} %. Either the test parts differ from the parts that the bundle was built from "
        f"(another batch, light or camera), or several photographs of one part were held out as if they showed several "
        f"parts. "
        f"The option --group of goodpart-bank build and evaluate joins the photographs of one part."
    )
