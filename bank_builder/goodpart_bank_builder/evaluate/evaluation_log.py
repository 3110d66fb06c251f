"""The output of `goodpart-bank evaluate`, in the format of the paper's log."""

from collections.abc import Sequence

from goodpart_bank_builder.evaluate.conclusion import Conclusion
from goodpart_bank_builder.evaluate.figures import CategoryFigures, KindFigures
from goodpart_bank_builder.evaluate.metrics import Rate, mean_of


def category_lines(name: str, row: CategoryFigures, *, conclusion: Conclusion | None = None) -> list[str]:
    """Lines of one category: what it means, the paper's figures and more, the kinds of defects, and tuned figures.

    Args:
        name: the category.
        row: its figures.
        conclusion: what they mean, None to leave it out.
    """
    lines = [
        f"[{name}]{'' if row.warning is None else f' {row.warning}'}",
        *([] if conclusion is None else [f"  {conclusion.headline}"]),
        f"  train {row.train_images}, test {row.test_images} "
        f"({row.good_images} good{', held out' if row.held_out_images else ''}, {row.defective_images} defective)",
        f"  bank {row.bank}, mu {row.mu:.4f}, sigma {row.sigma:.4f}, threshold {row.threshold:.3f}",
        f"  image AUROC {_shown(row.image_auroc)}, image AUPRC {_shown(row.image_auprc)}, "
        f"pixel AUROC {_shown(row.pixel_auroc)}",
        f"  pixel AUPRC {_shown(row.pixel_auprc)}, AUPRO to 0.30 {_shown(row.aupro_30)}, "
        f"AUPRO to 0.05 {_shown(row.aupro_05)}",
        *(f"  without the head: {areas}" for areas in _without_head(row)),
        *_rate_lines(row),
        *(f"  UNKNOWN: {unknown}" for unknown in _unknown(row)),
    ]
    lines += _kind_table(row.kinds)
    lines += _tuned(row)
    return lines + [f"  note: {note}" for note in row.notes]


def figure_lines(row: CategoryFigures) -> list[str]:
    """The few lines of a first result: only figures that there are, with intervals, kind by kind, and all notes."""
    rates = {"rejected": row.false_rejects, "escapes": row.escapes}
    lines = [f"{name:<11} {_rate(rate)}" for name, rate in rates.items() if rate.value is not None]
    if len(row.kinds) > 1:
        lines[-1] += ": " + ", ".join(
            f"{kind} {its.escapes.events} of {its.escapes.of}" for kind, its in row.kinds.items()
        )
    lines += [f"{'UNKNOWN':<11} {unknown}" for unknown in _unknown(row)]
    areas = {"image AUROC": row.image_auroc, "pixel AUROC": row.pixel_auroc}
    lines += [f"{name:<11} {_shown(area)}" for name, area in areas.items() if area is not None]
    lines += [f"{'no head':<11} {areas}" for areas in _without_head(row)]
    return lines + [f"note        {note}" for note in row.notes]


def mean_line(rows: Sequence[CategoryFigures]) -> str:
    """One line with the means over all categories."""
    shown = {
        "image AUROC": [row.image_auroc for row in rows],
        "image AUPRC": [row.image_auprc for row in rows],
        "pixel AUROC": [row.pixel_auroc for row in rows],
        "pixel AUPRC": [row.pixel_auprc for row in rows],
        "AUPRO to 0.30": [row.aupro_30 for row in rows],
    }
    return f"[mean of {len(rows)}] " + ", ".join(f"{name} {_shown(mean_of(row))}" for name, row in shown.items())


def _without_head(row: CategoryFigures) -> list[str]:
    """A line of the areas of the distance alone that there are, where the bundle has a head."""
    if (alone := row.without_head) is None:
        return []
    areas = {"image AUROC": alone.image_auroc, "pixel AUROC": alone.pixel_auroc, "AUPRO to 0.30": alone.aupro_30}
    shown = [f"{name} {_shown(area)}" for name, area in areas.items() if area is not None]
    return [", ".join(shown)] if shown else []


def _rate_lines(row: CategoryFigures) -> list[str]:
    """False rejects and escapes in the unit of the promise, then in the other one where they differ."""
    own = f"false rejects {_rate(row.false_rejects)}, escapes {_rate(row.escapes)}"
    if (other := row.other_unit) is None:
        return [f"  at the threshold: {own}"]
    return [
        f"  at the threshold, per {row.rate_unit.value}, the unit of the target: {own}",
        f"  at the threshold, per {other.unit.value}: false rejects {_rate(other.false_rejects)}, "
        f"escapes {_rate(other.escapes)}",
    ]


def _unknown(row: CategoryFigures) -> list[str]:
    """A line of the images or parts that cannot be judged, where there are any."""
    if not (row.unknown_good or row.unknown_defective):
        return []
    return [
        f"{row.unknown_defective} of {row.escapes.of} defective and {row.unknown_good} of {row.false_rejects.of} good "
        f"{row.counted}s cannot be judged: rejected, and their defects not found"
    ]


def _kind_table(kinds: dict[str, KindFigures]) -> list[str]:
    if not kinds:
        return []
    width = max(len("kind"), *(len(kind) for kind in kinds))
    heading = ("images", "escapes", "UNKNOWN", "image AUROC", "image AUPRC", "pixel AUROC", "AUPRO 0.30")
    lines = ["  " + "  ".join(["kind".ljust(width), *heading])]
    for kind, row in kinds.items():
        figures = (row.image_auroc, row.image_auprc, row.pixel_auroc, row.aupro_30)
        cells = [str(row.images), str(row.escapes.events), str(row.unknown), *(_shown(figure) for figure in figures)]
        padded = [cell.rjust(len(name)) for cell, name in zip(cells, heading, strict=True)]
        lines.append("  " + "  ".join([kind.ljust(width), *padded]))
    return lines


def _tuned(row: CategoryFigures) -> list[str]:
    """Figures that were tuned on labelled defects, under a heading that says so."""
    lines = []
    if row.image_best_f1 is not None:
        lines.append(f"    best image F1 {row.image_best_f1:.4f} at threshold {row.image_best_f1_threshold:.3f}")
    if row.pixel_best_f1 is not None:
        lines.append(f"    best pixel F1 {row.pixel_best_f1:.4f} at {row.pixel_best_f1_threshold:.3f} sigmas")
    if (cost := row.cost) is not None:
        lines.append(
            f"    least cost {cost.best_cost:.4f} at threshold {cost.best_threshold:.3f}, {cost.cost_at_threshold:.4f} "
            f"at the one used (in false rejects per part, if an escape costs {cost.escape_cost:g} of them and "
            f"{cost.defect_rate:g} of the parts are defective)"
        )
    return ["  tuned on these labelled defects, never a promise for other parts:", *lines] if lines else []


def _rate(rate: Rate) -> str:
    if rate.value is None:
        return "n/a"
    return f"{rate.value:.4f} ({rate.events} of {rate.sample}, 95 % interval {rate.low:.3f} to {rate.high:.3f})"


def _shown(figure: float | None) -> str:
    return "n/a" if figure is None else f"{figure:.4f}"
