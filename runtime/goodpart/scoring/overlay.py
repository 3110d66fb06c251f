"""Overlay pictures: a frame, with colour where patches are above the threshold. Drawn with numpy alone."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart.scoring.regions import Region

_OPACITY = (0.4, 0.5)
"""Weight of the colour where it begins, and where it is full: half of the picture's contrast always remains."""

_FIRST_COLOUR = 115
"""Where in the colour map colour begins: what lies before is too dark to be seen on a dark part."""

_FULL_AT = 3.0
"""Colour is full at this multiple of the score where it begins."""

_LEAST_SPAN = 4.0
"""The fewest sigmas from begin to full; a device may hold a threshold near 0 or below it."""

_LINE_SHARE = 1 / 300
"""Width of a line, as a share of the frame's longer side."""

_LINE, _HALO = (255, 255, 255), (0, 0, 0)

_CORNERS = (255, 230, 0)
"""Colour of corners: white ones are lost on bright metal."""

_CORNER_SHARE = 1 / 8
"""The least side of what corners surround, as a share of the frame's longer side; a patch may be much smaller."""

_HATCH_GREY, _HATCH_WEIGHT = 128.0, 0.45

Picture = npt.NDArray[np.uint8]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColourScale:
    """The scores at which colour begins and is full, in sigmas. It depends on thresholds alone, never on the frame."""

    begin: float
    full: float

    @classmethod
    def of(cls, threshold: float, pixel_threshold: float) -> "ColourScale":
        """The scale that belongs to two thresholds: colour begins at the lower one.

        A frame above `threshold` has at least one patch above it, so a DEFECT is never without colour.

        Args:
            threshold: image score above which the verdict is DEFECT.
            pixel_threshold: calibrated score above which a patch belongs to a region.
        """
        begin = min(threshold, pixel_threshold)
        return cls(begin=begin, full=begin + max((_FULL_AT - 1.0) * begin, _LEAST_SPAN))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Marks:
    """What lines and hatching an overlay shows.

    Attributes:
        inside: `(H, W) bool`, True within the contour, or None for no contour. The line lies outside of it.
        boxes: regions that get an outline.
        corners: regions that get the corners of a wider outline, yellow on black, so that a small one is seen.
        ignored: `(H, W) bool`, True where the frame never counts, or None if all of it counts.
    """

    inside: npt.NDArray[np.bool_] | None = None
    boxes: Iterable[Region] = ()
    corners: Iterable[Region] = ()
    ignored: npt.NDArray[np.bool_] | None = None


_NO_MARKS = Marks()


def draw_overlay(
    picture: npt.NDArray[np.float32],
    scores: npt.NDArray[np.float32],
    *,
    scale: ColourScale,
    marks: Marks = _NO_MARKS,
) -> Picture:
    """A picture under its scores in a perceptually uniform colour map (inferno, without its dark end).

    Args:
        picture: `(H, W, 3) float32` RGB, 0 to 255; see `visible`.
        scores: `(H, W) float32` calibrated scores, in sigmas.
        scale: where colour begins and is full.
        marks: lines and hatching.

    Returns:
        `(H, W, 3) uint8` RGB.
    """
    drawn = np.asarray(np.rint(picture), dtype=np.uint8)
    coloured = scores > scale.begin
    if marks.ignored is not None:
        _hatch(drawn, marks.ignored)
        coloured &= ~marks.ignored
    _colour(drawn, scores, coloured, scale)
    width_px = max(1, round(max(drawn.shape[:2]) * _LINE_SHARE))
    # every halo before any line, so that none hides the line of another
    for distance_px, colour in ((2 * width_px, _HALO), (width_px, _LINE)):
        if marks.inside is not None:
            _contour(drawn, marks.inside, distance_px, width_px, colour)
        for region in marks.boxes:
            _outline(drawn, region, distance_px, width_px, colour, whole=True)
    for region in marks.corners:
        _corners(drawn, region, 3 * width_px)
    return drawn


def draw_scale(scale: ColourScale, height_px: int, width_px: int, *, last: float) -> Picture:
    """The colours of a scale on grey, from 0 sigmas on the left to `last` on the right: `(H, W, 3) uint8` RGB."""
    scores = np.tile(np.linspace(0.0, last, width_px, dtype=np.float32), (height_px, 1))
    return draw_overlay(np.full((height_px, width_px, 3), 150.0, np.float32), scores, scale=scale)


