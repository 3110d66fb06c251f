"""Folders: which names say that a folder holds good parts, and which that it holds others."""

import re
from pathlib import Path, PurePosixPath

from goodpart.errors import UsageError
from goodpart.frames.listing import Listing

_GOOD = re.compile(r"ok|good([ _.-].*)?", re.IGNORECASE)
_BAD = re.compile(
    r"ng|bad|ko|nok|not?[ _-]?ok|(defect|reject|anomal)(?!.?free|less).*|scraps?"
    # German, French, Spanish, Italian
    r"|defekte?|fehler|schlecht|ausschu(ss|\u00df)|nio|d[e\u00e9]fauts?|rebuts?|defectos?|malos?|difett[oi]|scart[oi]",
    re.IGNORECASE,
)
_MASK = re.compile(r"_mask", re.IGNORECASE)


def is_good_name(name: str) -> bool:
    """Whether a folder of this name holds good parts: `good`, `ok`, `good_*`, in capitals or not."""
    return _GOOD.fullmatch(name) is not None


def refuse_classes(listing: Listing) -> None:
    """Refuses a folder of good images that is sorted into classes, or has masks beside its images.

    Args:
        listing: the images of a build.

    Raises:
        UsageError: a folder in it is named like bad parts; or one like good parts, and other images lie beside it; or
            some images, but not all, are named like masks.
    """
    images = [PurePosixPath(path.relative_to(listing.folder).as_posix()) for path in listing.images]
    folders = sorted({parent for image in images for parent in image.parents if parent.name})
    good = [folder for folder in folders if is_good_name(folder.name)]
    bad = [folder for folder in folders if _BAD.fullmatch(folder.name)]
    beside = [
        str(image)
        for folder in good
        for image in images
        if folder.parent in image.parents and folder not in image.parents and not _in_any(image, good)
    ]
    if bad or beside:
        found = f"the folder {bad[0]}/" if bad else f"{beside[0]} beside the folder {good[0]}/"
        way_out = f"give {listing.folder / good[0]}" if good else "move the bad parts out of it"
        raise UsageError(f"{listing.folder}: expected images of good parts alone, found {found}; {way_out}")
    masks = [image for image in images if _MASK.search(image.stem)]
    if masks and len(masks) < len(images):
        raise UsageError(
            f"{listing.folder}: expected images of good parts alone, found {len(masks)} named like masks, such as "
            f"{masks[0]}; move them out of it"
        )


def _in_any(image: PurePosixPath, folders: list[PurePosixPath]) -> bool:
    return any(folder in image.parents for folder in folders)


def kind_folders(test: Path) -> list[Path]:
    """The folders of a test set, one for each kind of part, sorted by name."""
    return sorted(path for path in test.iterdir() if path.is_dir() and not path.name.startswith("."))
