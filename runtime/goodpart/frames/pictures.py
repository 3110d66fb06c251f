"""Pictures for people, as files. Needs OpenCV."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart._host.atomic import write_file
from goodpart._host.opencv import load_opencv
from goodpart.errors import UsageError


def write_picture(path: Path, picture: npt.NDArray[np.uint8]) -> None:
    """Writes a picture as PNG. The file appears whole or not at all, and replaces an older one.

    Args:
        path: the file; a missing folder is made.
        picture: `(H, W, 3) uint8` RGB, for example from `Inspection.overlay`.

    Raises:
        MissingExtraError: OpenCV is not installed.
        UsageError: another suffix than .png, no such picture, or a file that cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"{path}: expected a file name that ends in .png, found suffix {path.suffix!r}")
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or picture.size == 0:
        raise UsageError(f"{path}: expected a picture (H, W, 3) uint8, found {picture.shape} {picture.dtype}")
    _, encoded = load_opencv("writing pictures").imencode(".png", np.ascontiguousarray(picture[:, :, ::-1]))
    write_file(path, encoded.tobytes())
