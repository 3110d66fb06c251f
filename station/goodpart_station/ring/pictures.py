"""Frames as PNG files that appear whole or not at all."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart._host.opencv import load_opencv
from goodpart.facts.spec import Channels

OWN = re.compile(r"[0-9A-Za-z]+-[0-9]{9,}\.png(\.tmp)?")
"""The names of the ring's own files."""

_BLOCK_BYTES = 4096


def encoded(pixels: npt.NDArray[Any], channels: Channels) -> bytes:
    """A frame as PNG, without a loss, fast rather than small.

    Args:
        pixels: `(H, W)` or `(H, W, 3)`, uint8 or uint16.
        channels: the order of three channels in memory; the file is read back in any order.

    Raises:
        MissingExtraError: OpenCV is not installed.
    """
    cv2 = load_opencv("the ring")
    # OpenCV takes BGR
    turned = pixels[:, :, ::-1] if pixels.ndim == 3 and channels is not Channels.BGR else pixels
    _, png = cv2.imencode(".png", np.ascontiguousarray(turned), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return bytes(png.tobytes())


def write_flushed(path: Path, data: bytes) -> None:
    """Writes a file; it is on the disk when it returns.

    Raises:
        OSError: the disk does not take it.
    """
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file, flushes it, and only then gives it its name; that, too, is on the disk when it returns.

    Raises:
        OSError: the disk does not take it; nothing is left.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        write_flushed(temporary, data)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def on_disk(size_bytes: int) -> int:
    """What a file takes: disks give whole blocks."""
    return -(-size_bytes // _BLOCK_BYTES) * _BLOCK_BYTES
