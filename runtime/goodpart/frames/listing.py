"""Listing: what lies in a folder of images, told apart, so that no file is passed over in silence."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from goodpart.errors import UsageError, found_at
from goodpart.frames.containers import HEAD_BYTES, kind_of

OWN_SUFFIXES = frozenset({".npy", ".pgm", ".ppm"})
OVERLAY_SUFFIX = ".overlay.png"
"""The ending of an overlay's name. Overlays are left out, so that they may lie beside their frames."""

OPENCV_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".dib", ".webp", ".jp2"}
)
SUFFIXES = OWN_SUFFIXES | OPENCV_SUFFIXES

_OTHER_PICTURES = frozenset({
    ".apng", ".arw", ".avif", ".cr2", ".cr3", ".dng", ".emf", ".eps", ".exr", ".gif", ".hdr", ".heic", ".heif", ".ico",
    ".j2c", ".j2k", ".jpc", ".jpf", ".jpx", ".jxl", ".mpo", ".nef", ".orf", ".pam", ".pbm", ".pcx", ".pfm", ".pnm",
    ".psd", ".raf", ".rw2", ".svg", ".tga", ".wmf",
})  # fmt: skip
_NAMED = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """The files below a folder, by what becomes of them; each list is sorted by relative path.

    Attributes:
        folder: where they lie.
        images: what `read_image` takes, by suffix.
        pictures: pictures that it does not take, by suffix or first bytes, hidden ones among them.
        hidden: other files and folders whose names begin with a dot.
        overlays: overlays of `goodpart score --maps`.
        others: no pictures.
    """

    folder: Path
    images: tuple[Path, ...]
    pictures: tuple[Path, ...]
    hidden: tuple[Path, ...]
    overlays: tuple[Path, ...]
    others: tuple[Path, ...]

    def passed_over(self) -> list[str]:
        """A phrase for every kind of file that is not read: how many there are, and the first names."""
        kinds = {
            "pictures that cannot be read": self.pictures,
            "hidden files": self.hidden,
            f"overlays (*{OVERLAY_SUFFIX})": self.overlays,
            "other files": self.others,
        }
        return [f"{kind}: {len(paths)}, such as {self._names(paths)}" for kind, paths in kinds.items() if paths]

    def _names(self, paths: tuple[Path, ...]) -> str:
        return ", ".join(path.relative_to(self.folder).as_posix() for path in paths[:_NAMED])


def list_folder(folder: Path) -> Listing:
    """What lies below a folder; hidden folders are not looked into.

    Linked folders are followed, each of them once: a link to a folder above ends.

    Args:
        folder: where to look.

    Raises:
        UsageError: no such folder, or a folder in it that cannot be read.
    """
    if (place := found_at(folder)) != "a folder":
        raise UsageError(f"{folder}: expected a folder of images, found {place}")
    found: dict[str, list[Path]] = {"images": [], "pictures": [], "hidden": [], "overlays": [], "others": []}
    for path, is_folder in _walked(folder):
        found["hidden" if is_folder else _class_of(path)].append(path)
    lists = {
        name: tuple(sorted(paths, key=lambda path: path.relative_to(folder).as_posix()))
        for name, paths in found.items()
    }
    return Listing(folder=folder, **lists)


def find_images(folder: Path) -> list[Path]:
    """All image files below a folder, sorted by relative path, without hidden files and folders.

    Raises:
        UsageError: as `list_folder`, or no image is there.
    """
    listing = list_folder(folder)
    refuse_none(listing)
    return list(listing.images)


def is_image(path: Path) -> bool:
    """Whether `read_image` takes a file of this name, and it is neither hidden nor an overlay."""
    if path.name.startswith(".") or path.name.endswith(OVERLAY_SUFFIX):
        return False
    return path.suffix.lower() in SUFFIXES


def unread_picture(path: Path) -> str:
    """Why a picture of `Listing.pictures` is not read, and what to do, as one line."""
    if path.name.startswith("."):
        return f"{path}: expected a name that does not begin with a dot, found a hidden picture; rename or remove it"
    kind = _kind_at(path) or f"suffix {path.suffix!r}"
    return f"{path}: expected a file name that ends in one of {', '.join(sorted(SUFFIXES))}, found {kind}; convert it"


def refuse_none(listing: Listing) -> None:
    """Refuses a folder without images.

    Raises:
        UsageError: there are none; says what is there instead.
    """
    if not listing.images:
        instead = "; ".join(listing.passed_over())
        raise UsageError(
            f"{listing.folder}: expected images ({', '.join(sorted(SUFFIXES))}), found none"
            f"{f'; {instead}' if instead else ''}"
        )


def _walked(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Every file, and every hidden folder, with whether it is a folder."""

    def refuse(error: OSError) -> None:
        raise UsageError(f"{error.filename}: expected a readable folder, found none ({error.strerror})") from error

    visited: set[str] = set()
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        real = os.path.realpath(parent)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        yield from ((Path(parent, name), True) for name in folders if name.startswith("."))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from ((Path(parent, name), False) for name in files)


def _class_of(path: Path) -> str:
    suffix, hidden = path.suffix.lower(), path.name.startswith(".")
    if path.name.endswith(OVERLAY_SUFFIX) and not hidden:
        return "overlays"
    if is_image(path):
        return "images"
    # macOS lays a file such as ._1.jpg beside every picture, which is none
    if (suffix in _OTHER_PICTURES and not hidden) or _kind_at(path) is not None:
        return "pictures"
    return "hidden" if hidden else "others"


def _kind_at(path: Path) -> str | None:
    """What picture a file is by its first bytes; a file that cannot be read counts as none."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return kind_of(file.read(HEAD_BYTES))
    except OSError:
        return None
