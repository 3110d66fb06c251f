"""Image files as frames: read outside the judging thread, and refused rather than raised."""

import time
from pathlib import Path

import numpy as np

from goodpart import FrameError
from goodpart.facts.spec import FrameSpec
from goodpart.frames.images import ImageReader
from goodpart_station.part import Frame

_BYTES_PER_PIXEL = 6
"""The most that a plain file has: three channels of 16 bits."""

NO_PIXELS = np.empty((0, 0), np.uint8)
"""The pixels of a frame that cannot be read."""


class FrameFiles:
    """Reads the image files of one source; a file that cannot be read becomes a frame that says why."""

    def __init__(self, *, max_megapixels: float) -> None:
        """Sets the limit.

        Args:
            max_megapixels: a larger picture is refused by its header, in millions of pixels.
        """
        self._reader = ImageReader(max_megapixels=max_megapixels)

    def read(self, path: Path, spec: FrameSpec) -> Frame:
        """One file as a frame.

        Args:
            path: the file.
            spec: the frame that the bundle declares.
        """
        try:
            # the header limits what the pixels take, and this what the file itself takes while it is read
            _refuse_large(path, most_bytes=self._reader.max_megapixels * 1e6 * _BYTES_PER_PIXEL + 1e6)
            pixels = self._reader.read(path, spec)
        except FrameError as error:
            return unreadable(path.name, str(error))
        except MemoryError:
            return unreadable(path.name, "expected memory for this frame, found none left")
        return Frame(pixels=pixels, at_ns=time.monotonic_ns(), name=path.name)


def unreadable(name: str, why: str) -> Frame:
    """The frame of a file that cannot be judged.

    Args:
        name: of the file.
        why: one line.
    """
    return Frame(pixels=NO_PIXELS, at_ns=time.monotonic_ns(), name=name, unreadable=why)


def _refuse_large(path: Path, *, most_bytes: float) -> None:
    try:
        found_bytes = path.stat().st_size
    except OSError as error:
        raise FrameError(f"{path}: expected a readable image file, found none ({error.strerror})") from error
    if found_bytes > most_bytes:
        found, most = found_bytes / 1e6, most_bytes / 1e6
        raise FrameError(f"{path}: expected a file of at most {most:.0f} MB, found {found:.0f} MB")
