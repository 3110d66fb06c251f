"""Reading the good images of a folder one after the other, with progress on stderr."""

import contextlib
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
from tqdm import tqdm

from goodpart.errors import FrameError
from goodpart.facts.spec import FrameSpec
from goodpart.frames.images import read_image
from goodpart.frames.unfit import refusal, unfit_among


def read_images(paths: Sequence[Path], frame: FrameSpec, *, doing: str) -> Generator[npt.NDArray[Any], None, None]:
    """Reads images while stderr shows how far: a bar with the time left, or one line if stderr is no terminal.

    Close it before an error is reported, so that the line of the bar has ended by then.

    Args:
        paths: image files.
        frame: what they must be.
        doing: what is done with them, in one to three words.

    Yields:
        `(H, W, 3)` or `(H, W)` frames as `frame` declares.

    Raises:
        FrameError: an image cannot be decoded or is not such a frame; names it, and all others of `paths` like it.
        MissingExtraError: OpenCV is not installed.
    """
    terminal = sys.stderr.isatty()
    if not terminal:
        # work goes on even if stderr cannot be written to, for example on a full disk
        with contextlib.suppress(OSError):
            print(f"{doing}: {len(paths)} images", file=sys.stderr, flush=True)
    with tqdm(
        desc=doing, total=len(paths), unit=" images", file=sys.stderr, dynamic_ncols=True, disable=not terminal
    ) as bar:
        for position, path in enumerate(paths):
            try:
                image = read_image(path, frame)
            except FrameError as error:
                others = unfit_among(paths[position + 1 :], lambda other: read_image(other, frame))
                raise refusal([error, *others], images=len(paths)) from error
            yield image
            bar.update()
