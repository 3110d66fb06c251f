"""Parts: finds the images that show one part, and deals parts into folds."""

import contextlib
import dataclasses
import hashlib
import itertools
import math
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from goodpart.errors import UsageError
from goodpart.facts.calibration import CalibrationMethod, quantile_rank
from goodpart_bank_builder.data.settings import LearnSettings

FOLDS = 5
"""Folds of cross-conformal calibration. A bank of four fifths of the parts scores each of the other parts."""

STABLE_FROM = 60
"""Parts from which each one's fold follows from its name alone. With fewer, such folds would be too uneven."""

_HASH_BYTES = 8

_BETWEEN = "\0"
"""Separator of groups. No file name contains it, so different groups never give the same part."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fold:
    """Images that are held out together.

    Attributes:
        name: label in progress bars; merges that concern the fold draw their random numbers from it.
        number: from 1; the chunks of the fold draw their random numbers from it.
        images: all images of the fold's parts, batch by batch, sorted within each.
        in_bank: whether the final bank is learned from them.
        scored: whether they are scored for the calibration.
        batches: the number of the batch that each image belongs to, from 0, ascending; empty if all belong to one.
        quiet: images that are never scored for the calibration.
    """

    name: str
    number: int
    images: tuple[Path, ...]
    in_bank: bool
    scored: bool
    batches: tuple[int, ...] = ()
    quiet: frozenset[Path] = frozenset()

    @property
    def calibrating(self) -> tuple[Path, ...]:
        """The images that are scored for the calibration."""
        return tuple(path for path in self.images if path not in self.quiet) if self.scored else ()

    def by_batch(self) -> Iterator[tuple[int, tuple[Path, ...]]]:
        """The number of every batch with images in the fold, and these images."""
        numbers = self.batches or (0,) * len(self.images)
        for number, pairs in itertools.groupby(zip(numbers, self.images, strict=True), key=lambda pair: pair[0]):
            yield number, tuple(path for _, path in pairs)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchRole:
    """What a batch of images is good for.

    Attributes:
        images: of the batch.
        calibrates: whether they were picked at random, so that their scores may set the threshold. The others join
            the bank only.
        is_old: whether they were taken before batches calibrate: they stay where they are, and are not scored.
    """

    images: Collection[Path]
    calibrates: bool = True
    is_old: bool = False


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
    return group_named({path: path.relative_to(folder).as_posix() for path in paths}, pattern=pattern, gap=gap)


def group_named(names: dict[Path, str], *, pattern: str | None, gap: int = 0) -> dict[Path, str]:
    """Like `group_parts`, for images whose names are given.

    Args:
        names: of the images, as the pattern sees them.
        pattern, gap: as in `group_parts`.

    Raises:
        UsageError: as in `group_parts`.
    """
    if pattern is None:
        if gap:
            raise UsageError("--group-gap: expected a --group whose last group is a number, found no --group")
        return dict(names)
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"--group {pattern!r}: expected a regular expression, found {error}") from error
    found = {path: _groups(compiled, name) for path, name in names.items()}
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


def make_folds(
    parts: dict[Path, str], settings: LearnSettings, batches: Sequence[BatchRole] | None = None
) -> tuple[Fold, ...]:
    """Deals parts into folds by a hash of the seed and the part's name.

    CROSS_CONFORMAL makes up to five folds; all of them are in the bank and all are scored. SPLIT makes two folds. One
    is in the bank. The other is scored and holds about a third of the parts, more if the rate needs more, and at most
    half.

    From 60 parts on, the fold of a part follows from its own hash. A new part then moves no other one, and banks and
    coresets of other folds stay as they are. With fewer parts the sorted hashes are dealt in turn, so that folds are
    even.

    Parts that only batches without calibration show make one more fold. It is in every bank and never scored. Images of
    such batches that show one of the other parts lie in the fold of this part, and are not scored either.

    With `settings.calibration_parts`, the parts with the lowest hashes calibrate, so that they stay the same ones.

    Images of old batches lie in the same folds as before, so that their coresets stay as they are, and are not scored.
    Parts that only such batches show are in the bank, also with SPLIT.

    Args:
        parts: the part of every image.
        settings: how good parts are held out, the rate that the scored parts must support, and the seed.
        batches: of all images, in order; None for one batch that calibrates.

    Raises:
        UsageError: there are fewer than two parts, or too few for the rate; the message says which rate they support.
    """
    roles = [BatchRole(images=list(parts))] if batches is None else batches
    deal = _Deal(parts, roles)
    names = {parts[path] for path in parts if path not in deal.quiet}
    if len(names) < 2:
        raise UsageError(f"expected at least 2 good parts, found {len(names)}; photograph more, or correct --group")
    hashes = {name: _hash(name, settings.seed) for name in names}
    ordered = sorted(names, key=lambda name: (hashes[name], name))
    known = set(parts.values()) - names
    selected = [deal.fold(known, name="the selected parts", number=FOLDS + 1, scored=False)] if known else []
    deal.silence_old()
    young = {parts[path] for path in parts if path not in deal.quiet}
    candidates = [name for name in ordered if name in young]
    with _since_named(settings, young=len(young), parts=len(names)):
        if settings.calibration is CalibrationMethod.CROSS_CONFORMAL:
            scored = candidates[: settings.calibration_parts]
            deal.silence(names - set(scored))
            count = settings.supporting(parts=len(scored), images=len(parts) - len(deal.quiet))
            quantile_rank(count, settings.false_reject_rate, counted=settings.counted)
        else:
            scored = candidates[: _kept_for_calibration([hashes[name] for name in candidates], len(names), settings)]
    if settings.calibration is CalibrationMethod.SPLIT:
        others = names - set(scored)
        return (
            deal.fold(others, name="the bank's parts", number=1, scored=False),
            deal.fold(set(scored), name="the calibration's parts", number=2, in_bank=False),
            *selected,
        )
    dealt = [ordered[first::FOLDS] for first in range(min(FOLDS, len(names)))]
    if len(names) >= STABLE_FROM:
        dealt = [[name for name in ordered if hashes[name] % FOLDS == number] for number in range(FOLDS)]
    folds = [
        deal.fold(set(members), name=f"fold {number} of {len(dealt)}", number=number)
        for number, members in enumerate(dealt, start=1)
        if members
    ]
    return (*folds, *selected)


@contextlib.contextmanager
def _since_named(settings: LearnSettings, *, young: int, parts: int) -> Iterator[None]:
    """Adds to an error about too few parts that older batches do not count."""
    try:
        yield
    except UsageError as error:
        if settings.calibrates_since is None:
            raise
        raise UsageError(
            f"{error}; calibrates_since = {settings.calibrates_since!r} leaves {young} of {parts} parts, an earlier "
            f"one more"
        ) from error


class _Deal:
    """Makes folds of parts.

    Attributes:
        quiet: images that are never scored for the calibration.
    """

    def __init__(self, parts: dict[Path, str], batches: Sequence[BatchRole]) -> None:
        self._parts = parts
        self._batch_of = {path: number for number, batch in enumerate(batches) for path in batch.images}
        self._order = sorted(parts, key=lambda path: (self._batch_of[path], path))
        self.quiet = {path for batch in batches if not batch.calibrates for path in batch.images if path in parts}
        self._old = {path for batch in batches if batch.is_old for path in batch.images if path in parts}

    def silence_old(self) -> None:
        """Leaves images of old batches out of the calibration; they stay where they are."""
        self.quiet |= self._old

    def silence(self, members: Collection[str]) -> None:
        """Leaves parts out of the calibration; they stay in the bank."""
        self.quiet |= {path for path, part in self._parts.items() if part in members}

    def fold(
        self, members: Collection[str], *, name: str, number: int, in_bank: bool = True, scored: bool = True
    ) -> Fold:
        images = tuple(path for path in self._order if self._parts[path] in members)
        return Fold(
            name=name,
            number=number,
            images=images,
            in_bank=in_bank,
            scored=scored,
            batches=tuple(self._batch_of[path] for path in images),
            quiet=frozenset(self.quiet.intersection(images)),
        )


def _hash(name: str, seed: int) -> int:
    """A number that looks random and is the same everywhere, unlike `hash()`."""
    # a file's name need not be UTF-8
    text = f"{seed}{_BETWEEN}{name}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=_HASH_BYTES).digest(), "big")


def _kept_for_calibration(hashes: Sequence[int], parts: int, settings: LearnSettings) -> int:
    """Number of parts that a split keeps out of the bank.

    Args:
        hashes: of the parts that may calibrate.
        parts: all that could be in the bank.
        settings: the rate, and the most parts.
    """
    most, least = min(len(hashes), parts // 2), _least_parts(settings.false_reject_rate)
    quantile_rank(most, settings.false_reject_rate)
    kept = min(max(1, len(hashes) // 3, least), most)
    if parts >= STABLE_FROM:
        third = sum(number < 2 ** (8 * _HASH_BYTES) // 3 for number in hashes)
        kept = min(max(third, least), most)
    if settings.calibration_parts is not None:
        kept = min(kept, settings.calibration_parts)
        quantile_rank(kept, settings.false_reject_rate)
    return kept


def _least_parts(false_reject_rate: float) -> int:
    """The fewest held-out parts that support a rate."""
    # the tiny term keeps rounding from lifting an exact quotient such as 1 / 0.05 above the whole number
    return math.ceil(1.0 / false_reject_rate - 1e-9) - 1
