"""Batches: the good images of a product, in the order in which they came."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from goodpart.errors import UsageError
from goodpart.facts.learned import check_batch_name, first_day
from goodpart.frames.listing import Listing, is_image, list_folder, refuse_none

START = "start"
"""The name of the batch of a build from a folder."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batch:
    """Good images that came together.

    Attributes:
        name: of the batch. Images of every batch but the first are called by it and their own name.
        images: a folder, searched recursively, or a text file with one image per line, relative to the file.
        calibrates: whether the images were picked at random, so that their scores may set the threshold.
        digest: sha256 over names and contents of the images, as the first build found them; None before.
        taken: when the first of the images was taken, `YYYY-MM` or `YYYY-MM-DD`; None if nobody has said so.
    """

    name: str
    images: Path
    calibrates: bool = True
    digest: str | None = None
    taken: str | None = None

    def __post_init__(self) -> None:
        check_batch_name(self.name)
        if self.taken is not None:
            first_day(self.taken)

    @property
    def folder(self) -> Path:
        """What the names of its images are relative to."""
        return self.images.parent if is_list(self.images) else self.images


def is_list(images: Path) -> bool:
    """Whether a path of images is a list file rather than a folder."""
    return not images.is_dir() and images.suffix.lower() in (".txt", ".lst", ".list")


def list_batch(batch: Batch) -> Listing:
    """The images of a batch.

    Raises:
        UsageError: no such folder or list, no image, or a line of the list that names no image.
    """
    if not is_list(batch.images):
        listing = list_folder(batch.images)
        refuse_none(listing)
        return listing
    found: dict[Path, None] = {}
    for number, line in enumerate(_lines(batch.images), start=1):
        name = line.strip()
        if not name or name.startswith("#"):
            continue
        path = batch.folder / name
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or not is_image(path):
            raise UsageError(f"{batch.images}:{number}: expected the relative name of an image, found {name!r}")
        if not path.is_file():
            raise UsageError(f"{batch.images}:{number}: expected an image, found none at {path}")
        found[path] = None
    images = tuple(sorted(found, key=lambda path: path.relative_to(batch.folder).as_posix()))
    listing = Listing(folder=batch.folder, images=images, pictures=(), hidden=(), overlays=(), others=())
    if not images:
        raise UsageError(f"{batch.images}: expected the names of images, found none")
    return listing


def contents_of(listing: Listing, known: Mapping[Path, str] | None = None) -> dict[str, str]:
    """The sha256 of every image of a batch, by its name within the batch, in sorted order.

    Args:
        listing: of the batch.
        known: sha256 of images that were read already.

    Raises:
        UsageError: an image cannot be read.
    """
    found = {}
    for path in listing.images:
        try:
            digest = (known or {}).get(path) or hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise UsageError(f"{path}: expected a readable file, found none ({error.strerror})") from error
        found[path.relative_to(listing.folder).as_posix()] = digest
    return dict(sorted(found.items()))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError as error:
        raise UsageError(f"{path}: expected a list of images, found none ({error.strerror})") from error
