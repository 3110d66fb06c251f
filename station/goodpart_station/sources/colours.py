"""From a decoded video frame to the pixels that a bundle declares. Video holds no RGB, so a conversion is needed."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from goodpart import FrameError
from goodpart.facts.spec import Channels, FrameSpec, PixelType

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_UNTOLD = 2
_MATRICES = {1: "BT.709", 4: "FCC", 5: "BT.601", 6: "BT.601", 7: "SMPTE 240M", 9: "BT.2020"}
"""By FFmpeg's numbers (AVColorSpace)."""
_OF_SWSCALE = {6: 5}
_UNTOLD_MATRIX = 5
_LIMITED, _FULL = 1, 2
_TARGETS = {Channels.RGB: "rgb24", Channels.BGR: "bgr24", Channels.GRAY: "gray"}


def pixels_of(frame: "VideoFrame", spec: FrameSpec) -> npt.NDArray[Any]:
    """The pixels of a frame, as a bundle declares them. Size and bit depth never change.

    The same frame gives the same pixels on every PC: swscale runs with BITEXACT and ACCURATE_RND, and with full chroma
    interpolation, which its fast paths do without.

    Args:
        frame: decoded; of 8 bits, or of 16 bits grey.
        spec: what the bundle declares.

    Returns:
        `(H, W, 3)` or `(H, W)`, memory of its own.

    Raises:
        FrameError: the stream has another bit depth, or colours that swscale does not know.
    """
    name = frame.format.name
    wants_16 = spec.dtype is PixelType.UINT16
    if wants_16 != (name == "gray16le") or _bits(frame) > (16 if wants_16 else 8):
        raise FrameError(
            f"frame: expected {spec.describe()}, found video of {_bits(frame)} bits ({name}); set the camera to "
            f"{'16 bits grey' if wants_16 else '8 bits'}, or build the bundle for it"
        )
    target = name if wants_16 else _TARGETS[spec.channels]
    if name == target:
        return np.array(frame.to_ndarray())
    from av.video.reformatter import Interpolation

    matrix, full = _matrix(frame), _full_range(frame)
    if matrix is None:
        raise FrameError(
            f"frame: expected colours of a known matrix, found number {frame.colorspace}; set the camera to BT.601 or "
            f"BT.709"
        )
    if target == "gray":
        # brightness is in the stream already; with another matrix swscale would make it from colours
        matrix = _UNTOLD_MATRIX
    converted = frame.reformat(
        format=target,
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=_FULL if full else _LIMITED,
        dst_color_range=_FULL,
        interpolation=(
            Interpolation.BICUBIC
            | Interpolation.ACCURATE_RND
            | Interpolation.BITEXACT
            | Interpolation.FULL_CHR_H_INT
            | Interpolation.FULL_CHR_H_INP
        ),
        threads=1,
    )
    return converted.to_ndarray()


def conversion_of(frame: "VideoFrame", spec: FrameSpec) -> str:
    """What `pixels_of` does, in words, for `check`."""
    name = frame.format.name
    if name == ("gray16le" if spec.dtype is PixelType.UINT16 else _TARGETS[spec.channels]):
        return f"{name}, taken as it is"
    if frame.format.is_rgb or name.startswith("gray"):
        return f"{name}, converted to {spec.describe()}"
    untold = " as nothing else is said" if frame.colorspace == _UNTOLD else ""
    matrix = _MATRICES.get(_matrix(frame) or 0, f"matrix {frame.colorspace}")
    full = "full" if _full_range(frame) else "limited"
    return f"{name}, converted to {spec.describe()} by {matrix}{untold}, {full} range"


def _bits(frame: "VideoFrame") -> int:
    return max(component.bits for component in frame.format.components)


def _matrix(frame: "VideoFrame") -> int | None:
    if frame.format.is_rgb:
        return _UNTOLD_MATRIX
    told = _UNTOLD_MATRIX if frame.colorspace == _UNTOLD else int(frame.colorspace)
    return _OF_SWSCALE.get(told, told) if told in _MATRICES else None


def _full_range(frame: "VideoFrame") -> bool:
    return frame.format.is_rgb or "yuvj" in frame.format.name or frame.color_range == _FULL
