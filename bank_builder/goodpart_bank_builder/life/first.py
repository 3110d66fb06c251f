"""The first recipe of a product, commented, from a look at its good images."""

import collections
import dataclasses
import os
import re
from collections.abc import Sequence
from pathlib import Path

import tomlkit

from goodpart.errors import FrameError, UsageError
from goodpart.frames.images import ImageReader
from goodpart.frames.listing import list_folder, refuse_none
from goodpart.frames.plain_files import load_npy
from goodpart_bank_builder.data.batches import START
from goodpart_bank_builder.data.dataset import refuse_category
from goodpart_bank_builder.data.folders import refuse_classes
from goodpart_bank_builder.data.parts import group_parts
from goodpart_bank_builder.doctor.doctor import Diagnosis
from goodpart_bank_builder.progress import progress
from goodpart_bank_builder.recipe.recipe import sha256_of

_LOOKED_AT = 50
_SHOWN = 5
_PATTERNS = (r"(.+)[_-]\d+\.[^.]+$", r"(.+)[_-][a-z]\.[^.]+$", r"(.+)/[^/]+$", r"(\d+)[_-]")
"""Regular expressions for names of several images of one part, the most telling first."""

_MOST_OF_ONE = 12
"""No part is guessed to have more images than this."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """What a folder of good images holds.

    Attributes:
        images: how many.
        passed_over: phrases for the files that are not read.
        kinds: how many of the images that were opened have each size and dtype, such as `900x900 uint8`.
        group: a guess at the regular expression that names parts, or None.
        parts: how many parts that makes.
    """

    images: int
    passed_over: tuple[str, ...]
    kinds: dict[str, int]
    group: str | None
    parts: int

    @property
    def in_words(self) -> str:
        """The commonest kinds with their counts, and how many more there are."""
        common = sorted(self.kinds.items(), key=lambda each: -each[1])
        more = f" and {len(common) - _SHOWN} more sizes" if len(common) > _SHOWN else ""
        return ", ".join(f"{count} of {kind}" for kind, count in common[:_SHOWN]) + more


def look_at_folder(folder: Path) -> Look:
    """Looks at a folder of good images; at most 50 of them are opened.

    Raises:
        UsageError: no images, or a folder that does not hold good images alone.
    """
    refuse_category(folder)
    listing = list_folder(folder)
    refuse_none(listing)
    refuse_classes(listing)
    paths = listing.images
    step = max(1, -(-len(paths) // _LOOKED_AT))
    reader, kinds = ImageReader(), collections.Counter[str]()
    for path in progress(paths[::step], doing="looking", total=len(paths[::step]), unit="images"):
        try:
            levels = load_npy(path, where=str(path)) if path.suffix == ".npy" else reader.levels(path)
            kinds[f"{levels.shape[0]}x{levels.shape[1]} {levels.dtype}"] += 1
        except FrameError:
            kinds["unreadable"] += 1
    group, parts = _guessed(paths, folder)
    return Look(
        images=len(paths), passed_over=tuple(listing.passed_over()), kinds=dict(kinds), group=group, parts=parts
    )


def _guessed(paths: Sequence[Path], folder: Path) -> tuple[str | None, int]:
    """The first pattern that puts most images into small groups of about the same size."""
    for pattern in _PATTERNS:
        if not all(re.search(pattern, path.relative_to(folder).as_posix()) for path in paths):
            continue
        sizes = collections.Counter(group_parts(paths, folder, pattern=pattern).values())
        if 2 <= len(sizes) < len(paths) and max(sizes.values()) <= _MOST_OF_ONE and 2 * len(sizes) <= 1.5 * len(paths):
            return pattern, len(sizes)
    return None, len(paths)


def first_recipe(
    file: Path, folder: Path, look: Look, *, name: str, backbone: Path | None, diagnosis: Diagnosis | None
) -> str:
    """The text of a recipe.

    Args:
        file: where it will stand; its paths are relative to there.
        folder: of good images.
        look: at that folder.
        name: of the product.
        backbone: file from goodpart-export, whose digest is pinned; None to leave a line for it.
        diagnosis: what the doctor says of the images, or None.

    Raises:
        UsageError: the backbone cannot be read.
    """
    lines = [
        f"# {look.images} images; looked at: {look.in_words}",
        *(f"# passed over: {phrase}" for phrase in look.passed_over),
        *_advice(diagnosis),
        "# What each key means: docs/recipe.md",
        "",
        "[product]",
        f"name = {_quoted(name)}",
        'serial = "auto"    # one more than the last',
        "",
        "[backbone]",
    ]
    if backbone is None:
        lines += [
            'file = "backbone.onnx"    # from goodpart-export --size auto --images; its sha256 is pinned by the build'
        ]
    else:
        lines += [f"file = {_quoted(_relative(backbone, file))}", f'sha256 = "{sha256_of(backbone)}"']
    lines += [
        "",
        "[[batch]]    # order matters, and only appending is cheap: goodpart-bank update",
        f"name = {_quoted(START)}",
        f"images = {_quoted(_relative(folder, file))}",
        "calibrates = true    # false for images that somebody selected: they join the bank only",
        '# taken = "YYYY-MM"    # when the oldest image was taken; calibrates_since needs it',
        "",
        "[parts]",
    ]
    if look.group is None:
        lines += ["# every image shows a part of its own; otherwise:", "# group = '(.+)_\\d+'"]
    else:
        lines += [f"# a guess: {look.parts} parts; correct it", f"group = {_quoted(look.group)}"]
    lines += [
        "",
        "[calibration]",
        'method = "cross-conformal"    # or "split", whose rate is guaranteed',
        "false_reject_rate = 0.05",
        'unit = "image"    # or "part"',
        "# calibration_parts = 1000    # at most so many parts set the threshold",
        '# calibrates_since = "YYYY-MM"    # batches taken before it set no threshold',
        "",
        "[bank]",
        "seed = 0",
        'head = "auto"',
        '# ignore = "mask.png"    # white where the frame never counts',
        'exclude = []    # names, or "sha256:...": images that turned out to be bad',
        "",
        "# [sign]",
        '# key = "line.key"',
    ]
    return "\n".join(lines) + "\n"


def product_name(folder: Path) -> str:
    """The name of the nearest folder that names a product rather than a role such as `train/good`."""
    roles = {"good", "ok", "train", "images", "photos", "data"}
    for each in (folder.resolve(), *folder.resolve().parents):
        if each.name and each.name.lower() not in roles:
            return each.name
    raise UsageError(f"{folder}: expected a folder that names a product, found none; give --name")


def _advice(diagnosis: Diagnosis | None) -> list[str]:
    if diagnosis is None:
        return []
    if not diagnosis.findings:
        return ["# the doctor found nothing to look at"]
    lines = [f"# the doctor: {each.summary}; {each.advice}" for each in diagnosis.findings]
    if diagnosis.names:
        lines.append(f"# look at: {', '.join(map(_quoted, diagnosis.names[:_SHOWN]))}")
    return [line.replace("\n", " ") for line in lines]


def _quoted(text: str) -> str:
    return tomlkit.string(text, literal="\\" in text and "'" not in text).as_string()


def _relative(path: Path, file: Path) -> str:
    return Path(os.path.relpath(path.resolve(), file.resolve().parent)).as_posix()
