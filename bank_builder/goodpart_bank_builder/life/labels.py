"""`labels.jsonl`: what operators said of the frames that a station kept, as `goodpart-station export` writes it."""

import dataclasses
import enum
import hashlib
from pathlib import Path

from goodpart._host import strict_json
from goodpart.errors import ManifestError, UsageError
from goodpart.facts.learned import check_image_name
from goodpart.facts.spec import SHA256

LABELS = "labels.jsonl"
RANDOM = "random"
"""Why a frame was kept that was picked at random; every other reason is a selection."""

_MOST_UNLABELLED = 0.05


class Label(enum.Enum):
    """What an operator said of a frame."""

    GOOD = "good"
    DEFECT = "defect"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drawn:
    """The first line: how many frames were picked at random in the time that the export covers.

    Attributes:
        drawn: all of them.
        good, defect, unlabelled: how many of them were labelled so.
    """

    drawn: int
    good: int
    defect: int
    unlabelled: int

    def __post_init__(self) -> None:
        counts = (self.good, self.defect, self.unlabelled)
        if min(counts) < 0 or sum(counts) != self.drawn:
            raise UsageError(f"expected drawn = good + defect + unlabelled, found {self}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labelled:
    """A frame that was labelled.

    Attributes:
        file: below the folder of the labels.
        sha256: of the file.
        label: what the operator said.
        kept_for: why the station kept it: `random`, or any selection.
        at, by: when and by whom it was labelled.
    """

    file: str
    sha256: str
    label: Label
    kept_for: str
    at: str
    by: str

    def __post_init__(self) -> None:
        check_image_name(self.file)
        if not SHA256.fullmatch(self.sha256):
            raise UsageError(f"sha256: expected 64 lower-case hex digits, found {self.sha256[:80]!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sorted:
    """Good frames of an export, by what they are good for.

    Attributes:
        random: names of those that may set the threshold.
        selected: names of those that join the bank only.
        warning: why frames that were picked at random count as selected, or None.
    """

    random: tuple[str, ...]
    selected: tuple[str, ...]
    warning: str | None


def read_labels(folder: Path) -> Sorted:
    """Reads the labels of an export, and checks the frames that they name.

    Raises:
        UsageError: malformed labels; a frame that is missing or another one; or random frames that were labelled
            good and are not all there: picking out is a selection again.
    """
    file = folder / LABELS
    try:
        first, *lines = file.read_bytes().splitlines()
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: expected labels, found none; export them again") from error
    try:
        drawn = strict_json.decode(Drawn, first, where=f"{file}:1")
        frames = [
            strict_json.decode(Labelled, line, where=f"{file}:{number}")
            for number, line in enumerate(lines, start=2)
            if line.strip()
        ]
    except ManifestError as error:
        raise UsageError(str(error)) from error
    if len({frame.file for frame in frames}) != len(frames):
        raise UsageError(f"{file}: expected every frame once, found one twice; export the labels again")
    for number, frame in enumerate(frames, start=2):
        _check(folder, frame, f"{file}:{number}")
    good = [frame for frame in frames if frame.label is Label.GOOD]
    random = tuple(frame.file for frame in good if frame.kept_for == RANDOM)
    selected = tuple(frame.file for frame in good if frame.kept_for != RANDOM)
    if len(random) != drawn.good:
        raise UsageError(
            f"{file}: expected all {drawn.good} random frames that were labelled good, found {len(random)}: picking "
            f"out is a selection; export them all, or give --selected"
        )
    share = drawn.unlabelled / drawn.drawn if drawn.drawn else 0.0
    if random and share > _MOST_UNLABELLED:
        warning = (
            f"{file}: {drawn.unlabelled} of {drawn.drawn} random frames are not labelled, more than "
            f"{_MOST_UNLABELLED * 100:.0f} %: the others count as selected and set no threshold"
        )
        return Sorted(random=(), selected=(*random, *selected), warning=warning)
    return Sorted(random=random, selected=selected, warning=None)


def _check(folder: Path, frame: Labelled, where: str) -> None:
    try:
        found = hashlib.sha256((folder / frame.file).read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"{where}: expected the frame {frame.file}, found none ({error.strerror})") from error
    if found != frame.sha256:
        raise UsageError(f"{where}: expected {frame.file} with sha256 {frame.sha256}, found {found}; export it again")
