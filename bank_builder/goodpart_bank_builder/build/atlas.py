"""The atlas of a new bundle: small pictures of the images that the bank holds vectors of, as JPEG sheets."""

import math
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from goodpart._host.parallel import in_order
from goodpart.bundle.names import sheet_name
from goodpart.facts.learned import AtlasSpec
from goodpart.facts.spec import FrameSpec
from goodpart.frames.images import ImageReader
from goodpart.scoring.overlay import visible

ATLAS = AtlasSpec(cell_px=192, rows=8, columns=8)
"""Layout of the atlas of new bundles."""

_QUALITY = 80


def write_atlas(paths: list[Path], spec: FrameSpec, folder: Path, *, threads: int) -> int:
    """Writes the sheets; the same images give the same bytes on one machine.

    Args:
        paths: the images, in the order of their cells.
        spec: the frame that the bundle declares.
        folder: of the bundle; `atlas/` is made in it.
        threads: images read at a time.

    Returns:
        how many bytes were written.
    """
    (folder / "atlas").mkdir()
    # the build has read them under its own limit
    reader = ImageReader(max_megapixels=math.inf)
    written, sheet = 0, np.zeros((0, 0, 3), np.uint8)

    def small(path: Path) -> npt.NDArray[np.uint8]:
        return _thumbnail(reader.read(path, spec), spec)

    for number, (_, picture) in enumerate(in_order(small, paths, workers=threads)):
        place, top, left = ATLAS.cell_of(number)
        if (top, left) == (0, 0):
            sheet = np.zeros((*ATLAS.sheet_px(place, len(paths)), 3), np.uint8)
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        if number + 1 == len(paths) or ATLAS.cell_of(number + 1)[0] != place:
            _, encoded = cv2.imencode(".jpg", sheet[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            (folder / sheet_name(place)).write_bytes(encoded.tobytes())
            written += encoded.size
    return written


def _thumbnail(frame: npt.NDArray[np.generic], spec: FrameSpec) -> npt.NDArray[np.uint8]:
    """`(h, w, 3) uint8` RGB: the inspected part of a frame, as a person sees it, small enough for a cell."""
    picture = np.rint(visible(spec.inspected(frame), spec)).astype(np.uint8)
    height_px, width_px = ATLAS.thumbnail_px(picture.shape[0], picture.shape[1])
    return np.asarray(cv2.resize(picture, (width_px, height_px), interpolation=cv2.INTER_AREA), np.uint8)
