"""Summary: a comparison as plain numbers, for JSON, and as lines, for a terminal."""

from typing import Any

from goodpart._host.strict_json import to_plain
from goodpart.scoring.rounding import FIGURE_DIGITS, significant_plain
from goodpart_bank_builder.compare.comparison import Comparison
from goodpart_bank_builder.compare.decide import Decision, counted
from goodpart_bank_builder.compare.pairs import Judged, Pair, Said, table_of

_CHANGED_SHOWN = 20
_ADDED_SHOWN = 5


def plain_comparison(found: Comparison, decision: Decision) -> dict[str, Any]:
    """Everything as plain finite numbers with 6 significant digits; `null` for a figure that cannot be had.

    Args:
        found: the comparison.
        decision: what follows from it.
    """
    plain: dict[str, Any] = to_plain(
        {
            "decision": decision.outcome.value,
            "headline": decision.headline,
            "reasons": [
                {"rule": each.reason.value, "against": each.is_against, "sentence": each.sentence}
                for each in decision.findings
            ],
            "old": found.old,
            "new": found.new,
            "verdicts": table_of(found.pairs),
            "escapes": found.escapes,
            "false_rejects": found.false_rejects,
            "good_rejected_by_new": found.kept,
            "escapes_by_margin": [[image.name for image in part.images] for part in found.escapes_by_margin],
            "image_auroc": found.area,
            "added_images": {"names": found.added, "effect": found.effect},
            "removed_images": found.removed,
            "left_out": found.left_out,
            "learned_defects": found.learned_defects,
            "not_random": found.not_random,
            "latency": found.speed,
            "golden": found.golden,
            "differences": found.differences,
            "recipe": found.recipe,
            "notes": found.notes,
            "images": [_plain_pair(pair) for pair in found.pairs],
        }
    )
    rounded: dict[str, Any] = significant_plain(plain, FIGURE_DIGITS)
    return rounded


def lines(found: Comparison, decision: Decision) -> list[str]:
    """The comparison for a person: decision, reasons, table, changed verdicts, differences."""
    out = [decision.headline]
    out += [f"  {'-' if each.is_against else ' '} {each.sentence}" for each in decision.findings]
    for word, side in (("OLD", found.old), ("NEW", found.new)):
        out.append(
            f"{word}  {side.folder}, serial {side.serial}, digest {side.digest[:12]}, {side.images} images; threshold "
            f"{side.threshold:.3f} of its sigmas, rate {side.rate:.4g}; {side.promise}"
        )
    out += ["", *table_lines(found)]
    if found.left_out:
        out.append(
            f"left out: {counted(len(found.left_out), 'image')} of the data that a bank has learned (--keep-learned "
            "counts them)"
        )
    out += ["", *changed_lines(found), "", *_difference_lines(found)]
    return out + [f"note: {note}" for note in found.notes]


def table_lines(found: Comparison) -> list[str]:
    """The table of answers, OLD down and NEW across, with sums."""
    table = table_of(found.pairs)
    names = [said.value for said in Said]
    rows = [f"{'OLD, NEW:':<10}" + "".join(f"{name:>9}" for name in [*names, "all"])]
    for name in names:
        cells = [table[name][other] for other in names]
        rows.append(f"{name:<10}" + "".join(f"{cell:>9}" for cell in [*cells, sum(cells)]))
    sums = [sum(table[name][other] for name in names) for other in names]
    return [*rows, f"{'all':<10}" + "".join(f"{cell:>9}" for cell in [*sums, sum(sums)])]


def changed_lines(found: Comparison) -> list[str]:
    """Every changed verdict, the first 20 of them by name."""
    changed = found.changed
    rows = [f"changed: {len(changed)} of {counted(len(found.pairs), 'image')}"]
    for pair in changed[:_CHANGED_SHOWN]:
        label = pair.kind if pair.is_defective else "good"
        rows.append(f"  {pair.name} [{label}]: {_said(pair.old)} -> {_said(pair.new)}")
    more = len(changed) - _CHANGED_SHOWN
    return [*rows, f"  and {more} more: --json and --report name all"] if more > 0 else rows


def _said(judged: Judged) -> str:
    if judged.score is None:
        return f"{judged.said.value} ({judged.reason})"
    return f"{judged.said.value} (score {judged.score:.3f}, margin {judged.margin:+.3f}, p {judged.p_value:.3g})"


def _difference_lines(found: Comparison) -> list[str]:
    rows = []
    for word, names in (("added", found.added), ("removed", found.removed)):
        if names:
            more = f" and {len(names) - _ADDED_SHOWN} more" if len(names) > _ADDED_SHOWN else ""
            rows.append(f"{word}: {counted(len(names), 'learned image')}: {', '.join(names[:_ADDED_SHOWN])}{more}")
    moved = [golden for golden in found.golden if golden.old.said is not golden.new.said]
    rows.append(f"golden frames of OLD with another verdict by NEW: {len(moved)} of {len(found.golden)}")
    rows += [f"  {golden.file}: {_said(golden.old)} -> {_said(golden.new)}" for golden in moved]
    rows += [f"differs: {each.what}: {each.old} -> {each.new}" for each in found.differences]
    return [*rows, *(f"recipe: {line}" for line in found.recipe)]


def _plain_pair(pair: Pair) -> dict[str, Any]:
    return {
        "file": pair.name,
        # the separator of groups is not printable
        "part": pair.part.replace("\0", "|"),
        "kind": pair.kind,
        "is_defective": pair.is_defective,
        "changed": pair.is_changed,
        "old": pair.old,
        "new": pair.new,
    }
