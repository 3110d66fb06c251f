"""The atlas: small pictures of the learned images that the bank holds vectors of. Decoding needs OpenCV."""

import functools

import numpy as np
import numpy.typing as npt

from goodpart._host.opencv import load_opencv
from goodpart.bundle.bundle import Bundle
from goodpart.bundle.files import read_checked
from goodpart.bundle.names import sheet_name
from goodpart.errors import ContractError, IntegrityError, UsageError
from goodpart.facts.learned import AtlasSpec
from goodpart.facts.spec import Roi
from goodpart.frames.containers import JPEG, flaw, kind_of, size_px
from goodpart.scoring.crops import Crop, crop
from goodpart.scoring.explanation import GoodPatch, Memory

CONTEXT = 3.0
"""Surroundings of a patch that are shown unless a caller says otherwise, in sides of the patch."""

_SHEET_LIMIT_BYTES = 32 << 20


class Atlas:
    """The small pictures of a bundle. A sheet is read, checked and decoded when a picture of it is asked for."""

    def __init__(self, bundle: Bundle, memory: Memory) -> None:
        """Takes a bundle and where its vectors come from.

        Raises:
            UsageError: the bundle has no atlas: it is of format version 1, or was built with `--no-thumbnails`.
        """
        if bundle.manifest.atlas is None:
            raise UsageError(
                f"{bundle.folder}: expected a bundle with an atlas, found none; build it again with --thumbnails"
            )
        self._bundle, self._memory, self._spec = bundle, memory, bundle.manifest.atlas
        self._numbers = np.unique(memory.origins[:, 0])
        self._decoded = functools.lru_cache(maxsize=2)(self._decode)

    def picture(self, image: str) -> npt.NDArray[np.uint8]:
        """`(h, w, 3) uint8` RGB small picture of an image's inspected area.

        Args:
            image: its name, as in `GoodPatch.image`.

        Raises:
            UsageError: the bank holds no vector of such an image.
            MissingExtraError: OpenCV is not installed.
            BundleError: the sheet is damaged.
        """
        names = [self._memory.images.images[number].name for number in self._numbers]
        if image not in names:
            raise UsageError(f"atlas: expected an image that the bank holds vectors of, found {image!r}")
        rank = names.index(image)
        area = self._area(int(self._numbers[rank]))
        height_px, width_px = self._spec.thumbnail_px(area.height_px, area.width_px)
        sheet, top, left = self._spec.cell_of(rank)
        return self._decoded(sheet)[top : top + height_px, left : left + width_px]

    def patch(self, good: GoodPatch, *, context: float = CONTEXT) -> Crop:
        """The small picture around a good patch of an explanation.

        Args:
            good: from `Inspection.explain` of the same bundle.
            context: how far the surroundings reach, in sides of the patch.

        Raises:
            UsageError, BundleError: as in `picture`.
        """
        picture = self.picture(good.image)
        area = self._area(int(self._memory.origins[good.vector, 0]))
        scale_y, scale_x = picture.shape[0] / area.height_px, picture.shape[1] / area.width_px
        top = min(int((good.y_px - area.y_px) * scale_y), picture.shape[0] - 1)
        left = min(int((good.x_px - area.x_px) * scale_x), picture.shape[1] - 1)
        box = Roi(
            y_px=top,
            x_px=left,
            height_px=min(max(1, round(good.height_px * scale_y)), picture.shape[0] - top),
            width_px=min(max(1, round(good.width_px * scale_x)), picture.shape[1] - left),
        )
        return crop(picture, box, context=context)

    def _area(self, number: int) -> Roi:
        image = self._memory.images.images[number]
        return self._memory.roi or Roi(y_px=0, x_px=0, height_px=image.height_px, width_px=image.width_px)

    def _decode(self, sheet: int) -> npt.NDArray[np.uint8]:
        cv2 = load_opencv("looking at the atlas")
        data, wanted = _sheet(self._bundle, self._spec, sheet, pictures=len(self._numbers))
        # the header's size has been compared before memory is taken for the pixels
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if found is None or found.shape[:2] != wanted:
            raise ContractError(
                f"{self._bundle.folder / sheet_name(sheet)}: expected a JPEG of {wanted} pixels (HxW), found another "
                f"one; rebuild the bundle"
            )
        return np.ascontiguousarray(found[:, :, ::-1])


def check_atlas(bundle: Bundle, origins: npt.NDArray[np.int32] | None) -> None:
    """Checks all sheets of a bundle's atlas as far as that needs no decoder; does nothing without an atlas.

    Args:
        bundle: from `read_bundle`.
        origins: from its `read_origins`.

    Raises:
        BundleError: a sheet is damaged, missing or one too many.
    """
    spec = bundle.manifest.atlas
    if spec is None or origins is None:
        return
    pictures = len(np.unique(origins[:, 0]))
    for sheet in range(spec.sheets(pictures)):
        _sheet(bundle, spec, sheet, pictures=pictures)
    if (foreign := sheet_name(spec.sheets(pictures))) in bundle.manifest.files:
        raise ContractError(
            f"{bundle.folder / foreign}: expected {spec.sheets(pictures)} sheets for {pictures} pictures, found "
            f"another one; rebuild the bundle"
        )


def _sheet(bundle: Bundle, spec: AtlasSpec, sheet: int, *, pictures: int) -> tuple[bytes, tuple[int, int]]:
    """The bytes of a sheet, and its height and width as its header and the layout both say."""
    name = sheet_name(sheet)
    where, facts = bundle.folder / name, bundle.manifest.files.get(name)
    if facts is None:
        raise ContractError(f"{where}: expected a sheet of the atlas, found none; rebuild the bundle")
    if facts.size_bytes > _SHEET_LIMIT_BYTES:
        raise IntegrityError(f"{where}: expected at most {_SHEET_LIMIT_BYTES} bytes, found {facts.size_bytes}")
    data = read_checked(bundle.folder, name, facts)
    wanted = spec.sheet_px(sheet, pictures)
    stated = size_px(JPEG, data) if kind_of(data) == JPEG and flaw(JPEG, data) is None else None
    if stated != wanted:
        raise ContractError(f"{where}: expected a JPEG of {wanted} pixels (HxW), found {stated}; rebuild the bundle")
    return data, wanted
