"""Parts: finds the images that show one part, and deals parts into folds."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from goodpart.errors import UsageError
from goodpart.facts.calibration import CalibrationMethod, quantile_rank
from goodpart_bank_builder.data.settings import LearnSettings

FOLDS = 5
"""Folds of cross-conformal calibration. A bank of four fifths of the parts scores each of the other parts."""

_BETWEEN = "\0"
"""Separator of groups. No file name contains it, so different groups never give the same part."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fold:
    """Images that are held out together.

    Attributes:
        name: label in progress bars.
        images: all images of the fold's parts, sorted.
        in_bank: whether the final bank is learned from them.
        scored: whether they are scored for the calibration.
    """

    name: str
    images: tuple[Path, ...]
    in_bank: bool
    scored: bool


def group_parts(paths: Sequence[Path], folder: Path, *, pattern: str | None, gap: int = 0) -> dict[Path, str]:
    """Finds the part that every image shows.

    Args:
        paths: the images.
        folder: the folder that their names are relative to.
        pattern: a regular expression, searched in every relative name. The matched groups name the part; without
            groups, the whole match does. None: every image shows a part of its own.
        gap: if not 0, the last group is a running number. Images with equal other groups then show one part as long as
            the next number is at most this much higher.

    Returns:
        the part of every image.

    Raises:
        UsageError: the pattern is not a regular expression, does not match an image, or gives no number for `gap`.
    """
    if pattern is None:
        if gap:
            raise UsageError("--group-gap: expected a --group whose last group is a number, found no --group")
        return {path: path.relative_to(folder).as_posix() for path in paths}
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"--group {pattern!r}: expected a regular expression, found {error}") from error
    found = {path: _groups(compiled, path.relative_to(folder).as_posix()) for path in paths}
    if gap:
        return _chained(found, gap)
    return {path: _BETWEEN.join(groups) for path, groups in found.items()}


def _groups(pattern: re.Pattern[str], name: str) -> tuple[str, ...]:
    match = pattern.search(name)
    if match is None:
        raise UsageError(f"--group {pattern.pattern!r}: expected a match in every image's name, found none in {name}")
    return tuple(group or "" for group in match.groups()) or (match.group(),)


def _chained(found: dict[Path, tuple[str, ...]], gap: int) -> dict[Path, str]:
    """Joins runs of neighbouring numbers into parts."""
    for path, groups in found.items():
        if not groups[-1].isdecimal():
            raise UsageError(f"--group-gap: expected a number as the last group, found {groups[-1]!r} in {path.name}")
    order = sorted(found, key=lambda path: (found[path][:-1], int(found[path][-1]), path))
    parts: dict[Path, str] = {}
    for before, path in zip([None, *order], order, strict=False):
        first, number = found[path][:-1], int(found[path][-1])
        linked = before and found[before][:-1] == first and number - int(found[before][-1]) <= gap
        parts[path] = parts[before] if before and linked else _BETWEEN.join((*first, str(number)))
    return parts


def make_folds(parts: dict[Path, str], settings: LearnSettings) -> tuple[Fold, ...]:
    """Deals parts into folds at random.

    CROSS_CONFORMAL makes up to five folds; all of them are in the bank and all are scored. SPLIT makes two folds. One
    is in the bank. The other is scored and holds at least a third of the parts, more if the rate needs more, and at
    most half.

    Args:
        parts: the part of every image.
        settings: how good parts are held out, the rate that the scored parts must support, and the seed.

    Raises:
        UsageError: there are fewer than two parts, or too few for the rate; the message says which rate they support.
    """
    names = sorted(set(parts.values()))
    if len(names) < 2:
        raise UsageError(f"expected at least 2 good parts, found {len(names)}; photograph more, or correct --group")
    shuffled = [names[position] for position in np.random.default_rng(settings.seed).permutation(len(names))]
    if settings.calibration is CalibrationMethod.CROSS_CONFORMAL:
        quantile_rank(len(names), settings.false_reject_rate)
        dealt = [shuffled[first::FOLDS] for first in range(min(FOLDS, len(names)))]
        return tuple(
            _fold(parts, members, name=f"fold {number} of {len(dealt)}", in_bank=True, scored=True)
            for number, members in enumerate(dealt, start=1)
        )
    kept = _kept_for_calibration(len(names), settings.false_reject_rate)
    return (
        _fold(parts, shuffled[kept:], name="the bank's parts", in_bank=True, scored=False),
        _fold(parts, shuffled[:kept], name="the calibration's parts", in_bank=False, scored=True),
    )


def _kept_for_calibration(count: int, false_reject_rate: float) -> int:
    """Number of parts, out of `count`, that a split keeps out of the bank."""
    most = count // 2
    quantile_rank(most, false_reject_rate)
    kept = max(1, count // 3)
    while kept < most and (kept + 1) * false_reject_rate < 1.0:
        kept += 1
    return kept


def _fold(parts: dict[Path, str], members: Sequence[str], *, name: str, in_bank: bool, scored: bool) -> Fold:
    wanted = set(members)
    images = tuple(sorted(path for path, part in parts.items() if part in wanted))
    return Fold(name=name, images=images, in_bank=in_bank, scored=scored)
