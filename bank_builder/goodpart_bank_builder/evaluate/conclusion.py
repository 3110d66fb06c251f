"""Conclusion: what the figures of a category mean, in words that claim no more than the images show.

Two questions decide, both about parts. Do defective parts score higher than good ones? The lower end of the 95 %
interval of the AUROC must lie above 0.5. Does the threshold find them? More of them must be rejected than of the good
parts, by Fisher's exact test at 1 %, and at least half. An answer of no is `CANNOT_TELL`. Good parts in place of
defective ones are then told apart by chance in at most 1 of 100 trials. Of 1,000 trials with equally distributed scores
each, 1 was wrong with 120 good and 10 "defective" parts, 2 with 20 and 3, 4 with 40 and 2, none with 19 and 1, with 20
and 20 and with 300 and 100.
"""

import dataclasses
import enum
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from goodpart.facts.calibration import RateUnit
from goodpart_bank_builder.evaluate.by_part import PartResult, false_rejects, parts_of, units_of
from goodpart_bank_builder.evaluate.chance import (
    auroc_interval,
    could_be_chance,
    fewest_that_prove,
    lowest_share,
    within_promise,
)
from goodpart_bank_builder.evaluate.figures import CategoryFigures, CategoryResult
from goodpart_bank_builder.evaluate.metrics import Rate, auroc

NEARLY_ALL = 0.95
"""The share of defective parts found from which the bundle "finds them"."""

MOST = 0.5
"""The share of defective parts found from which the bundle "finds most"."""

SEEN_INPUT_PX = 16
"""Input pixels that a defect should measure: two strides of the finest stage, one patch and its neighbour."""

_WELL_APART = 0.8
"""A lower end of the AUROC's interval from which the scores are fine, and the threshold is to blame."""

_NAMED, _FEW = 3, 20


