"""Image files to frames: embedded PC and workstation decode files here and nowhere else.

`.npy` and binary PGM/PPM are read with numpy alone; PNG, JPEG, TIFF and BMP need OpenCV (the extra `images`). An 8-bit
grey file is replicated where the bundle wants three channels; every other mismatch is refused.
"""

import os
import re
import tokenize
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from goodpart._host.opencv import load_opencv
from goodpart.errors import FrameError, ImageFileError, UsageError, found_at
from goodpart.facts.spec import Channels, FrameSpec, PixelType

OWN_SUFFIXES = frozenset({".npy", ".pgm", ".ppm"})
OVERLAY_SUFFIX = ".overlay.png"
"""The ending of an overlay's name. `find_images` leaves overlays out, so that they may lie beside their frames."""

OPENCV_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})

# a comment may stand between any two numbers
_NETPBM_HEADER = re.compile(rb"P([56])G(\d{1,9})G(\d{1,9})G(\d{1,5})\s".replace(b"G", rb"(?:\s|#[^\n]*\n)+"))

# what numpy's reader raises for a header that it does not expect
_NPY_ERRORS = (OSError, ValueError, TypeError, OverflowError, EOFError, SyntaxError, tokenize.TokenError, MemoryError)


def find_images(folder: Path) -> list[Path]:
    """All image files below a folder, sorted by relative path, without hidden files and folders.

    Linked folders are followed, each of them once: a link to a folder above ends.

    Args:
        folder: where to look.

    Raises:
        UsageError: no such folder, no image in it, or a folder in it that cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise UsageError(f"{error.filename}: expected a readable folder, found none ({error.strerror})") from error

    if (place := found_at(folder)) != "a folder":
        raise UsageError(f"{folder}: expected a folder of images, found {place}")
    found: list[Path] = []
    visited: set[str] = set()
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        real = os.path.realpath(parent)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        found += [Path(parent, name) for name in files if is_image(Path(name))]
    if not found:
        raise UsageError(f"{folder}: expected images ({', '.join(sorted(OWN_SUFFIXES | OPENCV_SUFFIXES))}), found none")
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def is_image(path: Path) -> bool:
    """Whether `read_image` takes a file of this name, and it is not that of an overlay."""
    if path.name.startswith(".") or path.name.endswith(OVERLAY_SUFFIX):
        return False
    return path.suffix.lower() in OWN_SUFFIXES | OPENCV_SUFFIXES


def read_image(path: Path, spec: FrameSpec) -> npt.NDArray[Any]:
    """Decodes one image file into a frame for a bundle.

    Args:
        path: `.npy` (taken as it is, nothing is converted), `.pgm`, `.ppm`, or what OpenCV reads; EXIF orientation is
            applied.
        spec: the frame that the bundle declares.

    Returns:
        `(H, W, 3)` or `(H, W)` frame as `spec` declares.

    Raises:
        ImageFileError: the file is missing, empty, truncated or otherwise undecodable.
        FrameError: the frame has another dtype or channel count than `spec` declares.
        MissingExtraError: the file needs OpenCV, which is not installed.
    """
    suffix = path.suffix.lower()
    _refuse_devices(path)
    if suffix == ".npy":
        frame = load_npy(path, where=str(path))
    elif suffix in (".pgm", ".ppm"):
        frame = _fitted(_read_netpbm(path), spec)
    elif suffix in OPENCV_SUFFIXES:
        frame = _fitted(_read_opencv(path), spec)
    else:
        known = ", ".join(sorted(OWN_SUFFIXES | OPENCV_SUFFIXES))
        raise ImageFileError(f"{path}: expected an image file ({known}), found suffix {path.suffix!r}")
    try:
        return spec.check(frame)
    except FrameError as error:
        raise FrameError(f"{path}: {error}") from error


def read_mask(path: Path) -> npt.NDArray[np.bool_]:
    """Decodes a defect mask, in which every pixel that is not black is defective.

    Args:
        path: an image file that OpenCV reads.

    Returns:
        `(H, W) bool`, True on the defect.

    Raises:
        ImageFileError: the file is missing, empty, truncated or otherwise undecodable.
        MissingExtraError: OpenCV is not installed.
    """
    image = _read_opencv(path)
    return np.asarray((image if image.ndim == 2 else image.max(axis=2)) > 0)


def load_npy(source: Path | BinaryIO, *, where: str) -> npt.NDArray[Any]:
    """One array from a `.npy` file; pickles are refused.

    Args:
        source: the path of the file, or its open bytes.
        where: the name of the file in messages.

    Returns:
        the array as the file has it, in C order.

    Raises:
        ImageFileError: the file is missing, or is not one plain array.
    """
    try:
        if isinstance(source, Path):
            # a map refuses a header that promises more than the file holds before anything is allocated
            return np.array(np.lib.format.open_memmap(source, mode="r"), order="C")
        return np.asarray(np.lib.format.read_array(source, allow_pickle=False), order="C")
    except _NPY_ERRORS as error:
        raise ImageFileError(
            f"{where}: expected one numpy array without pickles, found something else ({error})"
        ) from error


def _fitted(image: npt.NDArray[Any], spec: FrameSpec) -> npt.NDArray[Any]:
    """A decoded image, `(H, W)` or RGB `(H, W, 3)`, in the channels that the bundle wants."""
    if spec.channels is Channels.GRAY:
        return image
    if image.ndim == 2 and image.dtype == np.uint8 and spec.dtype is PixelType.UINT8:
        return np.repeat(image[:, :, np.newaxis], 3, axis=2)
    if image.ndim == 3 and spec.channels is Channels.BGR:
        return np.ascontiguousarray(image[:, :, ::-1])
    return image


def _refuse_devices(path: Path) -> None:
    """Refuses a pipe, which would block for ever, and a device, which would never end."""
    try:
        special = path.exists() and not path.is_file()
    except OSError:
        return  # reading the file raises the same error with its reason
    if special:
        raise ImageFileError(f"{path}: expected an image file, found a folder, pipe or device")


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except MemoryError as error:
        raise ImageFileError(f"{path}: expected an image that fits into memory, found a larger file") from error
    except OSError as error:
        raise ImageFileError(f"{path}: expected a readable image file, found none ({error.strerror})") from error
    if not data:
        raise ImageFileError(f"{path}: expected an image, found an empty file")
    return data


def _read_netpbm(path: Path) -> npt.NDArray[Any]:
    data = _read_bytes(path)
    header = _NETPBM_HEADER.match(data)
    if header is None:
        raise ImageFileError(f"{path}: expected a binary PGM (P5) or PPM (P6), found another header")
    kind, width, height, largest = (int(text) for text in header.groups())
    if not (largest == 255 or 255 < largest <= 65535):
        raise ImageFileError(f"{path}: expected a largest value of 255 or 256 to 65535, found {largest}")
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


def _read_opencv(path: Path) -> npt.NDArray[Any]:
    """`(H, W)` or RGB `(H, W, 3)`; an alpha channel is dropped."""
    cv2 = load_opencv(f"{path}: reading {path.suffix}")
    data = _read_bytes(path)
    if _is_truncated(data):
        raise ImageFileError(f"{path}: expected a whole image, found a truncated file; copy it again")
    try:
        buffer, flags = np.frombuffer(data, np.uint8), cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
        if data.startswith((b"II", b"MM")):
            # a TIFF may hold several pictures, and a verdict on the first says nothing about the others
            _, pages = cv2.imdecodemulti(buffer, flags)
            if len(pages) > 1:
                raise ImageFileError(f"{path}: expected one picture, found {len(pages)} pages; split them")
            image = pages[0] if pages else None
        else:
            image = cv2.imdecode(buffer, flags)
    except cv2.error as error:
        raise ImageFileError(f"{path}: expected an image that OpenCV decodes, found {error.err}") from error
    if image is None:
        raise ImageFileError(f"{path}: expected an image that OpenCV decodes, found a damaged or foreign file")
    # OpenCV converts few other types, and no bundle takes any of them
    colour = image.ndim == 3 and image.dtype in (np.uint8, np.uint16)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if colour else image)


def _is_truncated(data: bytes) -> bool:
    """Whether a JPEG or PNG ends before its end mark. Some decoders fill the rest with grey, without an error."""
    if data.startswith(b"\xff\xd8"):
        return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")
    return data.startswith(b"\x89PNG") and b"IEND" not in data[-4096:]
