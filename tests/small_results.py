"""Results of an evaluation with scores of a test's choice, for tests of words and pages."""

import dataclasses
from pathlib import Path
from typing import Any

from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.evaluate.figures import CategoryResult, ImageResult

THRESHOLD = 3.0


def judged(
    like: CategoryResult, *, found: int, passed: int, good: int = 100, passed_from: float = 2.6, **figures: Any
) -> CategoryResult:
    """So many defective parts that are found and that pass, and good ones, of which 3 of 100 are rejected.

    Args:
        like: a real result, whose other figures are kept.
        found, passed, good: numbers of parts.
        passed_from: the lowest score of those that pass.
        figures: figures to replace.
    """
    scores = {
        "good": [4.0 if number < 0.03 * good else number / good * 2.5 for number in range(good)],
        "scratch": [
            *[8.0 + number for number in range(found)],
            *[passed_from + number / 100 for number in range(passed)],
        ],
    }
    images = tuple(_image(kind, number, score) for kind, own in scores.items() for number, score in enumerate(own))
    known = {"target_rate": 0.05, "warning": None, "threshold": THRESHOLD, **figures}
    return CategoryResult(figures=dataclasses.replace(like.figures, **known), images=images)


def _image(kind: str, number: int, score: float) -> ImageResult:
    return ImageResult(
        path=Path(f"{kind}/{number:03}.png"),
        part=f"{kind}/{number}",
        kind=kind,
        is_defective=kind != "good",
        mask=None,
        score=score,
        p_value=0.5,
        verdict=Verdict.DEFECT if score > THRESHOLD else Verdict.GOOD,
    )
