"""Image files to frames: embedded PC and workstation decode files here and nowhere else.

`.npy` and binary PGM/PPM are read with numpy alone; PNG, JPEG, TIFF, BMP, WebP and JPEG 2000 need OpenCV (the extra
`images`). An 8-bit grey file is replicated where the bundle wants three channels; every other mismatch is refused.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart._host.opencv import load_opencv
from goodpart.errors import FrameError, ImageFileError
from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart.frames.containers import (
    JPEG,
    JPEG_2000,
    OPENCV_KINDS,
    TIFF,
    WEBP,
    flaw,
    has_alpha,
    is_filled_up,
    kind_of,
    size_px,
)
from goodpart.frames.damage import DECODER, DecoderCrashError, DecoderTimeoutError
from goodpart.frames.listing import OPENCV_SUFFIXES, SUFFIXES
from goodpart.frames.plain_files import load_npy, read_bytes, read_netpbm, refuse_size

MAX_MEGAPIXELS = 200.0
"""The most pixels of a file unless a caller says otherwise, in millions."""

# OpenCV may be built without them
_OPTIONAL = {WEBP: "x.webp", JPEG_2000: "x.jp2"}


class ImageReader:
    """Reads the image files of one run; safe on several threads.

    Attributes:
        max_megapixels: the most pixels that a file may have, in millions.
    """

    def __init__(self, *, max_megapixels: float = MAX_MEGAPIXELS, say: Callable[[str], None] | None = None) -> None:
        """Sets the limits.

        Args:
            max_megapixels: the header of a larger picture is refused before its pixels are decoded.
            say: gets a line about what is read but may surprise, once for each kind of surprise; None for nobody.
        """
        self.max_megapixels = max_megapixels
        self._say = say

    def read(self, path: Path, spec: FrameSpec) -> npt.NDArray[Any]:
        """Decodes one image file into a frame for a bundle.

        Args:
            path: `.npy` (taken as it is, nothing is converted), `.pgm`, `.ppm`, or what OpenCV reads; EXIF orientation
                is applied, an alpha channel is dropped.
            spec: the frame that the bundle declares.

        Returns:
            `(H, W, 3)` or `(H, W)` frame as `spec` declares.

        Raises:
            ImageFileError: the file is missing, damaged, too large, or not one picture of a known kind.
            FrameError: the frame has another dtype or channel count than `spec` declares.
            MissingExtraError: the file needs OpenCV, which is not installed.
        """
        suffix = path.suffix.lower()
        _refuse_devices(path)
        if suffix == ".npy":
            frame = load_npy(path, where=str(path), max_megapixels=self.max_megapixels)
        elif suffix in (".pgm", ".ppm"):
            frame = _fitted(read_netpbm(path, max_megapixels=self.max_megapixels), spec)
        elif suffix in OPENCV_SUFFIXES:
            frame = _fitted(self._decode(path), spec)
        else:
            known = ", ".join(sorted(SUFFIXES))
            raise ImageFileError(f"{path}: expected an image file ({known}), found suffix {path.suffix!r}")
        try:
            return spec.check(frame)
        except FrameError as error:
            raise FrameError(f"{path}: {error}") from error

    def levels(self, path: Path) -> npt.NDArray[Any]:
        """Decodes a mask: the brightest channel of each pixel.

        Args:
            path: an image file that OpenCV reads.

        Returns:
            `(H, W)` uint8 or uint16.

        Raises:
            ImageFileError: the file is missing, damaged, too large, or not one picture of a known kind.
            MissingExtraError: OpenCV is not installed.
        """
        image = self._decode(path)
        return image if image.ndim == 2 else np.asarray(image.max(axis=2))

    def _decode(self, path: Path) -> npt.NDArray[Any]:
        """`(H, W)` or RGB `(H, W, 3)`, uint8 or uint16; an alpha channel is dropped."""
        cv2 = load_opencv(f"{path}: reading {path.suffix}")
        data = read_bytes(path)
        kind = self._check(path, data, cv2)
        try:
            buffer = np.frombuffer(data, np.uint8)
            image = cv2.imdecode(buffer, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
        except cv2.error as error:
            raise ImageFileError(f"{path}: expected an image that OpenCV decodes, found {error.err}") from error
        except MemoryError as error:
            raise ImageFileError(f"{path}: expected an image that fits into memory, found a larger one") from error
        if image is None:
            raise ImageFileError(f"{path}: expected an image that OpenCV decodes, found a damaged {kind} file")
        if image.dtype not in (np.uint8, np.uint16):
            raise FrameError(
                f"{path}: expected uint8 or uint16 pixels, found {image.dtype}; convert them to uint16 (shift and "
                "scale them), save them as PNG, TIFF or .npy, and export for --dtype uint16 with their --value-range"
            )
        if has_alpha(kind, data) and (kind == TIFF or self._say is not None):
            self._look_behind_alpha(path, kind, cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED))
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if image.ndim == 3 else image)

    def _check(self, path: Path, data: bytes, cv2: Any) -> str:
        """What kind of picture a file is, if it is one whole picture that OpenCV reads rightly."""
        kind = kind_of(data)
        if kind not in OPENCV_KINDS:
            known = ", ".join(OPENCV_KINDS)
            other = "no picture of a known kind" if kind is None else f"{kind}; convert it to PNG"
            raise ImageFileError(f"{path}: expected {known}, found {other}")
        if kind in _OPTIONAL and not cv2.haveImageWriter(_OPTIONAL[kind]):
            raise ImageFileError(f"{path}: expected an OpenCV that reads {kind}, found one without; convert it to PNG")
        size = size_px(kind, data)
        if size is not None:
            refuse_size(path, *size, max_megapixels=self.max_megapixels)
        megapixels = 0.0 if size is None else size[0] * size[1] / 1e6
        if (found := flaw(kind, data) or _complaint(path, kind, data, megapixels)) is not None:
            raise ImageFileError(f"{path}: expected one whole picture, found {found}")
        return kind

    def _look_behind_alpha(self, path: Path, kind: str, image: npt.NDArray[Any] | None) -> None:
        """Says once that transparent pixels are inspected like all others, where their colours can be had."""
        if image is None or image.ndim != 3 or image.shape[2] != 4:
            return
        hidden = image[:, :, 3] < np.iinfo(image.dtype).max
        if kind == TIFF and hidden.any():
            raise ImageFileError(
                f"{path}: expected an opaque picture, found a TIFF with an alpha channel, by which OpenCV darkens the "
                "colours; save it without"
            )
        if self._say is not None and hidden.any() and image[hidden][:, :3].any():
            say, self._say = self._say, None
            say(
                f"{path}: an alpha channel hides colours in {hidden.mean() * 100:.0f} % of the picture; they are "
                "inspected nevertheless, here and in the files that follow"
            )


def read_image(path: Path, spec: FrameSpec) -> npt.NDArray[Any]:
    """Decodes one image file into a frame for a bundle, as `ImageReader.read` does without options."""
    return ImageReader().read(path, spec)


def _complaint(path: Path, kind: str, data: bytes, megapixels: float) -> str | None:
    """What a decoder says against a file in which nothing else is wrong, as the end of "found ..."."""
    if not is_filled_up(kind, data):
        return None
    try:
        said = DECODER.complaint(data, is_jpeg=kind == JPEG, megapixels=megapixels)
    except DecoderCrashError as error:
        raise ImageFileError(
            f"{path}: expected a file that can be decoded, found one at which the decoder crashes; remove it"
        ) from error
    except DecoderTimeoutError as error:
        raise ImageFileError(
            f"{path}: expected a file that is decoded within {error.args[0]:.0f} s ({megapixels:.1f} megapixels), "
            "found a decoder that was still at work; remove it, or save it again"
        ) from error
    if said is None:
        return None
    if "not configured" in said:
        return f"a {kind} file that this OpenCV does not decode ({said}); save it without that compression"
    return f"a damaged {kind} file ({said}); copy it again"


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
