"""Ground truth: the masks of a test set, and oddities in them."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart.errors import FrameError
from goodpart.frames.images import ImageReader
from goodpart_bank_builder.data.dataset import TestImage

_BLACK = "all black, so that every pixel of a defective image counts as good"
_WHITE = "all white, so that every pixel counts as defective"
_ALPHA = "with an alpha channel, which is not used"
_IGNORED = "with no defect outside the ignored pixels, so that none of it counts"
_INVERTED = "that mark more than half of the picture; are black and white exchanged?"
_OF_GOOD = "of good images that mark a defect, which counts as one in pixel metrics"
_GREY = "with grey pixels, which count as defective"


def levels_of(image: TestImage, shape: tuple[int, ...], reader: ImageReader) -> npt.NDArray[Any]:
    """The mask of a test image; pixels above 0 are defective.

    Args:
        image: a good image, or an image with a mask.
        shape: height and width of the image.
        reader: reads the mask.

    Returns:
        `(H, W)` uint8 or uint16; all 0 where there is no mask.

    Raises:
        FrameError: the mask cannot be read or has another size.
    """
    if image.mask is None:
        return np.zeros(shape, np.uint8)
    levels = reader.levels(image.mask)
    if levels.shape != shape:
        raise FrameError(
            f"{image.mask}: expected a mask of {shape[0]}x{shape[1]} pixels like its image, "
            f"found {levels.shape[0]}x{levels.shape[1]}"
        )
    return levels


class OddMasks:
    """Collects masks that can be read but are probably wrong."""

    def __init__(self) -> None:
        self._found: dict[str, list[Path]] = {}
        self._marked_px = self._grey_px = 0

    def look_at(self, image: TestImage, levels: npt.NDArray[Any], counted: npt.NDArray[np.bool_]) -> None:
        """Records the oddities of the mask of one image.

        Args:
            image: the image; without a mask there is nothing to record.
            levels: `(H, W)` as from `levels_of`.
            counted: `(H, W) bool` pixels that are not ignored.
        """
        if image.mask is None:
            return
        marked = levels > 0
        if not image.is_defective:
            self._note(image.mask, {_OF_GOOD: bool(marked.any())})
            return
        # whatever the value of white is: 255, 65535, or the number of a class
        grey = marked & (levels < levels.max())
        self._marked_px += int(marked.sum())
        self._grey_px += int(grey.sum())
        odd = {
            _BLACK: not marked.any(),
            _WHITE: bool(marked.all()),
            _ALPHA: _has_alpha(image.mask),
            _IGNORED: bool(marked.any()) and not (marked & counted).any(),
            _INVERTED: 0.5 < marked.mean() < 1.0,
            _GREY: bool(grey.any()),
        }
        self._note(image.mask, odd)

    def _note(self, path: Path, odd: dict[str, bool]) -> None:
        for remark, applies in odd.items():
            if applies:
                self._found.setdefault(remark, []).append(path)

    def notes(self) -> list[str]:
        """One line for every oddity: how many masks have it, and the first such mask."""
        return [
            f"masks {remark}: {len(paths)}, such as {paths[0].parent.name}/{paths[0].name}"
            + (f"; {self._grey_px / self._marked_px * 100:.0f} % of all marked pixels" if remark == _GREY else "")
            for remark, paths in sorted(self._found.items())
        ]


def _has_alpha(path: Path) -> bool:
    """Whether the header of a PNG declares an alpha channel (colour types 4 and 6)."""
    with path.open("rb") as file:
        header = file.read(26)
    return header.startswith(b"\x89PNG") and header[25] in (4, 6)
