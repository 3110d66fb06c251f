"""Good patches: the hottest patch of an image beside the nearest patches that the bank has learned as good."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart.bundle.atlas import CONTEXT
from goodpart.errors import UsageError
from goodpart.facts.learned import LearnedImage
from goodpart.facts.spec import Roi
from goodpart.inspector import Inspector
from goodpart.scoring.crops import Crop, crop
from goodpart.scoring.explanation import NEAREST, GoodPatch, patch_box
from goodpart.scoring.inspection import Inspection
from goodpart_bank_builder.evaluate.figures import ImageResult
from goodpart_bank_builder.report.small_picture import (
    Picture,
    Pixels,
    Place,
    boxed,
    brightened,
    encoded,
    gain_of,
    picture_of,
    scaled,
)

PIECE_PX = 150
"""Side of a patch with all of its surroundings, on a page."""

_GAP_PX = 3
"""Between a patch and its box, so that the box hides nothing of it."""

THUMBNAIL_PX = 96
"""The longer side of a small picture on a page."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Strip:
    """What a patch should look like.

    Attributes:
        place: the patch, in a box, with its surroundings.
        nearest: the nearest good patches, in the same way and at the same scale.
        gain: all of these were made so many times brighter; 1 where they are not dark.
    """

    place: Picture
    nearest: tuple[Place, ...]
    gain: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DrawnStrip:
    """A strip before it is encoded: pictures are RGB."""

    place: Pixels
    nearest: tuple[tuple[str, float, Pixels], ...]
    gain: float

    def all(self) -> list[Pixels]:
        """All pictures."""
        return [self.place, *(piece for _, _, piece in self.nearest)]

    def encoded(self, quality: int) -> Strip:
        """The strip with JPEG pictures of this quality."""
        return Strip(
            place=encoded(self.place, quality),
            nearest=tuple((name, distance, encoded(piece, quality)) for name, distance, piece in self.nearest),
            gain=self.gain,
        )


class GoodPatches:
    """What the bank of a bundle has learned, to be shown.

    Attributes:
        has_pictures: whether the bundle holds small pictures of its good images; without them there are no strips.
    """

    def __init__(self, inspector: Inspector) -> None:
        """Reads which images were learned.

        Raises:
            BundleError: the list of images is damaged.
        """
        images = inspector.bundle.read_images()
        self.has_pictures = inspector.bundle.manifest.atlas is not None
        self._inspector = inspector
        self._learned = {} if images is None else {image.sha256: image for image in images.images}

    def learned(self, path: Path) -> LearnedImage | None:
        """The learned image that has the very bytes of this file; None if there is none, or the bundle does not say."""
        if not self._learned:
            return None
        try:
            return self._learned.get(hashlib.sha256(path.read_bytes()).hexdigest())
        except OSError:
            return None  # it was there when it was inspected

    def thumbnail(self, name: str) -> Picture | None:
        """The small picture of a good image, or None: the bundle has none, or its bank holds no vector of it.

        Raises:
            BundleError: the atlas is damaged.
        """
        if not self.has_pictures:
            return None
        try:
            return picture_of(self._inspector.atlas.picture(name), side_px=THUMBNAIL_PX)
        except UsageError:
            return None

    def strip(
        self,
        frame: npt.NDArray[Any],
        whole: Pixels,
        image: ImageResult,
        inspection: Inspection,
        *,
        patch: tuple[int, int] | None = None,
    ) -> DrawnStrip:
        """Draws a patch of an image and the nearest good ones of other parts.

        Args:
            frame: the image as the bundle takes it.
            whole: it as a person sees it.
            image: its result. Where the bank has learned the very image, all of its part is left out.
            inspection: what was said of it.
            patch: row and column in the grid, None for the hottest patch.

        Raises:
            UsageError: the bundle holds no small pictures.
            BundleError: what it holds is damaged.
        """
        area = inspection.roi or Roi(y_px=0, x_px=0, height_px=whole.shape[0], width_px=whole.shape[1])
        inside = whole[area.y_px : area.y_px + area.height_px, area.x_px : area.x_px + area.width_px]
        if patch is None:
            patch = divmod(int(inspection.grid.argmax()), inspection.grid.shape[1])
        box = patch_box(patch[0], patch[1], inspection.grid.shape, dataclasses.replace(area, y_px=0, x_px=0))
        atlas = self._inspector.atlas
        own = crop(inside, box, context=CONTEXT)
        nearest = [
            (good.image, good.distance, atlas.patch(good, context=CONTEXT))
            for good in self._nearest(frame, image, inspection, patch)
        ]
        # what is looked at must be seen; one gain for all, or they could not be compared
        gain = gain_of(own.picture)
        return DrawnStrip(
            place=_piece(own, gain),
            nearest=tuple((name, distance, _piece(cut, gain)) for name, distance, cut in nearest),
            gain=gain,
        )

    def _nearest(
        self, frame: npt.NDArray[Any], image: ImageResult, inspection: Inspection, patch: tuple[int, int]
    ) -> list[GoodPatch]:
        memory, learned = self._inspector.memory, self.learned(image.path)
        same_part = {each.name for each in memory.images.images if learned is not None and each.part == learned.part}
        numbers = [number for number, each in enumerate(memory.images.images) if each.name in same_part]
        # so many more that enough are left
        count = NEAREST + int(np.isin(memory.origins[:, 0], numbers).sum())
        if image.held_out is not None:
            # no Inspector has made this inspection, so it cannot be asked
            row = patch[0] * inspection.grid.shape[1] + patch[1]
            found = self._inspector.nearest_good(self._inspector.embed(frame)[[row]], count=count)[0]
        else:
            found = inspection.explain([patch], nearest=count, frame=frame)[0].nearest
        return [good for good in found if good.image not in same_part][:NEAREST]


def _piece(cut: Crop, gain: float) -> Pixels:
    """A crop at the scale of all pieces, with a box around its patch; crops at the edge of an image are smaller."""
    scale = PIECE_PX / ((1.0 + 2.0 * CONTEXT) * max(cut.height_px, cut.width_px))
    top, left = round(cut.y_px * scale) - _GAP_PX, round(cut.x_px * scale) - _GAP_PX
    bottom = round((cut.y_px + cut.height_px) * scale) + _GAP_PX
    right = round((cut.x_px + cut.width_px) * scale) + _GAP_PX
    box = Roi(y_px=max(0, top), x_px=max(0, left), height_px=bottom - max(0, top), width_px=right - max(0, left))
    return boxed(scaled(brightened(cut.picture, gain), scale), box)