class ConclusionKind(enum.Enum):
    """The conclusion in two or three words."""

    FINDS_THEM = "finds them"
    FINDS_MOST = "finds most"
    CANNOT_TELL = "cannot tell"
    NOT_TRIED = "no defective images"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conclusion:
    """What an evaluation means.

    Attributes:
        kind: the conclusion.
        headline: it in one line, with the first images to look at.
        title: the headline without their names, for a page that shows these images.
        reasons: what it rests on, what limits it, and what to try; one sentence each.
        look_at: the images to look at first: those of defective parts that passed, the lowest score first; then, if
            more good parts are rejected than promised, those of rejected good parts, the highest score first.
    """

    kind: ConclusionKind
    headline: str
    title: str
    reasons: tuple[str, ...]
    look_at: tuple[Path, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Seen:
    """The parts of a category. Defective parts that cannot be judged are rejected on the line, but nobody found them.

    Attributes:
        good: good parts.
        judged: defective parts without those that cannot be judged.
        unknown: number of defective parts that cannot be judged.
        rejected: number of good parts that are rejected.
        false_rejects: good images or parts, as the promise counts, that are rejected.
        found: number of judged defective parts that are rejected.
        interval: AUROC of the scores of parts and its 95 % interval, None without both kinds of parts.
    """

    good: tuple[PartResult, ...]
    judged: tuple[PartResult, ...]
    unknown: int
    rejected: int
    false_rejects: Rate
    found: int
    interval: tuple[float, float, float] | None

    @property
    def share(self) -> float:
        """Share of the judged defective parts that are found."""
        return self.found / len(self.judged)


def conclude(result: CategoryResult) -> Conclusion:
    """Says what the results of a category mean."""
    figures, seen = result.figures, _look(result)
    if not seen.judged:
        return _nothing_to_judge(figures, seen)
    too_many = within_promise(seen.false_rejects.events, seen.false_rejects.of, figures.promised_rate) is False
    proven = not could_be_chance(
        seen.found, len(seen.judged), seen.rejected, len(seen.good), promised=_promised_per_part(figures, seen)
    )
    higher = seen.interval is None or seen.interval[1] > 0.5
    if not (proven and higher and seen.share >= MOST):
        return _cannot_tell(figures, seen, proven=proven and higher)
    passed = [_worst(part) for part in sorted(seen.judged, key=_score) if not part.is_rejected]
    rejected = [_worst(part) for part in sorted(seen.good, key=_score, reverse=True) if part.is_rejected]
    look_at = (*passed, *(rejected if too_many else []))
    sure = f"{seen.found} of {_defective(seen)} found, so at least {_sure_percent(seen)} with 95 % confidence"
    if too_many:
        events, of = seen.false_rejects.events, seen.false_rejects.of
        sure += f"; it rejects {events} of {of} good {figures.counted}s, more than promised"
    kind = ConclusionKind.FINDS_THEM if seen.share >= NEARLY_ALL and not too_many else ConclusionKind.FINDS_MOST
    if kind is ConclusionKind.FINDS_THEM:
        headline = title = f"finds them: {sure}"
    else:
        finds = "finds most" if passed else "finds them, but rejects too many good parts"
        headline, title = f"{finds}: look at {_names(look_at)} ({sure})", f"{finds}: {sure}"
    reasons = (*_counts(figures, seen), *_limits(figures, seen), *_not_tried(seen))
    return Conclusion(kind=kind, headline=headline, title=title, reasons=reasons, look_at=look_at)


def _look(result: CategoryResult) -> _Seen:
    parts = parts_of(result.images)
    good = tuple(part for part in parts if not part.is_defective)
    defective = [part for part in parts if part.is_defective]
    # a part of which any image was called DEFECT is found, whatever its other images are
    judged = tuple(part for part in defective if not part.is_unknown or part.is_found)
    compared = (*good, *judged)
    value = auroc(np.array([part.is_defective for part in compared]), np.array([part.score for part in compared]))
    return _Seen(
        good=good,
        judged=judged,
        unknown=len(defective) - len(judged),
        rejected=sum(part.is_rejected for part in good),
        false_rejects=false_rejects(units_of(result.images, result.figures.rate_unit)),
        found=sum(part.is_rejected for part in judged),
        interval=None if value is None else (value, *auroc_interval(value, good=len(good), defective=len(judged))),
    )


def _nothing_to_judge(figures: CategoryFigures, seen: _Seen) -> Conclusion:
    if seen.unknown:
        headline = f"cannot tell: none of {_parts(seen.unknown, 'defective')} can be judged (UNKNOWN)"
        return Conclusion(
            kind=ConclusionKind.CANNOT_TELL,
            headline=headline,
            title=headline,
            reasons=("UNKNOWN is a black, saturated or flat frame; look at the pictures, the light and the camera",),
            look_at=(),
        )
    headline = "no defective images: what it finds is not known"
    return Conclusion(
        kind=ConclusionKind.NOT_TRIED,
        headline=headline,
        title=headline,
        reasons=(*_good_counts(figures, seen), *_limits(figures, seen)),
        look_at=(),
    )


def _cannot_tell(figures: CategoryFigures, seen: _Seen, *, proven: bool) -> Conclusion:
    defective = _defective(seen)
    needed = fewest_that_prove(seen.rejected, len(seen.good), promised=_promised_per_part(figures, seen))
    if len(seen.judged) < needed:
        prove = "proves" if len(seen.judged) == 1 else "prove"
        headline = f"cannot tell: {defective} {prove} nothing"
        because = [
            f"too few images: even if all of {defective} were found, chance could have done it; give {needed} or more"
        ]
    elif proven:
        headline = "cannot tell most of these from good parts: the method does not fit, because their scores overlap"
        because = [_overlap(seen)]
    elif seen.share >= MOST:
        headline = "cannot tell: too few images to know whether these differ from good parts"
        because = ["too few images: so many can be found by chance; give more defective and more good parts"]
    else:
        apart = seen.interval is not None and seen.interval[1] > 0.5
        cause = "their scores overlap" if apart else "they score no higher than good parts"
        headline = f"cannot tell these from good parts: the method does not fit, because {cause}"
        because = [_overlap(seen)]
    reasons = (*because, *_counts(figures, seen), *_what_to_try(figures, seen), *_limits(figures, seen))
    return Conclusion(kind=ConclusionKind.CANNOT_TELL, headline=headline, title=headline, reasons=reasons, look_at=())


def _overlap(seen: _Seen) -> str:
    if seen.interval is None:
        return "the scores of defective parts lie below the threshold, as those of good parts do"
    value, low, high = seen.interval
    says = "0.5 is chance" if low <= 0.5 else "1 is a perfect separation, 0.5 is chance"
    return f"the scores overlap: AUROC {value:.2f}, 95 % interval {low:.2f} to {high:.2f} ({says})"


def _counts(figures: CategoryFigures, seen: _Seen) -> list[str]:
    lines = [f"{seen.found} of {_defective(seen)} lie above the threshold"]
    if seen.unknown:
        lines.append(f"{_parts(seen.unknown, 'defective')} cannot be judged (UNKNOWN): rejected, but not counted here")
    return lines + _good_counts(figures, seen)


def _good_counts(figures: CategoryFigures, seen: _Seen) -> list[str]:
    if not seen.good:
        return ["no good images: false rejects are not measured here"]
    promised = "" if figures.promised_rate is None else f"; promised are {figures.promised_rate * 100:g} %"
    events, of = seen.false_rejects.events, seen.false_rejects.of
    held_out = ", held out of the build," if figures.held_out_images else ""
    good = _counted(of, "good", figures.counted)
    lines = [f"{events} of {good}{held_out} are rejected ({events / of * 100:.1f} %){promised}"]
    if (other := figures.other_unit) is not None:
        rejected = other.false_rejects
        lines.append(f"by {other.unit.value}: {rejected.events} of {_counted(rejected.of, 'good', other.unit.value)}")
    return lines


def _what_to_try(figures: CategoryFigures, seen: _Seen) -> list[str]:
    """Causes that can be mended."""
    lines = []
    if seen.interval is not None and seen.interval[1] > _WELL_APART and seen.share < MOST:
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


def _limits(figures: CategoryFigures, seen: _Seen) -> list[str]:
    """What makes the figures doubtful, whatever they are."""
    lines = []
    if figures.warning is not None:
        lines.append(f"untrained weights, so this says nothing about trained ones: {figures.warning}")
    if figures.carried_by:
        names = ", ".join(figures.carried_by)
        lines.append(f"the threshold rests on good images unlike the others: {names}; look whether they are good")
    return lines


def _not_tried(seen: _Seen) -> list[str]:
    few = len(seen.judged) < _FEW
    return ["so few images do not try other kinds of defect, other light or another position"] if few else []


def _defective(seen: _Seen) -> str:
    return _parts(len(seen.judged), "defective")


def _parts(count: int, kind: str) -> str:
    return _counted(count, kind, RateUnit.PART.value)


def _counted(count: int, kind: str, unit: str) -> str:
    return f"{count} {kind} {unit}{'' if count == 1 else 's'}"


def _promised_per_part(figures: CategoryFigures, seen: _Seen) -> float | None:
    """The most that a promise allows per part; a part is rejected when any of its images is."""
    if figures.promised_rate is None or figures.rate_unit is RateUnit.PART:
        return figures.promised_rate
    images = max(len(part.images) for part in (*seen.good, *seen.judged))
    return min(1.0, images * figures.promised_rate)


def _sure_percent(seen: _Seen) -> str:
    # rounded down, so that no more is claimed than is known
    return f"{int(lowest_share(seen.found, len(seen.judged)) * 100)} %"


def _score(part: PartResult) -> tuple[float, str]:
    return part.score, _worst(part).as_posix()


def _worst(part: PartResult) -> Path:
    """The image of a part with its highest score."""
    return max(part.images, key=lambda image: image.score).path


def _names(paths: Sequence[Path]) -> str:
    named = ", ".join(f"{path.parent.name}/{path.name}" for path in paths[:_NAMED])
    return named + (f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else "")
