"""Reasons of a conclusion: what it rests on, what limits it, and what to try; one sentence each."""

from goodpart_bank_builder.evaluate.figures import CategoryFigures
from goodpart_bank_builder.evaluate.judged import BY_CONSTRUCTION, JudgedParts, counted

_WELL_APART = 0.8
"""A lower end of the AUROC's interval from which the scores are fine, and the threshold is to blame."""

_FEW = 20

_WIDE = 0.2
"""A width of the AUROC's interval beyond which nobody knows how well the scores separate."""

_WIDE_RATE = 0.1
"""A width of the interval of a rate beyond which the rate is hardly known."""

FEW_LEARNED = 100
"""The good images learned below which more of them may find more defects."""


def too_few_to_tell(seen: JudgedParts) -> bool:
    """Whether the sample is too small to say that the method does not fit."""
    wide = seen.interval is not None and seen.interval[2] - seen.interval[1] > _WIDE
    return len(seen.judged) < _FEW or wide


def more_good_images(figures: CategoryFigures) -> str:
    """A remedy for escapes of a bundle that has learned few good images."""
    return (
        f"Photograph more good parts, {FEW_LEARNED} or more, and build again: the bundle has learned only "
        f"{figures.train_images}, and a narrower scatter of good scores allows a lower threshold."
    )


def overlap(seen: JudgedParts) -> str:
    """How far the scores of good and defective parts overlap."""
    if seen.interval is None:
        return "the scores of defective parts lie below the threshold, as those of good parts do"
    value, low, high = seen.interval
    says = "0.5 is chance" if low <= 0.5 else "1 is a perfect separation, 0.5 is chance"
    return f"the scores overlap: AUROC {value:.2f}, 95 % interval {low:.2f} to {high:.2f} ({says})"


def counts(figures: CategoryFigures, seen: JudgedParts) -> list[str]:
    """How many defective and good parts are rejected."""
    lines = [f"{seen.found} of {seen.defective} lie above the threshold"]
    if seen.unknown:
        lines = [f"{seen.sorted_in_words}: UNKNOWN is rejected, but no defect was found in it"]
    return lines + on_mark(seen) + good_counts(figures, seen)


def on_mark(seen: JudgedParts) -> list[str]:
    """How many found defects score highest on the marked place, and what it means if some do not."""
    known = seen.found_on_mark + seen.found_beside
    if not known:
        return []
    line = f"{seen.found_on_mark} of {counted(known, 'found', 'defect')} with a mask score highest on the marked place"
    if not seen.found_beside:
        return [line]
    one = seen.found_beside == 1
    return [
        f"{line}; {'the other scores' if one else f'the other {seen.found_beside} score'} highest elsewhere (dirt, "
        f"light, an edge), so {'it does' if one else 'they do'} not show that such a defect is found on a clean part"
    ]


def good_counts(figures: CategoryFigures, seen: JudgedParts) -> list[str]:
    """How many good parts are rejected, and the target."""
    if not seen.good:
        return ["no good images: false rejects are not measured here"]
    target = "" if figures.target_rate is None else f"; {figures.target_in_words}"
    events, of = seen.false_rejects.events, seen.false_rejects.of
    held_out = ", held out of the build," if figures.held_out_images else ""
    good = counted(of, "good", figures.counted)
    unknown = f", {figures.unknown_good} of them as UNKNOWN" if figures.unknown_good else ""
    lines = [f"{events} of {good}{held_out} are rejected ({events / of * 100:.1f} %){unknown}{target}"]
    if held_out:
        lines.append(f"the false rejects are {BY_CONSTRUCTION}; test other good parts")
    else:
        lines += _how_sure(figures, seen)
    if (other := figures.other_unit) is not None:
        rejected = other.false_rejects
        lines.append(f"by {other.unit.value}: {rejected.events} of {counted(rejected.of, 'good', other.unit.value)}")
    return lines


def _how_sure(figures: CategoryFigures, seen: JudgedParts) -> list[str]:
    """What the 95 % interval of the false rejects proves."""
    rate, target = seen.false_rejects, figures.target_rate
    if rate.low is None or rate.high is None:
        return []
    if target is not None and rate.low > target:
        if_alone = ", if no two images show one part" if figures.is_ungrouped else ""
        return [f"that is more than chance: the whole 95 % interval, {rate.interval}, lies above the target{if_alone}"]
    if rate.high - rate.low <= _WIDE_RATE:
        return []
    return [
        f"{counted(rate.of, 'good', figures.counted)} prove little: on the line anything from {rate.interval} may be "
        "rejected; test more"
    ]


def what_to_try(figures: CategoryFigures, seen: JudgedParts) -> list[str]:
    """Causes that can be mended."""
    lines = []
    if seen.found < len(seen.judged) and figures.train_images < FEW_LEARNED:
        lines.append(more_good_images(figures).rstrip("."))
    if seen.interval is not None and seen.interval[1] > _WELL_APART and not seen.rejects_too_many(figures):
        lines.append(
            "the scores separate better than the threshold does: look at the good images that the threshold rests on, "
            "or give a higher --false-reject-rate"
        )
    if figures.smallest_defect_px is not None:
        size = figures.smallest_defect_px
        sizes = [image.defect_px for part in seen.judged for image in part.images if image.defect_px is not None]
        if sizes:
            few = sum(found < size for found in sizes)
            start = f"{few} of {len(sizes)} marked defects measure less than {size:.0f} frame pixels" if few else ""
        else:
            start = f"if the defects measure less than {size:.0f} frame pixels"
        if start:
            lines.append(
                f"{start}, the input is too small for them: give --smallest-defect-px N, their size, to the export"
            )
    return lines


def limits(figures: CategoryFigures, seen: JudgedParts) -> list[str]:
    """What makes the figures doubtful, whatever they are."""
    lines = []
    if figures.warning is not None:
        lines.append(f"untrained weights, so this says nothing about trained ones: {figures.warning}")
    if figures.carried_by:
        names = ", ".join(figures.carried_by)
        lines.append(f"the threshold rests on good images unlike the others: {names}; look whether they are good")
    return lines


def not_tried(seen: JudgedParts) -> list[str]:
    """What a small sample leaves open."""
    few = len(seen.judged) < _FEW
    return ["so few images do not try other kinds of defect, other light or another position"] if few else []
