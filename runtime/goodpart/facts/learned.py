"""What a bundle learned, image by image, and what looked odd about it: facts of format 2."""

import dataclasses
import datetime
import itertools
import re

from goodpart.errors import UsageError
from goodpart.facts.spec import SHA256

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that would break a line, command a terminal or turn the reading direction."""

_NAME_LIMIT = 4096
_LARGEST_PX = 1 << 20
_LISTED = 20


def check_image_name(name: str) -> None:
    """Refuses what cannot be an image's name below a folder.

    Raises:
        UsageError: empty, too long, absolute, with empty, `.` or `..` parts, or with characters that cannot be shown.
    """
    if not name or len(name) > _NAME_LIMIT or _UNSAFE.search(name) or {"", ".", ".."} & set(name.split("/")):
        raise UsageError(
            f"name: expected a relative name of 1 to {_NAME_LIMIT} printable characters, found {name[:200]!r}"
        )


def check_batch_name(name: str) -> None:
    """Refuses what cannot be the name of a batch: images of later batches are called by it and their own name.

    Raises:
        UsageError: empty, over 128 characters, with a slash or backslash, `.` or `..`, or not printable.
    """
    if not name or len(name) > 128 or not name.isprintable() or set("/\\") & set(name) or name in (".", ".."):
        raise UsageError(
            f"batch: expected a name of 1 to 128 printable characters without slashes, found {name[:200]!r}"
        )


def first_day(date: str) -> str:
    """The first day that a date covers, as `YYYY-MM-DD`: a month begins with its first.

    Raises:
        UsageError: neither `YYYY-MM` nor `YYYY-MM-DD`, or no day of the calendar.
    """
    day = f"{date}-01" if re.fullmatch(r"[0-9]{4}-[0-9]{2}", date) else date
    try:
        # which also reads other forms
        known = datetime.date.fromisoformat(day).isoformat() == day
    except ValueError:
        known = False
    if not known:
        raise UsageError(f"expected a month or a day, YYYY-MM or YYYY-MM-DD, found {date[:80]!r}")
    return day


def is_before(taken: str | None, since: str | None) -> bool:
    """Whether a batch is too old to calibrate.

    Args:
        taken: when the first of its images was taken, None if nobody has said so.
        since: from when on batches calibrate, None for all.
    """
    return taken is not None and since is not None and first_day(taken) < first_day(since)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchFacts:
    """Good images that came together.

    Attributes:
        name: of the batch.
        digest: sha256 over the names and contents of its images.
        images: how many of them were learned.
        calibrates: whether they were picked at random, so that their scores could set the threshold.
        taken: when the first of them was taken, `YYYY-MM` or `YYYY-MM-DD`; None if the recipe does not say.
    """

    name: str
    digest: str
    images: int
    calibrates: bool
    taken: str | None = dataclasses.field(default=None, metadata={"optional": True})

    def __post_init__(self) -> None:
        check_batch_name(self.name)
        if self.taken is not None:
            first_day(self.taken)
        if not SHA256.fullmatch(self.digest) or self.images < 0:
            raise UsageError(
                f"batch {self.name}: expected a sha256 and 0 or more images, found {self.digest[:80]!r}, {self.images}"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ListedImage:
    """An image, by its name below the folder of good images and the sha256 of the file."""

    name: str
    sha256: str

    def __post_init__(self) -> None:
        check_image_name(self.name)
        if not SHA256.fullmatch(self.sha256):
            raise UsageError(f"sha256: expected 64 lower-case hex digits, found {self.sha256[:80]!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearnedImage(ListedImage):
    """An image that was learned.

    Attributes:
        name: below the folder of good images; `/` between folders.
        sha256: of the file.
        part: which part it shows; images of one part have the same text.
        height_px, width_px: size of the frame that it gave.
        batch: name of the batch that it came with; None if the bundle names no batches.
    """

    part: str
    height_px: int
    width_px: int
    batch: str | None = dataclasses.field(default=None, metadata={"optional": True})

    def __post_init__(self) -> None:
        ListedImage.__post_init__(self)
        if not self.part or len(self.part) > _NAME_LIMIT or _UNSAFE.search(self.part):
            raise UsageError(f"part: expected 1 to {_NAME_LIMIT} printable characters, found {self.part[:200]!r}")
        if not (1 <= self.height_px <= _LARGEST_PX and 1 <= self.width_px <= _LARGEST_PX):
            raise UsageError(f"size: expected 1 to {_LARGEST_PX} pixels, found {self.height_px}x{self.width_px} (HxW)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageList:
    """The images of a bundle.

    Attributes:
        images: those that were learned, by ascending name.
        excluded: those that were left out on demand, by ascending name.
    """

    images: tuple[LearnedImage, ...]
    excluded: tuple[ListedImage, ...]

    def __post_init__(self) -> None:
        if not self.images:
            raise UsageError("images: expected at least one, found none")
        for what, names in (
            ("images", [image.name for image in self.images]),
            ("excluded", [image.name for image in self.excluded]),
            ("sha256", sorted(image.sha256 for image in self.images)),
        ):
            if any(one >= other for one, other in itertools.pairwise(names)):
                raise UsageError(f"{what}: expected ascending order and nothing twice, found otherwise")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AtlasSpec:
    """How small pictures of the learned images lie in the atlas: cells row by row, sheet by sheet.

    Attributes:
        cell_px: side of a square cell, a multiple of 16 from 16 to 512, so that JPEG blocks of two cells never mix.
        rows, columns: cells of a full sheet, 1 to 16 each.
    """

    cell_px: int
    rows: int
    columns: int

    def __post_init__(self) -> None:
        if self.cell_px not in range(16, 513, 16) or not (1 <= self.rows <= 16 and 1 <= self.columns <= 16):
            raise UsageError(f"atlas: expected cells of 16 to 512 pixels, 1 to 16 rows and columns, found {self}")

    def thumbnail_px(self, height_px: int, width_px: int) -> tuple[int, int]:
        """Height and width of the small picture of an area: its longer side fills the cell; nothing is enlarged."""
        longest = max(height_px, width_px, self.cell_px)
        height, width = ((2 * side * self.cell_px + longest) // (2 * longest) for side in (height_px, width_px))
        return max(1, height), max(1, width)

    def sheets(self, pictures: int) -> int:
        """How many sheets hold so many pictures."""
        return -(-pictures // (self.rows * self.columns))

    def sheet_px(self, sheet: int, pictures: int) -> tuple[int, int]:
        """Height and width of a sheet; the last one has no empty rows."""
        cells = min(pictures - sheet * self.rows * self.columns, self.rows * self.columns)
        return -(-cells // self.columns) * self.cell_px, self.columns * self.cell_px

    def cell_of(self, number: int) -> tuple[int, int, int]:
        """Sheet, and upper and left edge in pixels, of the picture of this number."""
        sheet, cell = divmod(number, self.rows * self.columns)
        return sheet, cell // self.columns * self.cell_px, cell % self.columns * self.cell_px


@dataclasses.dataclass(frozen=True, kw_only=True)
class OddImage:
    """A good image that wants a look.

    Attributes:
        name: below the folder of good images.
        score: held-out image score, in sigmas; None if it was not scored.
        findings: what about it is odd, such as `outlier` or `blur`.
    """

    name: str
    score: float | None
    findings: tuple[str, ...]

    def __post_init__(self) -> None:
        check_image_name(self.name)
        if not all(re.fullmatch("[a-z-]{1,32}", word) for word in self.findings):
            raise UsageError(f"findings: expected words of lower-case letters, found {self.findings[:4]}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ThresholdWarning:
    """A few images carry the threshold alone.

    Attributes:
        images: their names, one to three.
        threshold: image score, in sigmas.
        threshold_without: what it would be without them.
    """

    images: tuple[str, ...]
    threshold: float
    threshold_without: float

    def __post_init__(self) -> None:
        if not 1 <= len(self.images) <= 3:
            raise UsageError(f"warning: expected one to three images, found {len(self.images)}")
        for name in self.images:
            check_image_name(name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Examination:
    """What the doctor found among the good images, in short.

    Attributes:
        look_at: how many images want a look.
        images: at most 20 of these.
        warning: that a few images carry the threshold alone, or None.
    """

    look_at: int
    images: tuple[OddImage, ...]
    warning: ThresholdWarning | None = dataclasses.field(default=None, metadata={"optional": True})

    def __post_init__(self) -> None:
        if not len(self.images) <= min(self.look_at, _LISTED):
            raise UsageError(
                f"examination: expected at most {min(self.look_at, _LISTED)} images of {self.look_at}, "
                f"found {len(self.images)}"
            )
