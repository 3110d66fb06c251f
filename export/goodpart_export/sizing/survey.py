"""Survey: how large the good images are, for the choice of the input size."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from goodpart.facts.spec import FrameSpec
from goodpart.frames.images import find_images, read_image
from goodpart_export.progress import shown

SAMPLE = 200
"""The most images that are looked at; of more, this many evenly spaced ones."""


def survey(folder: Path, frame: FrameSpec) -> tuple[list[tuple[int, int]], int]:
    """Looks at the images below a folder: all, or `SAMPLE` evenly spaced ones.

    Args:
        folder: good images; they must be what `frame` declares.
        frame: the raw frame that the backbone will take.

    Returns:
        Height and width of each image's inspected part (the region of interest, if there is one), in frame pixels, and
        how many images the folder holds.

    Raises:
        UsageError: no such folder, or no image in it.
        FrameError: an image cannot be decoded, is no such frame, or is smaller than the region of interest; names it.
        MissingExtraError: needs OpenCV, which is not installed.
    """
    paths = find_images(folder)
    seen_px: list[tuple[int, int]] = []
    # closed before an error is reported, so that the count's line has ended by then
    with contextlib.closing(shown(_sample(paths), doing="looking at")) as looked_at:
        for path in looked_at:
            height_px, width_px = frame.inspected(read_image(path, frame)).shape[:2]
            seen_px.append((height_px, width_px))
    return seen_px, len(paths)


def _sample(paths: Sequence[Path]) -> list[Path]:
    """At most `SAMPLE` paths, evenly spaced from the first to the last."""
    count = len(paths)
    if count <= SAMPLE:
        return list(paths)
    return [paths[at * (count - 1) // (SAMPLE - 1)] for at in range(SAMPLE)]
