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
from goodpart_bank_builder.evaluate.judged import MOST, JudgedParts, judged_parts
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

_NAMED = 3

_TOO_FEW = "too few to tell: test more defective parts, photograph more good ones"


class ConclusionKind(enum.Enum):
    """The conclusion in two or three words."""

    FINDS_THEM = "finds them"
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
        look_at: the images to look at first: those of defective parts that passed, the lowest score first; then, if
            more good parts are rejected than the target, those of rejected good parts, the highest score first.
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
    if not (proven and higher and seen.share >= MOST):
        return _cannot_tell(figures, seen, proven=proven and higher)
    return _can_tell(figures, seen)


def _can_tell(figures: CategoryFigures, seen: JudgedParts) -> Conclusion:
    too_many = seen.rejects_too_many(figures)
    passed = [_worst(part) for part in sorted(seen.judged, key=_score) if not part.is_rejected]
    rejected = [_worst(part) for part in sorted(seen.good, key=_score, reverse=True) if part.is_rejected]
    look_at = (*passed, *(rejected if too_many else []))
    # the interval of the escapes, as everywhere in figures and reports: two that differ make a reader doubt both
    escapes = f"escapes: 95 % interval {seen.escapes.interval}"
    found = f"{seen.found} of {seen.defective} found"
    also = ""
    if too_many:
        also = (
            f"; it rejects {seen.false_rejects.events} of {seen.false_rejects.of} good {figures.counted}s, more than "
            f"the {figures.target_in_words}"
        )
    if seen.share < READY:
        kind = ConclusionKind.NOT_READY
        says = f"not ready: {len(passed)} of {seen.defective} {'passes' if len(passed) == 1 else 'pass'} as GOOD"
        headline, title = f"{says}: look at {_names(look_at)} ({escapes}{also})", f"{says} ({escapes}){also}"
    elif seen.share >= NEARLY_ALL and not too_many:
        kind = ConclusionKind.FINDS_THEM
        headline = title = f"finds them: {found} ({escapes})"
    else:
        kind = ConclusionKind.FINDS_MOST
        says = "finds most" if passed else "finds them, but rejects too many good parts"
        headline = f"{says}: look at {_names(look_at)} ({found}; {escapes}{also})"
        title = f"{says}: {found} ({escapes}){also}"
    tries = what_to_try(figures, seen) if kind is ConclusionKind.NOT_READY else []
    reasons = (*counts(figures, seen), *tries, *limits(figures, seen), *not_tried(seen))
    return Conclusion(kind=kind, headline=headline, title=title, reasons=reasons, look_at=look_at)


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
    defective = seen.defective
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
