"""Image files to frames: the one place where both the embedded PC and the workstation decode.

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
"""How overlays are called; a folder that holds frames and their overlays is still a folder of frames."""

OPENCV_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})

# comments may stand between any two numbers
_NETPBM_HEADER = re.compile(rb"P([56])G(\d{1,9})G(\d{1,9})G(\d{1,5})\s".replace(b"G", rb"(?:\s|#[^\n]*\n)+"))

# whatever numpy's reader lets through when a header is not what it expects
_NPY_ERRORS = (OSError, ValueError, TypeError, OverflowError, EOFError, SyntaxError, tokenize.TokenError, MemoryError)


def find_images(folder: Path) -> list[Path]:
    """All image files below a folder, sorted by relative path; hidden files and folders are left out.

    Linked folders are followed, each once, so that a link to a folder above does not go round for ever.

    Raises:
        UsageError: no such folder, no image in it, or a folder in it that cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise UsageError(f"{error.filename}: expected a readable folder, found none ({error.strerror})") from error

    if (at := found_at(folder)) != "a folder":
        raise UsageError(f"{folder}: expected a folder of images, found {at}")
    found: list[Path] = []
    seen: set[str] = set()
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        found += [Path(parent, name) for name in files if is_image(Path(name))]
    if not found:
        raise UsageError(f"{folder}: expected images ({', '.join(sorted(OWN_SUFFIXES | OPENCV_SUFFIXES))}), found none")
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def is_image(path: Path) -> bool:
    """Whether a file's name is one that `read_image` takes, and not an overlay's."""
    if path.name.startswith(".") or path.name.endswith(OVERLAY_SUFFIX):
        return False
    return path.suffix.lower() in OWN_SUFFIXES | OPENCV_SUFFIXES


def read_image(path: Path, spec: FrameSpec) -> npt.NDArray[Any]:
    """Decodes one image file into a frame for a bundle.

    Args:
        path: `.npy` (taken strictly as it is), `.pgm`, `.ppm`, or what OpenCV reads; EXIF orientation is applied.
        spec: the frame that the bundle declares.

    Returns:
        `(H, W, 3)` or `(H, W)` frame as `spec` declares.

    Raises:
        ImageFileError: missing, empty, truncated or otherwise undecodable.
        FrameError: decoded, but of another dtype or channel count than `spec` declares.
        MissingExtraError: needs OpenCV, which is not installed.
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
    """Decodes a defect mask: whatever is not black is defective.

    Returns:
        `(H, W) bool`, True on the defect.

    Raises:
        ImageFileError: missing, empty, truncated or otherwise undecodable.
        MissingExtraError: OpenCV is not installed.
    """
    image = _read_opencv(path)
    return np.asarray((image if image.ndim == 2 else image.max(axis=2)) > 0)


def load_npy(source: Path | BinaryIO, *, where: str) -> npt.NDArray[Any]:
    """One array from a `.npy` file, never from a pickle.

    Args:
        source: the file's path, or its bytes.
        where: how messages call it.

    Raises:
        ImageFileError: missing, or anything else than one plain array.
    """
    try:
        if isinstance(source, Path):
            # mapped: a header that promises more than the file holds is refused before anything is allocated
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
    """A pipe named like an image would block for ever, a device would never end."""
    try:
        special = path.exists() and not path.is_file()
    except OSError:
        return  # reading it will tell
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
            # a TIFF may hold several pictures, and a verdict about the first says nothing about the others
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
    # OpenCV converts few other types, and no bundle takes them
    colour = image.ndim == 3 and image.dtype in (np.uint8, np.uint16)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if colour else image)


def _is_truncated(data: bytes) -> bool:
    """Whether a JPEG or PNG ends before its end mark. Some decoders fill what is missing with grey and say nothing."""
    if data.startswith(b"\xff\xd8"):
        return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")
    return data.startswith(b"\x89PNG") and b"IEND" not in data[-4096:]
