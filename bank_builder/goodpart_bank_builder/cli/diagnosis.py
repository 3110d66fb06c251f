"""How the doctor's words look on a terminal, for `build` and `doctor`, and the option that follows from them."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goodpart.cli.rows import tell
from goodpart.frames.listing import list_folder
from goodpart_bank_builder.doctor.doctor import Diagnosis
from goodpart_bank_builder.doctor.finding import LISTED, OF_IMAGES, FindingKind, OddImage, counted

_SHOWN = 5
_INDENT = " " * 12


def add_exclude_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--exclude`."""
    parser.add_argument(
        "--exclude", nargs="+", action=_Extend, default=(), metavar="FILE|LIST",
        help="images to leave out, by name below GOOD_DIR, or text files with one name per line",
    )  # fmt: skip


def add_report_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--report`."""
    parser.add_argument(
        "--report", type=Path, metavar="DIR",
        help="write a page with pictures of the images that want a look, and of what the threshold rests on",
    )  # fmt: skip


def tell_passed_over(folder: Path, *, becomes: str) -> None:
    """Says on stderr which files of a folder are not read, before any long work; says nothing of an empty folder.

    Args:
        folder: of good images.
        becomes: what does not become of these files, such as "learned".

    Raises:
        UsageError: no such folder, or a folder in it that cannot be read.
    """
    listing = list_folder(folder)
    # without an image the refusal says it
    for phrase in listing.passed_over() if listing.images else ():
        tell(f"{folder}: not {becomes}: {phrase}")


class _Extend(argparse.Action):
    """Adds the values of every time that the option is given to a tuple."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, (*getattr(namespace, self.dest), *(values or ())))


def look_at_line(diagnosis: Diagnosis, file: Path | None) -> str:
    """How many images want a look, the first five, and where the rest stands.

    Args:
        diagnosis: what the doctor says.
        file: where all findings stand, or None.
    """
    rest = "" if file is None else f"; all findings: {file}"
    images = counted(diagnosis.images, "image")
    if not diagnosis.look_at:
        return f"look at     none of {images} stands out{rest}"
    want = "wants" if diagnosis.look_at == 1 else "want"
    names = shortened(diagnosis.names, count=diagnosis.look_at)
    return f"look at     {diagnosis.look_at} of {images} {want} a look: {names}{rest}"


def kinds_lines(diagnosis: Diagnosis) -> list[str]:
    """Whether the folder holds several kinds of picture; no lines where it does not."""
    kinds = [found for found in diagnosis.findings if found.kind is FindingKind.KINDS]
    return [f"note        {found.summary}: {found.advice}" for found in kinds]


def warning_lines(diagnosis: Diagnosis) -> list[str]:
    """The warnings that all images are grey beside a backbone for colour, and that few carry the threshold."""
    return [*_grey_lines(diagnosis), *_carried_lines(diagnosis)]


def _grey_lines(diagnosis: Diagnosis) -> list[str]:
    if not diagnosis.grey_as_colour:
        return []
    return [
        "",
        f"WARNING     All {counted(diagnosis.images, 'image')} are grey, and the backbone takes colour: a bundle of it "
        f"refuses the frames of a grey camera.",
        f"{_INDENT}If the camera of the line is grey: goodpart-export --channels GRAY, and build with that backbone.",
    ]


def _carried_lines(diagnosis: Diagnosis) -> list[str]:
    support = diagnosis.threshold
    if not support.carried_by or support.threshold_without is None:
        return []
    names = shlex.join(support.carried_by)
    one = len(support.carried_by) == 1
    them, they, show = ("it", "it", "shows") if one else ("them", "they", "show")
    return [
        "",
        f"WARNING     The threshold rests on {counted(len(support.carried_by), 'image')} unlike the others: {names}",
        f"{_INDENT}Without {them} the threshold would be {support.threshold_without:.3f} instead of "
        f"{support.threshold:.3f} sigmas.",
        f"{_INDENT}If {they} {show} no good part, most defects may pass as GOOD. Look at {them}.",
        f"{_INDENT}If {they} {show} a good part, photograph more good parts that look like {them}.",
        f"{_INDENT}To leave {them} out: --exclude {names}",
    ]


def all_lines(diagnosis: Diagnosis) -> list[str]:
    """Every finding with its images, and what the threshold rests on."""
    lines = []
    for found in diagnosis.findings:
        lines += [f"{found.kind.value:<11} {found.summary}", f"{_INDENT}{found.advice}"]
        lines += [f"{_INDENT}  {_described(image)}" for image in found.images]
        if len(found.images) < found.count and found.kind in OF_IMAGES:
            lines.append(f"{_INDENT}  and {found.count - len(found.images)} more")
    support = diagnosis.threshold
    stand = "scores" if support.count == 1 else "score"
    how_many = counted(support.count, support.unit.value)
    lines.append(f"threshold   {support.threshold:.3f} sigmas; {how_many} {stand} as high or higher:")
    lines += [
        f"{_INDENT}  {part.image}  {part.score:.3f}{', unlike the others' if part.is_outlier else ''}"
        for part in support.parts[:LISTED]
    ]
    more = len(support.parts) - LISTED
    return [*lines, f"{_INDENT}  and {more} more"] if more > 0 else lines


def _described(image: OddImage) -> str:
    return f"{image.name}  {image.why}" + (f" ({image.figure:.1f})" if image.figure else "")


def shortened(names: Sequence[str], *, count: int | None = None) -> str:
    """The first five names and how many more there are."""
    total = len(names) if count is None else count
    more = total - min(total, _SHOWN)
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more else "")