def visible(frame: npt.NDArray[Any], spec: FrameSpec) -> npt.NDArray[np.float32]:
    """A frame as a person sees it.

    Args:
        frame: as `spec` declares.
        spec: says what the channels are, and for uint16 which values are black and white.

    Returns:
        `(H, W, 3) float32` RGB, 0 to 255.
    """
    picture = frame.astype(np.float32)
    if spec.dtype is PixelType.UINT16 and spec.value_range is not None:
        low, high = spec.value_range
        picture = np.clip((picture - low) * (255.0 / (high - low)), 0.0, 255.0)
    if spec.channels is Channels.GRAY:
        return np.repeat(picture[:, :, np.newaxis], 3, axis=2)
    return picture[:, :, ::-1] if spec.channels is Channels.BGR else picture


def _colour(
    drawn: Picture, scores: npt.NDArray[np.float32], coloured: npt.NDArray[np.bool_], scale: ColourScale
) -> None:
    """Mixes colour into the coloured pixels; the others are not touched."""
    window = _window(coloured, 0)
    if window is None:
        return
    level = (scores[window] - scale.begin) / (scale.full - scale.begin)
    # 0 is no colour, 1 to 255 are the steps of the scale
    step = np.where(coloured[window], np.clip(1.0 + 254.0 * level, 1.0, 255.0), 0.0).astype(np.uint8)
    share = np.linspace(0.0, 1.0, 255, dtype=np.float32)
    weight = np.concatenate([[0.0], _OPACITY[0] + (_OPACITY[1] - _OPACITY[0]) * share]).astype(np.float32)
    at = np.concatenate([[0], np.rint(_FIRST_COLOUR + share * (255 - _FIRST_COLOUR))]).astype(np.uint8)
    # rounded by the half
    added = _INFERNO[at] * weight[:, np.newaxis] + np.float32(0.5)
    mixed = drawn[window] * (1.0 - weight)[step][:, :, np.newaxis]
    mixed += added[step]
    drawn[window] = mixed


def _hatch(drawn: Picture, ignored: npt.NDArray[np.bool_]) -> None:
    """Draws grey diagonal stripes where the frame never counts."""
    height_px, width_px = ignored.shape
    stripe_px = max(2, round(max(height_px, width_px) / 80))
    diagonal = (np.arange(height_px)[:, np.newaxis] + np.arange(width_px)) // stripe_px % 2 == 0
    striped = ignored & diagonal
    drawn[striped] = drawn[striped] * (1.0 - _HATCH_WEIGHT) + _HATCH_GREY * _HATCH_WEIGHT


def _contour(
    drawn: Picture, inside: npt.NDArray[np.bool_], distance_px: int, width_px: int, colour: tuple[int, int, int]
) -> None:
    """Draws a line around an area, from `distance_px - width_px` to `distance_px` outside it."""
    window = _window(inside, distance_px)
    if window is not None:
        near = _grown(inside[window], distance_px - width_px)
        drawn[window][_grown(near, width_px) & ~near] = colour


def _window(area: npt.NDArray[np.bool_], margin_px: int) -> tuple[slice, slice] | None:
    """The smallest box around an area, enlarged by a margin within the picture; None for an empty area."""
    rows, columns = np.flatnonzero(area.any(axis=1)), np.flatnonzero(area.any(axis=0))
    if rows.size == 0:
        return None
    first_row, first_column = max(int(rows[0]) - margin_px, 0), max(int(columns[0]) - margin_px, 0)
    return slice(first_row, int(rows[-1]) + margin_px + 1), slice(first_column, int(columns[-1]) + margin_px + 1)


def _grown(area: npt.NDArray[np.bool_], by_px: int) -> npt.NDArray[np.bool_]:
    """The area and all pixels at most `by_px` rows and columns away from it."""
    grown = area
    for _ in (0, 1):
        reached_px = 0
        while reached_px < by_px:
            # an area that has grown by r has no gaps of up to 2 r pixels, so the next step may be that wide
            step_px = min(2 * reached_px + 1, by_px - reached_px)
            wider = grown.copy()
            wider[step_px:] |= grown[:-step_px]
            wider[:-step_px] |= grown[step_px:]
            grown, reached_px = wider, reached_px + step_px
        # rows first, then columns
        grown = np.ascontiguousarray(grown.T)
    return grown


