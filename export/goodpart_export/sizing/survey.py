"""Survey: how large the good images are, for the choice of the input size."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from goodpart.facts.spec import FrameSpec
from goodpart.frames.listing import find_images
from goodpart_export.good_images import read_images

SAMPLE = 200
"""The most images that are measured; of more, this many evenly spaced ones."""


def survey(folder: Path, frame: FrameSpec) -> tuple[list[tuple[int, int]], int]:
    """Measures the images below a folder: all, or `SAMPLE` evenly spaced ones.

    Args:
        folder: good images; they must be what `frame` declares.
        frame: the raw frame that the backbone will take.

    Returns:
        Height and width of the inspected part of each image (the region of interest, if there is one), in frame pixels,
        and how many images the folder holds.

    Raises:
        UsageError: no such folder, or no image in it.
        FrameError: an image cannot be decoded, is no such frame, or is smaller than the region of interest; names it.
        MissingExtraError: OpenCV is not installed.
    """
    paths = find_images(folder)
    sizes_px: list[tuple[int, int]] = []
    with contextlib.closing(read_images(sample(paths), frame, doing="measuring image sizes")) as images:
        for image in images:
            height_px, width_px = frame.inspected(image).shape[:2]
            sizes_px.append((height_px, width_px))
    return sizes_px, len(paths)


def sample(paths: Sequence[Path]) -> list[Path]:
    """At most `SAMPLE` paths, evenly spaced from the first to the last."""
    if len(paths) <= SAMPLE:
        return list(paths)
    last = len(paths) - 1
    return [paths[position * last // (SAMPLE - 1)] for position in range(SAMPLE)]
