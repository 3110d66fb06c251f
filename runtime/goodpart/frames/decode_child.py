"""What the child process of `damage` does: `python -m goodpart.frames.decode_child`.

On stdin comes a file: its length in 8 bytes (big-endian), one byte that is not zero for a JPEG, and its bytes. On
stdout goes what its decoder said: a length in 8 bytes, and UTF-8 text. This repeats until stdin ends.
"""

import os
import sys
import tempfile
from typing import Any

import numpy as np

from goodpart._host.opencv import load_opencv

_MOST_BYTES = 1 << 16


def main() -> int:
    """Decodes files until stdin ends; returns the exit code."""
    cv2 = load_opencv("the check of image files")
    cv2.setNumThreads(1)
    said = _unnamed_file()
    # the decoders write to file descriptor 2 and tell nobody else; no thread of this process writes there
    os.dup2(said, 2)
    while header := sys.stdin.buffer.read(9):
        data = sys.stdin.buffer.read(int.from_bytes(header[:8], "big"))
        os.ftruncate(said, 0)
        os.lseek(said, 0, os.SEEK_SET)
        decoded = _decode(cv2, data, is_jpeg=header[8] != 0)
        os.lseek(said, 0, os.SEEK_SET)
        text = os.read(said, _MOST_BYTES) + (b"" if decoded else b"\nnothing was decoded")
        sys.stdout.buffer.write(len(text).to_bytes(8, "big") + text)
        sys.stdout.buffer.flush()
    return 0


def _unnamed_file() -> int:
    """The handle of a file that takes what is written to it, in memory where the system can."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("said")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _decode(cv2: Any, data: bytes, *, is_jpeg: bool) -> bool:
    # an eighth of the size reads every bit of the scan, but computes few pixels
    flags = cv2.IMREAD_REDUCED_GRAYSCALE_8 if is_jpeg else cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags) is not None
    except (cv2.error, MemoryError):
        return False


if __name__ == "__main__":
    sys.exit(main())
