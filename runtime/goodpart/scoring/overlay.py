"""Overlay pictures: a frame, with colour where its patches are anomalous. Drawn with numpy alone."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart.scoring.regions import Region

SCALE_SIGMAS = (2.0, 12.0)
"""Calibrated scores where colour begins and where it is full. Equal for all frames, so that a good part stays calm."""

_STRONGEST = 0.7
"""Weight of the colour where it is full."""

_LINE_SHARE = 1 / 400
"""Width of a line, as a share of the frame's longer side."""

_LINE, _HALO = (255, 255, 255), (0, 0, 0)


def draw_overlay(
    picture: npt.NDArray[np.float32], scores: npt.NDArray[np.float32], *, regions: Iterable[Region] = ()
) -> npt.NDArray[np.uint8]:
    """A picture under its scores in a perceptually uniform colour map (inferno), on the fixed scale `SCALE_SIGMAS`.

    Args:
        picture: `(H, W, 3) float32` RGB, 0 to 255; see `visible`.
        scores: `(H, W) float32` calibrated scores, in sigmas.
        regions: boxes that get a thin outline.

    Returns:
        `(H, W, 3) uint8` RGB.
    """
    low, high = SCALE_SIGMAS
    level = np.clip((scores - low) / (high - low), 0.0, 1.0)
    colours = _INFERNO[(level * 255).astype(np.uint8)]
    weight = (_STRONGEST * np.sqrt(level))[:, :, np.newaxis]
    drawn = np.asarray(np.rint(picture * (1.0 - weight) + colours * weight), dtype=np.uint8)
    width_px = max(1, round(max(drawn.shape[:2]) * _LINE_SHARE))
    boxes = tuple(regions)
    # every halo before any line, so that none hides the line of another region
    for distance_px, colour in ((2 * width_px, _HALO), (width_px, _LINE)):
        for region in boxes:
            _outline(drawn, region, distance_px, width_px, colour)
    return drawn


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


def _outline(
    picture: npt.NDArray[np.uint8], region: Region, distance_px: int, width_px: int, colour: tuple[int, int, int]
) -> None:
    """Draws the outline of a box into the picture, `distance_px` outside it: what it marks stays visible."""
    height_px, row_width_px = picture.shape[:2]
    top, left = max(region.y_px - distance_px, 0), max(region.x_px - distance_px, 0)
    bottom = min(region.y_px + region.height_px + distance_px, height_px)
    right = min(region.x_px + region.width_px + distance_px, row_width_px)
    picture[top : top + width_px, left:right] = colour
    picture[max(bottom - width_px, top) : bottom, left:right] = colour
    picture[top:bottom, left : left + width_px] = colour
    picture[top:bottom, max(right - width_px, left) : right] = colour


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
