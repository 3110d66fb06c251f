"""Painted: what the head of a bundle was taught, for a person who knows what defects look like on the line.

The pictures lie beside the bundle, in `BUNDLE.painted.json`: no device needs them, and no verdict depends on them. The
file names the digest of its bundle, and reports show it with no other.
"""

import base64
import contextlib
import dataclasses
from pathlib import Path

import numpy as np

from goodpart._host import strict_json
from goodpart._host.atomic import write_file
from goodpart.bundle.bundle import Bundle
from goodpart.errors import GoodpartError
from goodpart_bank_builder.learn.learn import Learned
from goodpart_bank_builder.paint.album import Page, Pixels
from goodpart_bank_builder.report.small_picture import Picture, address, boxed, jpeg
from goodpart_bank_builder.report.text import printable

_LIMIT_BYTES = 8 << 20
_QUALITY = 80


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmallJpeg:
    """A picture: base64 of a JPEG file, and its size."""

    jpeg: str
    width_px: int
    height_px: int

    @property
    def picture(self) -> Picture:
        """The picture for a page.

        Raises:
            ValueError: the text is no base64.
        """
        data = base64.b64decode(self.jpeg, validate=True)
        return Picture(address=address("jpeg", data), width_px=self.width_px, height_px=self.height_px)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PaintedDefect:
    """One painted defect.

    Attributes:
        kind: such as "scratch".
        close_up: the place, before and after.
    """

    kind: str
    close_up: SmallJpeg


@dataclasses.dataclass(frozen=True, kw_only=True)
class PaintedImage:
    """A good image with painted defects.

    Attributes:
        image: its name below the folder of good images.
        picture: all of it, with a box around each defect.
        defects: in the order in which they were painted.
    """

    image: str
    picture: SmallJpeg
    defects: tuple[PaintedDefect, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Painted:
    """What the head of one bundle was taught.

    Attributes:
        bundle_digest: of the bundle.
        alpha: how much the head counts beside the distance, in standard deviations.
        without_head, with_head: AUROC of painted defects of held-out parts against their good images, 0 to 1; None
            where no held-out image shows paint.
        images: a sample of the painted images.
    """

    bundle_digest: str
    alpha: float
    without_head: float | None
    with_head: float | None
    images: tuple[PaintedImage, ...]


def painted_file(bundle: Path) -> Path:
    """Where the pictures of a bundle lie: beside it, as its findings do."""
    # resolved, because "." has no name
    folder = bundle.resolve()
    return folder.with_name(f"{folder.name}.painted.json")


def write_painted(bundle: Path, learned: Learned, *, digest: str, good_dir: Path) -> Path | None:
    """Writes the pictures beside a new bundle, or removes those of an older bundle of this name.

    Args:
        bundle: the folder of the bundle.
        learned: what it was built from.
        digest: of the bundle.
        good_dir: what names are relative to.

    Returns:
        the file; None if the bundle has no head.

    Raises:
        UsageError: the file cannot be written.
    """
    file, taught = painted_file(bundle), learned.taught
    if taught is None:
        # those of an older bundle of this name; no report would show them
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
        return None
    without, with_head = (None, None) if taught.painted_auroc is None else taught.painted_auroc
    painted = Painted(
        bundle_digest=digest,
        alpha=taught.spec.alpha,
        without_head=without,
        with_head=with_head,
        images=tuple(_painted_image(page, good_dir) for page in learned.painted),
    )
    write_file(file, strict_json.encode(painted))
    return file


def read_painted(bundle: Bundle) -> Painted | None:
    """The pictures beside a bundle; None if there are none, or none that belong to it."""
    file = painted_file(bundle.folder)
    try:
        if bundle.manifest.head is None or file.stat().st_size > _LIMIT_BYTES:
            return None
        painted = strict_json.decode(Painted, file.read_bytes(), where=str(file))
        # a page takes nothing that is no picture
        for image in painted.images:
            _ = [image.picture.picture, *(defect.close_up.picture for defect in image.defects)]
    except (OSError, GoodpartError, ValueError):
        return None
    return painted if painted.bundle_digest == bundle.digest else None


def _painted_image(page: Page, good_dir: Path) -> PaintedImage:
    picture = page.picture
    for mark in page.marks:
        picture = boxed(picture, mark.box)
    return PaintedImage(
        image=printable(page.path.relative_to(good_dir).as_posix()),
        picture=_small(picture),
        defects=tuple(PaintedDefect(kind=mark.kind.value, close_up=_small(mark.close_up)) for mark in page.marks),
    )


def _small(pixels: Pixels) -> SmallJpeg:
    data = jpeg(np.ascontiguousarray(pixels), _QUALITY)
    return SmallJpeg(jpeg=base64.b64encode(data).decode("ascii"), width_px=pixels.shape[1], height_px=pixels.shape[0])
