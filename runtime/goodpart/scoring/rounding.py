"""Rounding for people and JSON that never turns a verdict around."""

from collections.abc import Iterable
from typing import Any

FIGURE_DIGITS = 6
"""Significant digits of rates, areas and statistics in JSON: more than any sample supports."""

SCORE_DECIMALS = 4
"""Decimals of scores, in sigmas, in JSON: a golden score may be off by more on another CPU."""

_MOST_DECIMALS = 17


def decimals_that_tell_apart(pairs: Iterable[tuple[float, float]], *, at_least: int) -> int:
    """The fewest decimals at which every pair of different numbers still differs.

    Rounding never reverses an order, it can only make two numbers equal. A score that lies above its threshold by less
    than half a unit of the last decimal would become equal to it, and the rounded numbers would deny the verdict.

    Args:
        pairs: finite numbers that are compared, such as a score and its threshold.
        at_least: decimals that are enough for the meaning of the numbers.

    Returns:
        `at_least` to 17. Beyond 17 decimals numbers are not rounded: use `rounded`.
    """
    different = [(one, other) for one, other in pairs if one != other]
    for decimals in range(at_least, _MOST_DECIMALS):
        if all(round(one, decimals) != round(other, decimals) for one, other in different):
            return decimals
    return _MOST_DECIMALS


def rounded(value: float, decimals: int) -> float:
    """The number with `decimals` decimals, exactly as it is from 17 on; never a negative zero.

    Args:
        value: finite.
        decimals: 0 to 17.
    """
    return float(value if decimals >= _MOST_DECIMALS else round(value, decimals)) + 0.0


def significant(value: float, digits: int) -> float:
    """The number with `digits` significant digits.

    Args:
        value: finite.
        digits: at least 1.
    """
    return float(f"{value:.{digits}g}")


def significant_plain(plain: Any, digits: int) -> Any:
    """Plain lists and dicts whose floats have `digits` significant digits.

    Args:
        plain: as `strict_json.to_plain` returns, all numbers finite.
        digits: at least 1.
    """
    if isinstance(plain, float):
        return significant(plain, digits)
    if isinstance(plain, dict):
        return {key: significant_plain(value, digits) for key, value in plain.items()}
    return [significant_plain(value, digits) for value in plain] if isinstance(plain, list) else plain
