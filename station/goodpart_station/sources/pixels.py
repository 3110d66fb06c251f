"""Pixel formats of cameras, and whether a frame is what a bundle declares. Nothing is ever converted.

The names are those of GenICam's Pixel Format Naming Convention (PFNC), and GigE Vision's older ones for the same bytes.
"""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart.errors import UsageError
from goodpart.facts.checks import SizeRule
from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart_station.part import Frame
from goodpart_station.sources.image_files import NO_PIXELS


@dataclasses.dataclass(frozen=True, kw_only=True)
class PixelFormat:
    """How the pixels of a format lie in memory.

    Attributes:
        channels, dtype: what they are to a bundle.
        values: how many values one pixel has in memory; the fourth of four is alpha, and is left out.
        bits: how many bits of a value are used.
    """

    channels: Channels
    dtype: PixelType
    values: int
    bits: int

    @property
    def words(self) -> str:
        """For messages, such as "uint8 RGB"."""
        return f"{self.dtype.value} {self.channels.value}"


def _formats() -> dict[str, PixelFormat]:
    grey = {
        f"Mono{bits}": PixelFormat(
            channels=Channels.GRAY, dtype=PixelType.UINT8 if bits == 8 else PixelType.UINT16, values=1, bits=bits
        )
        for bits in (8, 10, 12, 14, 16)
    }
    colour = {
        name: PixelFormat(channels=channels, dtype=PixelType.UINT8, values=values, bits=8)
        for channels in (Channels.RGB, Channels.BGR)
        for values, names in (
            (3, (f"{channels.value}8", f"{channels.value}8Packed")),
            (4, (f"{channels.value}a8", f"{channels.value}A8Packed")),
        )
        for name in names
    }
    return grey | colour


FORMATS = _formats()
"""The formats that a station takes, by the camera's name for them."""

_ADVICE = {
    "Bayer": "the camera can make colours itself: set RGB8 or BGR8, or Mono8 on a monochrome one",
    "Packed": "set the unpacked format, such as Mono12",
    "p": "set the unpacked format, such as Mono12",
    "YUV": "set RGB8 or BGR8",
    "YCbCr": "set RGB8 or BGR8",
}
"""What to do about a format whose name begins or ends so."""


def format_of(name: str) -> PixelFormat:
    """A pixel format by its name.

    Raises:
        UsageError: it is none that a station takes. The message begins with "pixel_format".
    """
    if name in FORMATS:
        return FORMATS[name]
    advice = next(
        (words for key, words in _ADVICE.items() if name.startswith(key) or name.endswith(key)),
        "set one of these",
    )
    known = ", ".join(each for each in FORMATS if not each.endswith("Packed"))
    raise UsageError(f'pixel_format: expected one of {known}, found "{name}"; {advice}')


def picture_of(
    data: npt.NDArray[np.uint8], pixel_format: str, height_px: int, width_px: int, *, row_padding_bytes: int = 0
) -> npt.NDArray[Any]:
    """A copy of the pixels in a camera's buffer, which is the station's own.

    Args:
        data: `(N,) uint8` the bytes of the buffer.
        pixel_format: as the camera calls it.
        height_px, width_px: of the picture.
        row_padding_bytes: unused bytes at the end of each row.

    Returns:
        `(H, W)` or `(H, W, 3)`, uint8 or uint16; no pixels if the format is none of `FORMATS` or bytes are missing.
    """
    found = FORMATS.get(pixel_format)
    if found is None or height_px < 1 or width_px < 1:
        return NO_PIXELS
    # PFNC formats are little-endian in memory
    dtype = np.dtype(found.dtype.value).newbyteorder("<")
    row_bytes = width_px * found.values * dtype.itemsize
    step_bytes = row_bytes + row_padding_bytes
    # the last row needs no padding
    if data.size < step_bytes * height_px - row_padding_bytes:
        return NO_PIXELS
    shape = (height_px, width_px) if found.values == 1 else (height_px, width_px, found.values)
    steps = (step_bytes, *([found.values * dtype.itemsize] if found.values > 1 else []), dtype.itemsize)
    flat = np.ascontiguousarray(data)
    seen = np.ndarray(shape, dtype, buffer=flat.data, strides=steps)
    kept = seen if found.values == 1 else seen[:, :, :3]
    return np.array(kept, dtype=found.dtype.value, order="C", copy=True)


def misfit(frame: Frame, spec: FrameSpec, size: SizeRule | None) -> str | None:
    """Why a camera's frame is not what a bundle declares, or None if it is, or if no camera says what it is.

    The pixels themselves do not show whether they are RGB or BGR. A region of half the height and width would pass as a
    picture of half the scale. So a camera's frame must have the very size of the good images, and no multiple of it.

    Args:
        frame: with pixels.
        spec: what the bundle declares.
        size: of the bundle's good images, None to take any.
    """
    if frame.channels is None:
        return None
    # frames that are converted from video have no bits of a camera's format
    return misfit_format(frame.channels, frame.pixels.dtype, frame.bits, spec) or misfit_size(
        frame.pixels.shape[:2], size, video=frame.bits is None
    )


def misfit_format(channels: Channels, dtype: "np.dtype[Any]", bits: int | None, spec: FrameSpec) -> str | None:
    """As `misfit`, of the pixel format alone.

    A value range is no format: it may be any part of what a camera gives, as with a thermal camera. So a range that is
    narrower than the format is taken. One that reaches beyond it comes from pictures of more bits, beside which those
    of this camera are dark. The largest value and 1 is taken for the largest value: people write 4096 for 12 bits.

    Args:
        channels, dtype: of the frame.
        bits: how many bits of a value are used, None if nobody says it.
        spec: what the bundle declares.
    """
    if (channels, dtype) != (spec.channels, np.dtype(spec.dtype.value)):
        deep = " --dtype uint16 --value-range LO,HI" if dtype == np.uint16 else ""
        return (
            f"frame: expected {spec.dtype.value} {spec.channels.value} as the bundle declares, found {dtype} "
            f"{channels.value}; set pixel_format, or build the bundle again with a backbone for such pictures: "
            f"goodpart-export --channels {channels.value}{deep}"
        )
    if bits is not None and spec.value_range is not None and spec.value_range[1] > 2**bits:
        return (
            f"frame: expected values up to {spec.value_range[1]} as the bundle maps them, found {bits} bits, which "
            f"end at {2**bits - 1}; set a pixel_format of more bits, or build the bundle from pictures of this format"
        )
    return None


def misfit_size(shape: tuple[int, ...], size: SizeRule | None, *, video: bool = False) -> str | None:
    """As `misfit`, of the size `(H, W)` alone; `video` is whether a stream gives the frame, which has a resolution."""
    if size is None or size.times(*shape) == 1.0:
        return None
    exact = dataclasses.replace(size, exact=True)
    advice = "set the resolution of the stream" if video else "set the camera's region and binning"
    return (
        f"frame: expected {exact} as of the good images, found {shape[0]}x{shape[1]} (HxW); {advice}, "
        f"or build the bundle from pictures of this size"
    )