def _outline(
    picture: Picture, region: Region, distance_px: int, width_px: int, colour: tuple[int, int, int], *, whole: bool
) -> None:
    """Draws the outline of a box `distance_px` outside it, or its corners: what it marks stays visible."""
    height_px, row_width_px = picture.shape[:2]
    top, left = max(region.y_px - distance_px, 0), max(region.x_px - distance_px, 0)
    bottom = min(region.y_px + region.height_px + distance_px, height_px)
    right = min(region.x_px + region.width_px + distance_px, row_width_px)
    line = np.ones((bottom - top, right - left), np.bool_)
    line[width_px:-width_px, width_px:-width_px] = False
    if not whole:
        line[(bottom - top) // 3 : -((bottom - top) // 3)] = False
        line[:, (right - left) // 3 : -((right - left) // 3)] = False
    picture[top:bottom, left:right][line] = colour


def _corners(picture: Picture, region: Region, width_px: int) -> None:
    """Draws the corners of an outline, with a halo on both sides of it."""
    side_px = round(max(picture.shape[:2]) * _CORNER_SHARE)
    more_y_px, more_x_px = max(0, side_px - region.height_px) // 2, max(0, side_px - region.width_px) // 2
    around = dataclasses.replace(
        region,
        y_px=region.y_px - more_y_px,
        x_px=region.x_px - more_x_px,
        height_px=region.height_px + 2 * more_y_px,
        width_px=region.width_px + 2 * more_x_px,
    )
    halo_px = max(1, width_px // 2)
    _outline(picture, around, width_px + halo_px, width_px + 2 * halo_px, _HALO, whole=False)
    _outline(picture, around, width_px, width_px, _CORNERS, whole=False)


_INFERNO = np.frombuffer(
    bytes.fromhex(
        "00000401000501010601010802010a02020c02020e03021004031204031405041706041907051b08051d09061f0a07220b07240c0826"
        "0d08290e092b10092d110a30120a32140b34150b37160b39180c3c190c3e1b0c411c0c431e0c451f0c48210c4a230c4c240c4f260c51"
        "280b53290b552b0b572d0b592f0a5b310a5c320a5e340a5f3609613809623909633b09643d09653e0966400a67420a68440a68450a69"
        "470b6a490b6a4a0c6b4c0c6b4d0d6c4f0d6c510e6c520e6d540f6d550f6d57106e59106e5a116e5c126e5d126e5f136e61136e62146e"
        "64156e65156e67166e69166e6a176e6c186e6d186e6f196e71196e721a6e741a6e751b6e771c6d781c6d7a1d6d7c1d6d7d1e6d7f1e6c"
        "801f6c82206c84206b85216b87216b88226a8a226a8c23698d23698f24699025689225689326679526679727669827669a28659b2964"
        "9d29649f2a63a02a63a22b62a32c61a52c60a62d60a82e5fa92e5eab2f5ead305dae305cb0315bb1325ab3325ab43359b63458b73557"
        "b93556ba3655bc3754bd3853bf3952c03a51c13a50c33b4fc43c4ec63d4dc73e4cc83f4bca404acb4149cc4248ce4347cf4446d04545"
        "d24644d34743d44842d54a41d74b3fd84c3ed94d3dda4e3cdb503bdd513ade5238df5337e05536e15635e25734e35933e45a31e55c30"
        "e65d2fe75e2ee8602de9612bea632aeb6429eb6628ec6726ed6925ee6a24ef6c23ef6e21f06f20f1711ff1731df2741cf3761bf37819"
        "f47918f57b17f57d15f67e14f68013f78212f78410f8850ff8870ef8890cf98b0bf98c0af98e09fa9008fa9207fa9407fb9606fb9706"
        "fb9906fb9b06fb9d07fc9f07fca108fca309fca50afca60cfca80dfcaa0ffcac11fcae12fcb014fcb216fcb418fbb61afbb81dfbba1f"
        "fbbc21fbbe23fac026fac228fac42afac62df9c72ff9c932f9cb35f8cd37f8cf3af7d13df7d340f6d543f6d746f5d949f5db4cf4dd4f"
        "f4df53f4e156f3e35af3e55df2e661f2e865f2ea69f1ec6df1ed71f1ef75f1f179f2f27df2f482f3f586f3f68af4f88ef5f992f6fa96"
        "f8fb9af9fc9dfafda1fcffa4"
    ),
    np.uint8,
).reshape(256, 3)
"""`(256, 3) uint8` RGB: matplotlib's inferno (CC0), as OpenCV has it."""
