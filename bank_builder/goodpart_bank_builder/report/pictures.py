"""Pictures of a report: an image, its heat map and the truth, small enough to be embedded in a page."""

import base64
import dataclasses
import math
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from goodpart.frames.images import ImageReader
from goodpart.inspector import Inspector
from goodpart.scoring.overlay import ColourScale, draw_scale, visible
from goodpart_bank_builder.evaluate.figures import ImageResult
from goodpart_bank_builder.progress import progress

_SIDE_PX = 320
_BUDGET_BYTES = 3_900_000
_QUALITIES = (90, 82, 70, 55, 40, 25)
_OUTLINE, _HALO = (255, 230, 0), (0, 0, 0)
_LEGEND_PX, _LEGEND_BEYOND = (20, 560), 1.15

Picture = npt.NDArray[np.uint8]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Triple:
    """The three pictures of one image, as `data:` addresses.

    Attributes:
        picture: the image itself.
        heat_map: the image overlaid with its calibrated scores, on the fixed scale.
        truth: the image with the outline of its mask, None without a mask.
        width_px, height_px: size of each picture.
    """

    picture: str
    heat_map: str
    truth: str | None
    width_px: int
    height_px: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Legend:
    """The scale of all heat maps.

    Attributes:
        picture: grey, overlaid with scores that rise from 0 to `end`, as a `data:` address.
        begin, full, end: scores in sigmas at which colour begins, colour is full, and the picture ends.
    """

    picture: str
    begin: float
    full: float
    end: float


def draw_triples(inspector: Inspector, images: list[ImageResult], *, doing: str) -> dict[Path, Triple]:
    """Inspects images again and draws their pictures.

    Args:
        inspector: the inspector that judged the images.
        images: the results of the images to draw.
        doing: label of the progress bar.

    Raises:
        FrameError: an image or mask can no longer be read.
    """
    drawn = {
        image.path: _draw(inspector, image)
        for image in progress(images, doing=doing, total=len(images), unit="pictures")
    }
    flat = [picture for pictures in drawn.values() for picture in pictures if picture is not None]
    quality = next((each for each in _QUALITIES if _size_bytes(flat, each) <= _BUDGET_BYTES), _QUALITIES[-1])
    return {path: _encoded(pictures, quality) for path, pictures in drawn.items()}


def draw_legend(scale: ColourScale) -> Legend:
    """Draws the scale of heat maps, with the function that draws heat maps."""
    end = scale.full * _LEGEND_BEYOND if scale.full > 0 else scale.full + 1.0
    picture = draw_scale(scale, *_LEGEND_PX, last=end)
    _, png = cv2.imencode(".png", _bgr(picture))
    return Legend(picture=_address("png", png.tobytes()), begin=scale.begin, full=scale.full, end=end)


def _draw(inspector: Inspector, image: ImageResult) -> tuple[Picture, Picture, Picture | None]:
    """Draws picture, heat map and truth, each `(h, w, 3) uint8` BGR."""
    spec = inspector.backbone.spec.frame
    # the evaluation has read them under its own limit
    reader = ImageReader(max_megapixels=math.inf)
    frame = reader.read(image.path, spec)
    picture = _small(_bgr(np.rint(visible(frame, spec)).astype(np.uint8)))
    # the bundle has learned the good images of its build, and would call them better than they are
    inspection = inspector.inspect(frame) if image.held_out is None else image.held_out
    heat_map = _small(_bgr(inspection.overlay(frame)))
    return picture, heat_map, None if image.mask is None else _outlined(picture, reader.levels(image.mask) > 0)


def _bgr(picture: Picture) -> Picture:
    """Converts RGB to the BGR that OpenCV expects."""
    return np.ascontiguousarray(picture[:, :, ::-1])


def _small(picture: Picture) -> Picture:
    """Resizes the longer side to that of all pictures in a report."""
    scale = _SIDE_PX / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)


def _outlined(picture: Picture, mask: npt.NDArray[np.bool_]) -> Picture:
    """Outlines the masked area with a line just outside it."""
    height_px, width_px = picture.shape[:2]
    # any share of a pixel counts, so that a scratch does not vanish in a small picture
    share = cv2.resize(mask.astype(np.float32), (width_px, height_px), interpolation=cv2.INTER_AREA)
    around = cv2.dilate((share > 0).astype(np.uint8), np.ones((5, 5), np.uint8))
    contours, _ = cv2.findContours(around, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    outlined = picture.copy()
    for colour, width in ((_HALO, 4), (_OUTLINE, 2)):
        cv2.drawContours(outlined, contours, -1, colour, width, cv2.LINE_AA)
    return np.asarray(outlined, np.uint8)


def _encoded(pictures: tuple[Picture, Picture, Picture | None], quality: int) -> Triple:
    picture, heat_map, truth = (None if each is None else _address("jpeg", _jpeg(each, quality)) for each in pictures)
    height_px, width_px = pictures[0].shape[:2]
    return Triple(picture=picture or "", heat_map=heat_map or "", truth=truth, width_px=width_px, height_px=height_px)


def _size_bytes(pictures: list[Picture], quality: int) -> int:
    return sum(len(_jpeg(picture, quality)) for picture in pictures)


def _jpeg(picture: Picture, quality: int) -> bytes:
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(encoded.tobytes())


def _address(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
