"""Pictures of a report: an image, its heat map, the truth and a close-up, small enough to be embedded in a page."""

import dataclasses
import math
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import Channels, FrameSpec, PixelType, Roi
from goodpart.frames.images import ImageReader
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Inspection, Verdict
from goodpart.scoring.overlay import ColourScale, draw_scale, visible
from goodpart_bank_builder.evaluate.figures import ImageResult
from goodpart_bank_builder.evaluate.marked import Seen, look_where
from goodpart_bank_builder.progress import progress
from goodpart_bank_builder.report.choice import is_wrong
from goodpart_bank_builder.report.good_patches import DrawnStrip, GoodPatches, Strip
from goodpart_bank_builder.report.outside import Outside, outside_of
from goodpart_bank_builder.report.small_picture import (
    SIDE_PX,
    Pixels,
    address,
    boxed,
    brightened,
    gain_of,
    jpeg,
    resized,
)

_CLOSE_UP_PX, _CLOSE_UP_PATCHES = 200, 5.0
_BUDGET_BYTES = 3_900_000
LARGE_PX, _FEW = 560, 48
"""The longer side of pictures on a page with at most so many images; more images get smaller pictures."""

_QUALITIES = (90, 82, 70, 55, 40, 25)
_OUTLINE, _HALO = (0, 230, 255), (0, 0, 0)
_LEGEND_PX, _LEGEND_BEYOND = (20, 560), 1.15


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pictures:
    """The pictures of one image, as `data:` addresses.

    Attributes:
        picture: the image itself.
        heat_map: the image with colour where it is above the threshold, contour and boxes.
        truth: the image with the outline of its mask, None without a mask.
        close_up: for a wrongly judged image without a strip, the patch with the highest score in a box, with its
            surroundings; else None, because the strip begins with the same.
        gain: the close-up was made so many times brighter; 1 where it is not dark.
        width_px, height_px: size of each picture but the close-up, which is square.
        seen: where the image scored highest.
        strip: what the patch with the highest score should look like, for a defective or wrongly judged image; None
            where the bundle holds no small pictures.
        on_defect: the same for the highest patch on the marked defect, where the highest of all lies beside it.
        learned: the name of the learned image that this very file is; None if it is new, or was held out.
        outside: what makes an UNKNOWN image unlike good ones as a picture; empty for others.
    """

    picture: str
    heat_map: str
    truth: str | None
    close_up: str | None
    gain: float
    width_px: int
    height_px: int
    seen: Seen
    strip: Strip | None
    on_defect: Strip | None
    learned: str | None
    outside: tuple[Outside, ...]


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


def draw_pictures(inspector: Inspector, images: list[ImageResult], *, doing: str) -> dict[Path, Pictures]:
    """Inspects images again and draws their pictures, larger ones where they are few.

    Args:
        inspector: the inspector that judged the images.
        images: the results of the images to draw.
        doing: label of the progress bar.

    Raises:
        FrameError: an image or mask can no longer be read.
    """
    good, side_px = GoodPatches(inspector), LARGE_PX if len(images) <= _FEW else SIDE_PX
    drawn = {
        image.path: _draw(inspector, good, image, side_px)
        for image in progress(images, doing=doing, total=len(images), unit="pictures")
    }
    flat = [picture for each in drawn.values() for picture in each.all()]
    quality = next((each for each in _QUALITIES if _size_bytes(flat, each) <= _BUDGET_BYTES), _QUALITIES[-1])
    return {path: each.encoded(quality) for path, each in drawn.items()}


def draw_legend(scale: ColourScale) -> Legend:
    """Draws the scale of heat maps, with the function that draws heat maps."""
    end = scale.full * _LEGEND_BEYOND if scale.full > 0 else scale.full + 1.0
    picture = draw_scale(scale, *_LEGEND_PX, last=end)
    _, png = cv2.imencode(".png", np.ascontiguousarray(picture[:, :, ::-1]))
    return Legend(picture=address("png", png.tobytes()), begin=scale.begin, full=scale.full, end=end)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Drawn:
    """Pictures before they are encoded, RGB."""

    picture: Pixels
    heat_map: Pixels
    truth: Pixels | None
    close_up: Pixels | None
    gain: float
    seen: Seen
    strip: DrawnStrip | None
    on_defect: DrawnStrip | None
    learned: str | None
    outside: tuple[Outside, ...]

    def all(self) -> list[Pixels]:
        """Those that there are."""
        own = [each for each in (self.picture, self.heat_map, self.truth, self.close_up) if each is not None]
        return [
            *own,
            *(picture for strip in (self.strip, self.on_defect) if strip is not None for picture in strip.all()),
        ]

    def encoded(self, quality: int) -> Pictures:
        """All of them as JPEG of this quality."""
        return Pictures(
            picture=_address(self.picture, quality),
            heat_map=_address(self.heat_map, quality),
            truth=None if self.truth is None else _address(self.truth, quality),
            close_up=None if self.close_up is None else _address(self.close_up, quality),
            gain=self.gain,
            width_px=self.picture.shape[1],
            height_px=self.picture.shape[0],
            seen=self.seen,
            strip=None if self.strip is None else self.strip.encoded(quality),
            on_defect=None if self.on_defect is None else self.on_defect.encoded(quality),
            learned=self.learned,
            outside=self.outside,
        )


