"""Ground truth: the masks of a test set, and oddities in them."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart.errors import FrameError
from goodpart.frames.images import read_mask
from goodpart_bank_builder.data.dataset import TestImage

_BLACK = "all black, so that every pixel of a defective image counts as good"
_WHITE = "all white, so that every pixel counts as defective"
_ALPHA = "with an alpha channel, which is not used"
_IGNORED = "with no defect outside the ignored pixels, so that none of it counts"


def defect_of(image: TestImage, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Finds the defective pixels of a test image.

    Args:
        image: a good image, or an image with a mask.
        shape: height and width of the image.

    Returns:
        `(H, W) bool`, True on the defect; all False for a good image.

    Raises:
        FrameError: the mask cannot be read or has another size.
    """
    if image.mask is None:
        return np.zeros(shape, np.bool_)
    mask = read_mask(image.mask)
    if mask.shape != shape:
        raise FrameError(
            f"{image.mask}: expected a mask of {shape[0]}x{shape[1]} pixels like its image, "
            f"found {mask.shape[0]}x{mask.shape[1]}"
        )
    return mask


class OddMasks:
    """Collects masks that can be read but are probably wrong."""

    def __init__(self) -> None:
        self._found: dict[str, list[Path]] = {}

    def look_at(self, path: Path, mask: npt.NDArray[np.bool_], counted: npt.NDArray[np.bool_]) -> None:
        """Records the oddities of one mask of a defective image.

        Args:
            path: the mask's file.
            mask: `(H, W) bool`, True on the defect.
            counted: `(H, W) bool` pixels that are not ignored.
        """
        odd = {
            _BLACK: not mask.any(),
            _WHITE: bool(mask.all()),
            _ALPHA: _has_alpha(path),
            _IGNORED: bool(mask.any()) and not (mask & counted).any(),
        }
        for remark, applies in odd.items():
            if applies:
                self._found.setdefault(remark, []).append(path)

    def notes(self) -> list[str]:
        """One line for every oddity: how many masks have it, and the first such mask."""
        return [
            f"masks {remark}: {len(paths)}, such as {paths[0].parent.name}/{paths[0].name}"
            for remark, paths in sorted(self._found.items())
        ]


def _has_alpha(path: Path) -> bool:
    """Whether the header of a PNG declares an alpha channel (colour types 4 and 6)."""
    with path.open("rb") as file:
        header = file.read(26)
    return header.startswith(b"\x89PNG") and header[25] in (4, 6)
