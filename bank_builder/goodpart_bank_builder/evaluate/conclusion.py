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

from goodpart_bank_builder.evaluate.by_part import PartResult
from goodpart_bank_builder.evaluate.chance import could_be_chance, fewest_that_prove
from goodpart_bank_builder.evaluate.figures import CategoryFigures, CategoryResult
from goodpart_bank_builder.evaluate.judged import MOST, JudgedParts, counted, judged_parts
from goodpart_bank_builder.evaluate.reasons import (
    counts,
    good_counts,
    limits,
    not_tried,
    overlap,
    too_few_to_tell,
    what_to_try,
)

NEARLY_ALL = 0.95
"""The share of defective parts found from which the bundle "finds them"."""

READY = 0.8
"""The share of defective parts found from which the bundle "finds most"; with fewer it is "not ready"."""

SEEN_INPUT_PX = 16
"""Input pixels that a defect should measure: two strides of the finest stage, one patch and its neighbour."""

USELESS = 0.5
"""The share of good parts rejected beyond which a rejection says nothing: the bundle is "not ready"."""

_TWICE = 2.0
"""So many times the target is no success, also where few good parts prove nothing."""

_NAMED = 3

_TOO_FEW = "too few to tell: test more defective parts, photograph more good ones"


class ConclusionKind(enum.Enum):
    """The conclusion in two or three words."""

    FINDS_THEM = "finds them"
    REJECTS_GOOD = "finds them, but rejects good parts"
    FINDS_MOST = "finds most"
    NOT_READY = "not ready"
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
        look_at: the images to look at first: those of defective parts that passed, the lowest score first; then, if a
            larger share of the good parts is rejected than the target, those of rejected good parts, the highest score
            first.
    """

    kind: ConclusionKind
    headline: str
    title: str
    reasons: tuple[str, ...]
    look_at: tuple[Path, ...]


def conclude(result: CategoryResult) -> Conclusion:
    """Says what the results of a category mean."""
    figures, seen = result.figures, judged_parts(result)
    if not seen.judged:
        return _nothing_to_judge(figures, seen)
    proven = not could_be_chance(
        seen.found, len(seen.judged), seen.rejected, len(seen.good), target=seen.target_per_part(figures)
    )
    higher = seen.interval is None or seen.interval[1] > 0.5
    # where most good parts are rejected, the threshold is to blame, and no number of defective parts proves anything
    if not ((proven or _is_useless(figures, seen)) and higher and seen.share >= MOST):
        return _cannot_tell(figures, seen, proven=proven and higher)
    return _can_tell(figures, seen)


def _can_tell(figures: CategoryFigures, seen: JudgedParts) -> Conclusion:
    passed = [_worst(part) for part in sorted(seen.judged, key=_score) if not part.is_rejected]
    rejected = [_worst(part) for part in sorted(seen.good, key=_score, reverse=True) if part.is_rejected]
    rejects = _rejects(figures, seen)
    look_at = (*passed, *(rejected if rejects else []))
    # the interval of the escapes, as everywhere in figures and reports: two that differ make a reader doubt both
    escapes = f"escapes: 95 % interval {seen.escapes.interval}"
    kind, says = _kind(figures, seen)
    also = f", {'and it' if seen.share < READY else 'but'} {rejects}" if rejects else ""
    names = f": look at {_names(look_at)}"
    if kind is ConclusionKind.NOT_READY and seen.share < READY:
        # the count of those that pass stands in its first words
        headline, title = f"{says}{also}{names} ({escapes})", f"{says}{also} ({escapes})"
    else:
        headline = f"{says}{also}{names} ({seen.found_in_words}; {escapes})"
        title = f"{says}{also}: {seen.found_in_words} ({escapes})"
    if kind is ConclusionKind.FINDS_THEM and not rejects:
        headline = title
    tries = what_to_try(figures, seen) if kind is ConclusionKind.NOT_READY else []
    reasons = (*counts(figures, seen), *tries, *limits(figures, seen), *not_tried(seen))
    return Conclusion(kind=kind, headline=headline, title=title, reasons=reasons, look_at=look_at)


def _kind(figures: CategoryFigures, seen: JudgedParts) -> tuple[ConclusionKind, str]:
    """The conclusion where defective parts can be told from good ones, and its first words."""
    passed, rate, target = seen.escapes.events, seen.false_rejects.value or 0.0, figures.target_rate
    if seen.share < READY:
        pass_as = "passes" if passed == 1 else "pass"
        return ConclusionKind.NOT_READY, f"not ready: {passed} of {seen.defective} {pass_as} as GOOD"
    if _is_useless(figures, seen):
        return ConclusionKind.NOT_READY, "not ready: it finds them"
    if seen.share < NEARLY_ALL:
        return ConclusionKind.FINDS_MOST, "finds most"
    if target is not None and (seen.rejects_too_many(figures) or rate >= _TWICE * target):
        return ConclusionKind.REJECTS_GOOD, "finds them"
    return ConclusionKind.FINDS_THEM, "finds them"


def _is_useless(figures: CategoryFigures, seen: JudgedParts) -> bool:
    return (seen.false_rejects.value or 0.0) > USELESS and seen.rejects_too_many(figures)


def _rejects(figures: CategoryFigures, seen: JudgedParts) -> str:
    """That more good parts are rejected than the target allows; empty if they are not."""
    rejects, target = seen.false_rejects, figures.target_rate
    if target is None or rejects.value is None or rejects.value <= target:
        return ""
    good = counted(rejects.of, "good", figures.counted)
    return f"rejects {rejects.events} of {good} ({100 * rejects.value:.1f} %, {figures.target_in_words})"


def _nothing_to_judge(figures: CategoryFigures, seen: JudgedParts) -> Conclusion:
    if seen.unknown:
        headline = f"cannot tell: none of {seen.in_words(seen.unknown, 'defective')} can be judged (UNKNOWN)"
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
        reasons=(*good_counts(figures, seen), *limits(figures, seen)),
        look_at=(),
    )


def _cannot_tell(figures: CategoryFigures, seen: JudgedParts, *, proven: bool) -> Conclusion:
    defective = seen.judged_in_words
    needed = fewest_that_prove(seen.rejected, len(seen.good), target=seen.target_per_part(figures))
    if len(seen.judged) < needed:
        prove = "proves" if len(seen.judged) == 1 else "prove"
        headline = f"cannot tell: {defective} {prove} nothing"
        because = [
            f"too few images: even if all of {defective} were found, chance could have done it; give {needed} or more"
        ]
    elif too_few_to_tell(seen) and seen.share < MOST:
        most = "most of these" if proven else "these"
        headline = f"cannot tell {most} from good parts: {_TOO_FEW}"
        because = [overlap(seen)]
    elif proven:
        headline = "cannot tell most of these from good parts: the method does not fit, because their scores overlap"
        because = [overlap(seen)]
    elif seen.share >= MOST:
        headline = "cannot tell: too few images to know whether these differ from good parts"
        because = ["too few images: so many can be found by chance; give more defective and more good parts"]
    else:
        apart = seen.interval is not None and seen.interval[1] > 0.5
        cause = "their scores overlap" if apart else "they score no higher than good parts"
        headline = f"cannot tell these from good parts: the method does not fit, because {cause}"
        because = [overlap(seen)]
    reasons = (*because, *counts(figures, seen), *what_to_try(figures, seen), *limits(figures, seen))
    return Conclusion(kind=ConclusionKind.CANNOT_TELL, headline=headline, title=headline, reasons=reasons, look_at=())


def _score(part: PartResult) -> tuple[float, str]:
    return part.score, _worst(part).as_posix()


def _worst(part: PartResult) -> Path:
    """The image of a part with its highest score."""
    return max(part.images, key=lambda image: image.score).path


def _names(paths: Sequence[Path]) -> str:
    named = ", ".join(f"{path.parent.name}/{path.name}" for path in paths[:_NAMED])
    return named + (f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else "")
