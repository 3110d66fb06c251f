"""Small pictures of a page: made small, boxed, and written as `data:` addresses."""

import base64
import dataclasses

import cv2
import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import Roi

SIDE_PX = 320
"""The longer side of a picture on a page unless a caller says otherwise."""

_QUALITY = 85
_BOX, _HALO = (255, 230, 0), (0, 0, 0)

_DARK, _BRIGHT, _MOST_GAIN = 110.0, 200.0, 6.0
"""A picture whose 99th percentile is below the first is made so bright that it is the second, at most 6 times."""

Pixels = npt.NDArray[np.uint8]
"""`(H, W, 3)` RGB."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """A small picture as a `data:` address, and its size."""

    address: str
    width_px: int
    height_px: int


Place = tuple[str, float, Picture]
"""A place that something should look like: name of a good image, cosine distance, and a picture of the place."""


def scaled(pixels: Pixels, scale: float) -> Pixels:
    """A picture at another size, at least 1 pixel high and wide."""
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=method), np.uint8)


def resized(pixels: Pixels, *, side_px: int = SIDE_PX) -> Pixels:
    """A picture whose longer side has this length."""
    return scaled(pixels, side_px / max(pixels.shape[:2]))


def boxed(pixels: Pixels, box: Roi, *, width_px: int = 1) -> Pixels:
    """A picture with a yellow box, two widths thick, on a black one."""
    drawn: Pixels = pixels.copy()
    corner = (box.x_px + box.width_px - 1, box.y_px + box.height_px - 1)
    for colour, width in ((_HALO, 5 * width_px), (_BOX, 2 * width_px)):
        cv2.rectangle(drawn, (box.x_px, box.y_px), corner, colour, width)
    return drawn


def gain_of(pixels: Pixels) -> float:
    """By what factor a picture is made brighter, so that a dark one is seen: 1 unless it is dark."""
    brightest = float(np.percentile(pixels, 99))
    return min(_MOST_GAIN, _BRIGHT / max(brightest, 1.0)) if brightest < _DARK else 1.0


def brightened(pixels: Pixels, gain: float) -> Pixels:
    """A picture with all of its values multiplied by `gain`, at most 255."""
    return np.asarray(np.clip(np.rint(pixels * gain), 0, 255), np.uint8)


def jpeg(pixels: Pixels, quality: int = _QUALITY) -> bytes:
    """A picture as JPEG, of a quality of 0 to 100."""
    bgr = np.ascontiguousarray(pixels[:, :, ::-1])
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(encoded.tobytes())


def address(kind: str, data: bytes) -> str:
    """An encoded picture as a `data:` address; kind is "jpeg" or "png"."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def encoded(pixels: Pixels, quality: int = _QUALITY) -> Picture:
    """A picture for a page, at its own size."""
    return Picture(address=address("jpeg", jpeg(pixels, quality)), width_px=pixels.shape[1], height_px=pixels.shape[0])


def picture_of(pixels: Pixels, *, side_px: int = SIDE_PX) -> Picture:
    """A picture for a page, made small.

    Args:
        pixels: `(H, W, 3) uint8` RGB.
        side_px: of the longer side.
    """
    return encoded(resized(pixels, side_px=side_px))