def _draw(inspector: Inspector, good: GoodPatches, image: ImageResult, side_px: int) -> _Drawn:
    spec = inspector.backbone.spec.frame
    # the evaluation has read them under its own limit
    reader = ImageReader(max_megapixels=math.inf)
    frame = reader.read(image.path, spec)
    # the bundle has learned the good images of its build, and would call them better than they are
    inspection = inspector.inspect(frame) if image.held_out is None else image.held_out
    whole = np.rint(visible(frame, spec)).astype(np.uint8)
    picture = resized(whole, side_px=side_px)
    mask = None if image.mask is None else reader.levels(image.mask) > 0
    has_strip = good.has_pictures and (image.is_defective or is_wrong(image))
    learned = None if image.held_out is not None else good.learned(image.path)
    seen = look_where(inspection, mask)
    beside = seen.truth_patch if has_strip and seen.in_truth is False else None
    close_up, gain = _close_up(whole, inspection) if is_wrong(image) and not has_strip else (None, 1.0)
    return _Drawn(
        picture=picture,
        heat_map=draw_heat_map(inspection, picture, corners=is_wrong(image)),
        truth=None if mask is None else _outlined(picture, mask),
        close_up=close_up,
        gain=gain,
        seen=seen,
        strip=good.strip(frame, whole, image, inspection) if has_strip else None,
        on_defect=None if beside is None else good.strip(frame, whole, image, inspection, patch=beside),
        learned=None if learned is None else learned.name,
        outside=outside_of(inspector.checks, inspection),
    )


def draw_heat_map(inspection: Inspection, picture: Pixels, *, corners: bool) -> Pixels:
    """The overlay of an inspection, drawn at the size of a picture, so that its lines stay sharp.

    Args:
        inspection: of the image.
        picture: the image as a person sees it, made small.
        corners: whether corners mark the highest patch of an image that is no DEFECT, too.
    """
    height_px, width_px = picture.shape[:2]
    scale_y, scale_x = height_px / inspection.frame_height_px, width_px / inspection.frame_width_px
    roi = inspection.roi
    if roi is not None:
        top, left = math.floor(roi.y_px * scale_y), math.floor(roi.x_px * scale_x)
        roi = Roi(
            y_px=top,
            x_px=left,
            height_px=max(1, min(round(roi.height_px * scale_y), height_px - top)),
            width_px=max(1, min(round(roi.width_px * scale_x), width_px - left)),
        )
    small = dataclasses.replace(
        inspection,
        # corners show what was looked at in a defect that passed, too
        verdict=Verdict.DEFECT if corners else inspection.verdict,
        frame_height_px=height_px,
        frame_width_px=width_px,
        frame_spec=FrameSpec(channels=Channels.RGB, dtype=PixelType.UINT8, value_range=None, roi=roi),
    )
    return small.overlay(picture, outlines=True)


def _close_up(whole: Pixels, inspection: Inspection) -> tuple[Pixels, float]:
    """A square around the patch with the highest score, several patches wide, from the frame at its full size.

    Returns:
        the square, with a box around the patch, and by what factor it was made brighter.
    """
    patch = inspection.strongest
    side_px = round(_CLOSE_UP_PATCHES * max(patch.height_px, patch.width_px))
    side_px = max(1, min(side_px, *whole.shape[:2]))
    top = min(max(patch.peak_y_px - side_px // 2, 0), whole.shape[0] - side_px)
    left = min(max(patch.peak_x_px - side_px // 2, 0), whole.shape[1] - side_px)
    cut = whole[top : top + side_px, left : left + side_px]
    gain, scale = gain_of(cut), _CLOSE_UP_PX / side_px
    large = cv2.resize(brightened(cut, gain), (_CLOSE_UP_PX, _CLOSE_UP_PX), interpolation=cv2.INTER_CUBIC)
    box = Roi(
        y_px=max(0, round((patch.y_px - top) * scale)),
        x_px=max(0, round((patch.x_px - left) * scale)),
        height_px=max(1, round(patch.height_px * scale)),
        width_px=max(1, round(patch.width_px * scale)),
    )
    return boxed(np.asarray(large, np.uint8), box), gain


def _outlined(picture: Pixels, mask: npt.NDArray[np.bool_]) -> Pixels:
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


def _size_bytes(pictures: list[Pixels], quality: int) -> int:
    return sum(len(jpeg(picture, quality)) for picture in pictures)


def _address(picture: Pixels, quality: int) -> str:
    return address("jpeg", jpeg(picture, quality))
