"""Labelled export: a folder of images with `labels.jsonl`, as `goodpart-station export` writes it."""

import dataclasses
import enum
from pathlib import Path

from goodpart._host import strict_json
from goodpart.errors import ManifestError, UsageError
from goodpart.facts.learned import check_image_name
from goodpart.facts.spec import SHA256
from goodpart.frames.listing import is_image
from goodpart_bank_builder.data.dataset import Category, TestImage
from goodpart_bank_builder.data.parts import group_parts

LABELS = "labels.jsonl"
"""The file that makes a folder a labelled export."""

RANDOM = "random"
"""Why a frame was kept that was picked at random; every other reason is a selection."""

MOST_UNLABELLED = 0.05
"""The largest share of random frames without a label at which the labelled ones still count as picked at random."""

_LIMIT_BYTES = 256 << 20


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
        product: what the station calls the product, None if it does not say.
        simulated: whether the frames came from a replay, which may have changed them; None if the station does not say.
    """

    drawn: int
    good: int
    defect: int
    unlabelled: int
    product: str | None = dataclasses.field(default=None, metadata={"optional": True})
    simulated: bool | None = dataclasses.field(default=None, metadata={"optional": True})

    def __post_init__(self) -> None:
        counts = (self.good, self.defect, self.unlabelled)
        if min(counts) < 0 or sum(counts) != self.drawn:
            raise UsageError(f"expected drawn = good + defect + unlabelled, found {self}")

    @property
    def is_mostly_labelled(self) -> bool:
        """Whether so few are without a label that the others still count as picked at random."""
        return self.unlabelled <= MOST_UNLABELLED * self.drawn


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelledFrame:
    """A frame that was labelled.

    Attributes:
        file: path of the image below the folder.
        sha256: of its file.
        label: what the operator said.
        kept_for: why the station kept it: `random`, or any selection.
        at: when it was labelled.
        by: who labelled it, None if the station does not know.
    """

    file: str
    sha256: str
    label: Label
    kept_for: str
    at: str
    by: str | None

    def __post_init__(self) -> None:
        check_image_name(self.file)
        if not SHA256.fullmatch(self.sha256):
            raise UsageError(f"sha256: expected 64 lower-case hex digits, found {self.sha256[:80]!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelledExport:
    """All of `labels.jsonl`.

    Attributes:
        drawn: its first line.
        frames: the labelled frames, in its order, each with the number of its line.
    """

    drawn: Drawn
    frames: tuple[tuple[int, LabelledFrame], ...]


def is_export(folder: Path) -> bool:
    """Whether a folder is a labelled export."""
    return (folder / LABELS).is_file()


def read_labels(folder: Path) -> LabelledExport:
    """Reads `labels.jsonl`.

    Args:
        folder: the export.

    Raises:
        UsageError: no such file, a line that is not what it must be, or an image twice; the message names the line.
    """
    where = folder / LABELS
    try:
        if where.stat().st_size > _LIMIT_BYTES:
            raise UsageError(f"{where}: expected at most {_LIMIT_BYTES} bytes, found more; export fewer frames")
        lines = where.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{where}: expected labels, found none ({error.strerror}); export them again") from error
    if not lines:
        raise UsageError(f"{where}: expected labels, found an empty file; export them again")
    try:
        drawn = strict_json.decode(Drawn, lines[0], where=f"{where}:1")
        frames = tuple(
            (number, strict_json.decode(LabelledFrame, line, where=f"{where}:{number}"))
            for number, line in enumerate(lines[1:], start=2)
            if line.strip()
        )
    except ManifestError as error:
        raise UsageError(str(error)) from error
    seen: dict[str, int] = {}
    for number, frame in frames:
        if frame.file in seen:
            raise UsageError(
                f"{where}:{number}: expected each file once, found {frame.file} again (line {seen[frame.file]}); "
                "export the labels again"
            )
        seen[frame.file] = number
    return LabelledExport(drawn=drawn, frames=frames)


def read_export(folder: Path, *, group: str | None = None, group_gap: int = 0) -> Category:
    """The labelled frames as a test set; the kind of all defective frames is "defect".

    Args:
        folder: the export.
        group, group_gap: which images show one part, as in `read_categories`.

    Raises:
        UsageError: as in `read_labels`; an image that is not there; no frames; or `group` matches no name.
    """
    export = read_labels(folder)
    if not export.frames:
        raise UsageError(f"{folder / LABELS}: expected labelled frames, found none; label some at the station")
    for number, frame in export.frames:
        path = folder / frame.file
        if not (path.is_file() and is_image(path)):
            raise UsageError(f"{folder / LABELS}:{number}: expected an image at {path}, found none; export it again")
    images: list[TestImage] = []
    for label in Label:
        own = [folder / frame.file for _, frame in export.frames if frame.label is label]
        parts = group_parts(own, folder, pattern=group, gap=group_gap) if own else {}
        kind = label.value
        images += [TestImage(path=path, part=f"{kind}/{parts[path]}", kind=kind, mask=None) for path in own]
    return Category(name=folder.resolve().name, images=tuple(images))
