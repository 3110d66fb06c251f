"""Exclusion: a page of frames of bad parts, each beside the learned images that are this frame or look like it."""

import dataclasses
import math
import re
from pathlib import Path

import numpy as np

from goodpart._host.atomic import check_target, staged_folder
from goodpart.errors import FrameError
from goodpart.facts.spec import FrameSpec
from goodpart.frames.images import ImageReader
from goodpart.scoring.overlay import visible
from goodpart_bank_builder.life.exclude import Exclusion, Match
from goodpart_bank_builder.progress import progress
from goodpart_bank_builder.report.page import INDEX, MARK, environment
from goodpart_bank_builder.report.small_picture import Picture, picture_of

_OWN = re.compile(f"{re.escape(INDEX)}|{re.escape(MARK)}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Beside:
    """A frame and what was found of it; a picture is None where the file can no longer be read."""

    name: str
    picture: Picture | None
    found: tuple[tuple[Match, Picture | None], ...]


def check_exclusion_folder(folder: Path) -> None:
    """Refuses a folder that the page cannot be written to; to be called before any long work.

    Raises:
        UsageError: the folder cannot be written, or holds files other than those of an earlier page.
    """
    check_target(folder, force=True, mark=MARK, own=_OWN)


def write_exclusion(folder: Path, recipe: Path, exclusion: Exclusion, *, build: bool) -> Path:
    """Writes the page; it appears at once, in place of an earlier one.

    Args:
        folder: a new or empty folder, or one with an earlier page.
        recipe: that the images belong to.
        exclusion: what was found.
        build: whether the images will be left out now.

    Returns:
        the page.

    Raises:
        UsageError: as in `check_exclusion_folder`, or the page cannot be written.
    """
    page = environment().get_template("exclusion.html.j2").render(
        product=exclusion.settings.product,
        recipe=str(recipe),
        frames=_pictures(exclusion),
        count=len(exclusion.matches),
        more=exclusion.more,
        build=build,
    )  # fmt: skip
    with staged_folder(folder, force=True, mark=MARK, own=_OWN) as staging:
        (staging / INDEX).write_text(page, encoding="utf-8", newline="\n")
        (staging / MARK).write_text(f"{INDEX}\n", encoding="ascii", newline="\n")
    return folder / INDEX


def _pictures(exclusion: Exclusion) -> list[_Beside]:
    # all of them have been read under their own limit
    reader, spec = ImageReader(max_megapixels=math.inf), exclusion.spec
    frames = list(dict.fromkeys(exclusion.frames))
    return [
        _Beside(
            name=str(frame),
            picture=_picture(reader, frame, spec),
            found=tuple(
                (match, _picture(reader, exclusion.settings.path_of(match.image), spec))
                for match in exclusion.matches
                if match.frame == str(frame)
            ),
        )
        for frame in progress(frames, doing="pictures", total=len(frames), unit="frames")
    ]


def _picture(reader: ImageReader, path: Path, spec: FrameSpec) -> Picture | None:
    try:
        return picture_of(np.rint(visible(reader.read(path, spec), spec)).astype(np.uint8))
    except FrameError:
        return None
