"""Files that numpy alone reads: `.npy`, and binary PGM and PPM. Needs no OpenCV."""

import re
import tokenize
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from goodpart.errors import ImageFileError

# a comment may stand between any two numbers
_NETPBM_HEADER = re.compile(rb"P([56])G(\d{1,9})G(\d{1,9})G(\d{1,5})\s".replace(b"G", rb"(?:\s|#[^\n]*\n)+"))

# what numpy's reader raises for a header that it does not expect
_NPY_ERRORS = (OSError, ValueError, TypeError, OverflowError, EOFError, SyntaxError, tokenize.TokenError, MemoryError)


def read_bytes(path: Path) -> bytes:
    """The bytes of an image file.

    Raises:
        ImageFileError: it cannot be read, is empty or larger than the memory.
    """
    try:
        data = path.read_bytes()
    except MemoryError as error:
        raise ImageFileError(f"{path}: expected an image that fits into memory, found a larger file") from error
    except OSError as error:
        raise ImageFileError(f"{path}: expected a readable image file, found none ({error.strerror})") from error
    if not data:
        raise ImageFileError(f"{path}: expected an image, found an empty file")
    return data


def refuse_size(path: Path, height_px: int, width_px: int, *, max_megapixels: float) -> None:
    """Refuses a picture by the size that its header states, before memory is taken for its pixels.

    Raises:
        ImageFileError: it has more pixels than `max_megapixels` million.
    """
    if height_px * width_px > max_megapixels * 1e6:
        raise ImageFileError(
            f"{path}: expected at most {max_megapixels:g} megapixels, found {height_px}x{width_px} (HxW, "
            f"{height_px * width_px / 1e6:.0f} megapixels); make it smaller, or give a higher --max-megapixels"
        )


def load_npy(source: Path | BinaryIO, *, where: str, max_megapixels: float | None = None) -> npt.NDArray[Any]:
    """One array from a `.npy` file; pickles are refused.

    Args:
        source: the path of the file, or its open bytes.
        where: the name of the file in messages.
        max_megapixels: the most pixels that a file at a path may have, in millions; None for any number.

    Returns:
        the array as the file has it, in C order.

    Raises:
        ImageFileError: the file is missing, is not one plain array, or has too many pixels.
    """
    try:
        if isinstance(source, Path):
            # a map refuses a header that promises more than the file holds before anything is allocated
            mapped = np.lib.format.open_memmap(source, mode="r")
            if max_megapixels is not None and mapped.ndim >= 2:
                refuse_size(source, mapped.shape[0], mapped.shape[1], max_megapixels=max_megapixels)
            return np.array(mapped, order="C")
        return np.asarray(np.lib.format.read_array(source, allow_pickle=False), order="C")
    except _NPY_ERRORS as error:
        raise ImageFileError(
            f"{where}: expected one numpy array without pickles, found something else ({error})"
        ) from error


def read_netpbm(path: Path, *, max_megapixels: float) -> npt.NDArray[Any]:
    """`(H, W)` or RGB `(H, W, 3)`, uint8 or uint16, from a binary PGM or PPM.

    Raises:
        ImageFileError: another file, a truncated one, or one with too many pixels.
    """
    data = read_bytes(path)
    header = _NETPBM_HEADER.match(data)
    if header is None:
        raise ImageFileError(f"{path}: expected a binary PGM (P5) or PPM (P6), found another header")
    kind, width, height, largest = (int(text) for text in header.groups())
    if not (largest == 255 or 255 < largest <= 65535):
        raise ImageFileError(f"{path}: expected a largest value of 255 or 256 to 65535, found {largest}")
    refuse_size(path, height, width, max_megapixels=max_megapixels)
    shape = (height, width) if kind == 5 else (height, width, 3)
    dtype = np.dtype(np.uint8 if largest == 255 else ">u2")
    expected_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    found_bytes = len(data) - header.end()
    if expected_bytes == 0 or found_bytes < expected_bytes:
        raise ImageFileError(
            f"{path}: expected {expected_bytes} bytes of pixels for {width}x{height}, found {found_bytes}"
        )
    if data[header.end() + expected_bytes :].strip():
        raise ImageFileError(f"{path}: expected one picture, found more behind it; split them")
    pixels = np.frombuffer(data, dtype, count=expected_bytes // dtype.itemsize, offset=header.end())
    return pixels.reshape(shape).astype(dtype.newbyteorder("="))
