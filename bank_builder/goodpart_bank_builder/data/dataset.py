"""What lies on disk: folders of good images, and MVTec-style categories to evaluate on."""

import dataclasses
import hashlib
from pathlib import Path

from goodpart.errors import UsageError, found_at
from goodpart.frames.images import find_images

GOOD = "good"
"""The folder name of good images."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TestImage:
    """One image of a category's test set.

    Attributes:
        path: the image.
        kind: its folder's name: "good", or what is wrong with the part.
        mask: the picture of the defect, or None where there is none.
    """

    __test__ = False  # not a test class, whatever pytest may think of the name

    path: Path
    kind: str
    mask: Path | None

    @property
    def is_defective(self) -> bool:
        """Whether the part is defective."""
        return self.kind != GOOD


@dataclasses.dataclass(frozen=True, kw_only=True)
class Category:
    """One product: `test/<kind>/*` and `ground_truth/<kind>/<stem>_mask.png`."""

    name: str
    images: tuple[TestImage, ...]


def refuse_category(folder: Path) -> None:
    """Refuses a whole category where a folder of good images is meant: its defects would be learned as good.

    Raises:
        UsageError: the folder holds `test/` or `ground_truth/`.
    """
    for name in ("test", "ground_truth"):
        if (folder / name).is_dir():
            raise UsageError(
                f"{folder}: expected a folder of good images alone, found {name}/ in it; give {folder / 'train' / GOOD}"
            )


def dataset_digest(contents: dict[Path, str], folder: Path) -> str:
    """sha256 over the relative names and the contents' sha256 of images, in the order given.

    Args:
        contents: the sha256 of every file.
        folder: what the names are relative to.
    """
    whole = hashlib.sha256()
    for path, content in contents.items():
        whole.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def read_categories(folder: Path) -> list[Category]:
    """The category that a folder is, or all that it holds, sorted by name.

    Raises:
        UsageError: it is neither, or a test set without images.
    """
    if (found := found_at(folder)) != "a folder":
        raise UsageError(f"{folder}: expected a category or a folder of categories, found {found}")
    folders = (
        [folder]
        if (folder / "test").is_dir()
        else sorted(path for path in folder.iterdir() if (path / "test").is_dir())
    )
    if not folders:
        raise UsageError(f"{folder}: expected test/<kind>/ folders in it, or categories that have them, found neither")
    return [_read_category(path) for path in folders]


def _read_category(folder: Path) -> Category:
    kinds = sorted(path for path in (folder / "test").iterdir() if path.is_dir() and not path.name.startswith("."))
    images = [
        TestImage(path=path, kind=kind.name, mask=_mask(folder, path)) for kind in kinds for path in find_images(kind)
    ]
    if not images:
        raise UsageError(f"{folder / 'test'}: expected folders of images, such as good/ and scratch/, found none")
    return Category(name=folder.resolve().name, images=tuple(images))


def _mask(category: Path, image: Path) -> Path | None:
    """A defect's mask: `<stem>_mask.png` as in MVTec AD, or the same name as in other sets, where its image lies."""
    folder = category / "ground_truth" / image.parent.relative_to(category / "test")
    candidates = (folder / f"{image.stem}_mask.png", folder / f"{image.stem}.png", folder / f"{image.stem}.bmp")
    return next((path for path in candidates if path.is_file()), None)
