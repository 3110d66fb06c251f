"""Summary: the results of an evaluation as plain numbers, for JSON."""

from pathlib import Path
from typing import Any

from goodpart._host.strict_json import to_plain
from goodpart.scoring.rounding import (
    FIGURE_DIGITS,
    SCORE_DECIMALS,
    decimals_that_tell_apart,
    rounded,
    significant,
    significant_plain,
)
from goodpart_bank_builder.evaluate.conclusion import Conclusion, conclude
from goodpart_bank_builder.evaluate.figures import MEAN_OF, CategoryResult, ImageResult
from goodpart_bank_builder.evaluate.metrics import mean_of


def summary(results: dict[str, CategoryResult], missing: list[str], *, data: Path) -> dict[str, Any]:
    """All figures as plain finite numbers: `categories` by name, their `mean`, and the `missing` categories.

    Args:
        results: results by category.
        missing: categories without a bundle.
        data: the folder that image names are relative to.
    """
    rows = [result.figures for result in results.values()]
    return {
        "categories": {name: plain_category(result, data) for name, result in results.items()},
        "mean": significant_plain(
            {name: mean_of([getattr(row, name) for row in rows]) for name in MEAN_OF}, FIGURE_DIGITS
        ),
        "missing": missing,
    }


def plain_category(result: CategoryResult, data: Path) -> dict[str, Any]:
    """Figures with 6 significant digits; scores with 4 decimals, or more where they would equal the threshold.

    Args:
        result: of one category.
        data: the folder that image names are relative to.
    """
    pairs = [(image.score, result.figures.threshold) for image in result.images]
    decimals = decimals_that_tell_apart(pairs, at_least=SCORE_DECIMALS)
    plain: dict[str, Any] = significant_plain(to_plain(result.figures), FIGURE_DIGITS)
    plain["threshold"] = rounded(result.figures.threshold, decimals)
    plain["conclusion"] = _plain_conclusion(conclude(result), data)
    return {**plain, "images": [_plain_image(image, data, decimals) for image in result.images]}


def _plain_conclusion(conclusion: Conclusion, data: Path) -> dict[str, Any]:
    return {
        "kind": conclusion.kind.value,
        "headline": conclusion.headline,
        "reasons": list(conclusion.reasons),
        "look_at": [path.relative_to(data).as_posix() for path in conclusion.look_at],
    }


def _plain_image(image: ImageResult, data: Path, decimals: int) -> dict[str, Any]:
    return {
        "file": image.path.relative_to(data).as_posix(),
        # the separator of groups is not printable
        "part": image.part.replace("\0", "|"),
        "kind": image.kind,
        "score": rounded(image.score, decimals),
        "p_value": significant(image.p_value, FIGURE_DIGITS),
        "verdict": image.verdict.value,
        "on_mark": image.on_mark,
        "reason": image.reason,
    }
