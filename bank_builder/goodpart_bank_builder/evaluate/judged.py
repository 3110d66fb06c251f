"""Judged parts: the parts of a category as the conclusion counts them."""

import dataclasses

import numpy as np

from goodpart.facts.calibration import RateUnit
from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.evaluate.by_part import PartResult, escapes, false_rejects, parts_of, units_of
from goodpart_bank_builder.evaluate.chance import auroc_interval
from goodpart_bank_builder.evaluate.figures import CategoryFigures, CategoryResult
from goodpart_bank_builder.evaluate.metrics import Rate, auroc

MOST = 0.5
"""The share of defective parts found below which nobody can tell them from good ones."""

BY_CONSTRUCTION = "from the scores that set the threshold: near the target by construction"
"""What false rejects are whose scores are the held-out ones of the build."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class JudgedParts:
    """The parts of a category. Defective parts that cannot be judged are rejected on the line, but nobody found them.

    Attributes:
        good: good parts.
        judged: defective parts without those that cannot be judged.
        unknown: number of defective parts that cannot be judged.
        rejected: number of good parts that are rejected.
        false_rejects: good images or parts, as the bundle's rate counts, that are rejected.
        escapes: defective parts that pass, of all defective ones, as everywhere in figures and reports.
        found: number of judged defective parts that are rejected.
        interval: AUROC of the scores of parts and its 95 % interval, None without both kinds of parts.
        unit: what a part is called: an image, where every image is counted as a part of its own.
        found_on_mark, found_beside: numbers of found defective images that score highest on their marked defect, and
            beside it. Those without a mask are in neither.
    """

    good: tuple[PartResult, ...]
    judged: tuple[PartResult, ...]
    unknown: int
    rejected: int
    false_rejects: Rate
    escapes: Rate
    found: int
    interval: tuple[float, float, float] | None
    unit: RateUnit
    found_on_mark: int
    found_beside: int

    @property
    def share(self) -> float:
        """Share of the judged defective parts that are found."""
        return self.found / len(self.judged)

    @property
    def found_in_words(self) -> str:
        """How many of the defective parts are found: `10 of 10 defective images found`."""
        return f"{self.found} of {self.defective} found" if not self.unknown else self.sorted_in_words

    @property
    def sorted_in_words(self) -> str:
        """All defective parts by verdict: `59 DEFECT, 4 UNKNOWN, 0 passed, of 63 defective images`."""
        return by_verdict(self.found, self.unknown, self.escapes.events, of=self.defective)

    @property
    def defective(self) -> str:
        """All defective parts in words: `10 defective parts`."""
        return self.in_words(len(self.judged) + self.unknown, "defective")

    @property
    def judged_in_words(self) -> str:
        """The judged defective parts in words."""
        return self.in_words(len(self.judged), "defective")

    def in_words(self, number: int, kind: str) -> str:
        """A number of parts of a kind: `1 good part`, `2 good images`."""
        return counted(number, kind, self.unit.value)

    def rejects_too_many(self, figures: CategoryFigures) -> bool:
        """Whether the whole 95 % interval of the false-reject rate lies above the target."""
        low, target = self.false_rejects.low, figures.target_rate
        return low is not None and target is not None and low > target

    def target_per_part(self, figures: CategoryFigures) -> float | None:
        """The most that the target allows per part; a part is rejected when any of its images is."""
        if figures.target_rate is None or figures.rate_unit is RateUnit.PART:
            return figures.target_rate
        images = max(len(part.images) for part in (*self.good, *self.judged))
        return min(1.0, images * figures.target_rate)


def judged_parts(result: CategoryResult) -> JudgedParts:
    """The parts of a category, counted."""
    parts = parts_of(result.images)
    good = tuple(part for part in parts if not part.is_defective)
    defective = [part for part in parts if part.is_defective]
    judged = tuple(part for part in defective if not is_unjudged(part))
    compared = (*good, *judged)
    several = any(len(part.images) > 1 for part in parts)
    on_mark = [image.on_mark for part in judged for image in part.images if image.verdict is Verdict.DEFECT]
    value = auroc(np.array([part.is_defective for part in compared]), np.array([part.score for part in compared]))
    return JudgedParts(
        good=good,
        judged=judged,
        unknown=len(defective) - len(judged),
        rejected=sum(part.is_rejected for part in good),
        false_rejects=false_rejects(units_of(result.images, result.figures.rate_unit)),
        escapes=escapes(defective if several else units_of(result.images, result.figures.rate_unit)),
        found=sum(part.is_rejected for part in judged),
        interval=None if value is None else (value, *auroc_interval(value, good=len(good), defective=len(judged))),
        unit=RateUnit.PART if several else result.figures.rate_unit,
        found_on_mark=sum(on is True for on in on_mark),
        found_beside=sum(on is False for on in on_mark),
    )


def is_unjudged(part: PartResult) -> bool:
    """Whether a part is rejected because it cannot be judged: one image is UNKNOWN, and none was called DEFECT."""
    return part.is_unknown and not part.is_found


def by_verdict(found: int, unknown: int, passed: int, *, of: str) -> str:
    """Defective images or parts by verdict, and their number: `59 DEFECT, 4 UNKNOWN, 0 passed, of 63 images`."""
    return f"{found} DEFECT, {unknown} UNKNOWN, {passed} passed, of {of}"


def counted(number: int, kind: str, unit: str) -> str:
    """A number of images or parts of a kind: `2 good images`."""
    return f"{number} {kind} {unit}{'' if number == 1 else 's'}"
