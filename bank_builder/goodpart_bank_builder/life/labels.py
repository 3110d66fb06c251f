"""What the labelled frames of a station are good for: to set the threshold, or to join the bank only."""

import dataclasses
import hashlib
from pathlib import Path

from goodpart.errors import UsageError
from goodpart.facts.learned import first_day
from goodpart_bank_builder.data.labelled_export import (
    LABELS,
    MOST_UNLABELLED,
    RANDOM,
    Label,
    LabelledFrame,
    read_labels,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sorted:
    """Good frames of an export, by what they are good for.

    Attributes:
        random: names of those that may set the threshold.
        selected: names of those that join the bank only.
        warning: why frames that were picked at random count as selected, or None.
        taken: the day of the earliest label among the random ones, `YYYY-MM-DD`; None if a label does not say its day.
        product: what the station calls the product, None if it does not say.
    """

    random: tuple[str, ...]
    selected: tuple[str, ...]
    warning: str | None
    taken: str | None = None
    product: str | None = None


def sort_labelled(folder: Path) -> Sorted:
    """Reads the labels of an export, and checks the frames that they name.

    Raises:
        UsageError: malformed labels; frames of a replay; a frame that is missing or another one; or random frames that
            were labelled good and are not all there: picking out is a selection again.
    """
    file = folder / LABELS
    export = read_labels(folder)
    drawn = export.drawn
    if drawn.simulated:
        raise UsageError(
            f"{file}:1: expected frames of the line, found those of a replay, which may have been changed; export "
            f"without --simulated"
        )
    for number, frame in export.frames:
        _check(folder, frame, f"{file}:{number}")
    good = [frame for _, frame in export.frames if frame.label is Label.GOOD]
    random = tuple(frame.file for frame in good if frame.kept_for == RANDOM)
    selected = tuple(frame.file for frame in good if frame.kept_for != RANDOM)
    if len(random) != drawn.good:
        raise UsageError(
            f"{file}: expected all {drawn.good} random frames that were labelled good, found {len(random)}: picking "
            f"out is a selection; export them all, or give --selected"
        )
    if random and not drawn.is_mostly_labelled:
        warning = (
            f"{file}: {drawn.unlabelled} of {drawn.drawn} random frames are not labelled, more than "
            f"{MOST_UNLABELLED * 100:.0f} %: the others count as selected and set no threshold"
        )
        return Sorted(random=(), selected=(*random, *selected), warning=warning, product=drawn.product)
    days = [_day(frame.at) for frame in good if frame.kept_for == RANDOM]
    taken = None if None in days else min((day for day in days if day is not None), default=None)
    return Sorted(random=random, selected=selected, warning=None, taken=taken, product=drawn.product)


def _day(at: str) -> str | None:
    """The day of a time such as `2026-11-27T13:40:07Z`; None if it begins with no day."""
    try:
        return first_day(at[: len("2026-11-27")])
    except UsageError:
        return None


def _check(folder: Path, frame: LabelledFrame, where: str) -> None:
    try:
        found = hashlib.sha256((folder / frame.file).read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"{where}: expected the frame {frame.file}, found none ({error.strerror})") from error
    if found != frame.sha256:
        raise UsageError(f"{where}: expected {frame.file} with sha256 {frame.sha256}, found {found}; export it again")
