"""Labelled export: a folder of images with `labels.jsonl`, as a station writes it."""

import dataclasses
import json
import re
from pathlib import Path, PurePosixPath
from typing import Any

from goodpart.errors import UsageError
from goodpart.frames.listing import is_image
from goodpart_bank_builder.data.dataset import GOOD, Category, TestImage
from goodpart_bank_builder.data.parts import group_parts

LABELS = "labels.jsonl"
"""The file that makes a folder a labelled export."""

DEFECT = "defect"

_LIMIT_BYTES = 256 << 20
_COUNTS = ("drawn", "good", "defect", "unlabelled")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelledFrame:
    """One line of `labels.jsonl`.

    Attributes:
        file: path of the image below the folder.
        sha256: of its file.
        label: "good" or "defect".
        kept_for: why the station kept the frame, such as "random".
        at: when it was labelled.
        by: who labelled it, None if the station does not know.
    """

    file: str
    sha256: str
    label: str
    kept_for: str
    at: str
    by: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelledExport:
    """All of `labels.jsonl`.

    Attributes:
        drawn, good, defect, unlabelled: numbers of frames, as its first line states them.
        frames: the labelled frames, in its order.
    """

    drawn: int
    good: int
    defect: int
    unlabelled: int
    frames: tuple[LabelledFrame, ...]


def is_export(folder: Path) -> bool:
    """Whether a folder is a labelled export."""
    return (folder / LABELS).is_file()


def read_labels(folder: Path) -> LabelledExport:
    """Reads `labels.jsonl`.

    Args:
        folder: the export.

    Raises:
        UsageError: a line that is not what it must be, an image twice, or other counts than the first line states; the
            message names the line.
    """
    where = folder / LABELS
    try:
        if where.stat().st_size > _LIMIT_BYTES:
            raise UsageError(f"{where}: expected at most {_LIMIT_BYTES} bytes, found more; export fewer frames")
        lines = where.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{where}: expected text in UTF-8, found none ({error}); export it again") from error
    if not lines:
        raise UsageError(f"{where}:1: expected the numbers of frames, found an empty file; export it again")
    counts = _counts(lines[0], f"{where}:1")
    frames = tuple(_frame(line, f"{where}:{number}") for number, line in enumerate(lines[1:], start=2))
    seen: dict[str, int] = {}
    for number, frame in enumerate(frames, start=2):
        if frame.file in seen:
            raise UsageError(f"{where}:{number}: expected each file once, found {frame.file} again (line "
                             f"{seen[frame.file]}); remove one")  # fmt: skip
        seen[frame.file] = number
    for label in (GOOD, DEFECT):
        found = sum(frame.label == label for frame in frames)
        if found != counts[label]:
            raise UsageError(
                f"{where}: expected {counts[label]} frames labelled {label} as its first line says, found {found}; "
                "export it again"
            )
    return LabelledExport(**counts, frames=frames)


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
    paths = [folder / frame.file for frame in export.frames]
    for number, path in enumerate(paths, start=2):
        if not (path.is_file() and is_image(path)):
            raise UsageError(f"{folder / LABELS}:{number}: expected an image at {path}, found none; export it again")
    images: list[TestImage] = []
    for label in (GOOD, DEFECT):
        own = [path for path, frame in zip(paths, export.frames, strict=True) if frame.label == label]
        parts = group_parts(own, folder, pattern=group, gap=group_gap) if own else {}
        images += [TestImage(path=path, part=f"{label}/{parts[path]}", kind=label, mask=None) for path in own]
    return Category(name=folder.resolve().name, images=tuple(images))


def _counts(line: str, where: str) -> dict[str, int]:
    plain = _object(line, where, "the numbers drawn, good, defect and unlabelled")
    _check_keys(plain, _COUNTS, where)
    for name in _COUNTS:
        if type(plain[name]) is not int or plain[name] < 0:
            raise UsageError(f"{where}: {name}: expected a number of frames, found {_shown(plain[name])}")
    return plain


def _frame(line: str, where: str) -> LabelledFrame:
    plain = _object(line, where, "a labelled frame")
    names = [field.name for field in dataclasses.fields(LabelledFrame)]
    _check_keys(plain, names, where)
    for name in names:
        if not (isinstance(plain[name], str) or (name == "by" and plain[name] is None)):
            raise UsageError(f"{where}: {name}: expected text, found {_shown(plain[name])}")
    if plain["label"] not in (GOOD, DEFECT):
        raise UsageError(f"{where}: label: expected {GOOD} or {DEFECT}, found {_shown(plain['label'])}")
    if not _SHA256.fullmatch(plain["sha256"]):
        raise UsageError(f"{where}: sha256: expected 64 lower-case hex digits, found {_shown(plain['sha256'])}")
    path = PurePosixPath(plain["file"])
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in plain["file"]:
        raise UsageError(f"{where}: file: expected a path below the folder, found {_shown(plain['file'])}")
    return LabelledFrame(**plain)


def _object(line: str, where: str, what: str) -> dict[str, Any]:
    try:
        plain = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{where}: expected {what} as a JSON object, found {_shown(line)} ({error})") from error
    if not isinstance(plain, dict):
        raise UsageError(f"{where}: expected {what} as a JSON object, found {_shown(plain)}")
    return plain


def _check_keys(plain: dict[str, Any], names: tuple[str, ...] | list[str], where: str) -> None:
    for wrong, says in ((set(names) - set(plain), "no"), (set(plain) - set(names), "the unknown key")):
        if wrong:
            raise UsageError(f"{where}: expected the keys {', '.join(names)}, found {says} {sorted(wrong)[0]!r}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
