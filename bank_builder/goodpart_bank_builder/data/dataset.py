"""Data sets on disk: folders of good images, and MVTec-style categories for evaluation."""

import dataclasses
import hashlib
from pathlib import Path

from goodpart.errors import UsageError, found_at
from goodpart.frames.listing import find_images, is_image, list_folder
from goodpart_bank_builder.data.folders import is_good_name, kind_folders
from goodpart_bank_builder.data.parts import group_parts

GOOD = "good"
"""The kind of good images, whatever their folder is called."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TestImage:
    """One image of a category's test set.

    Attributes:
        path: the image.
        part: the part that the image shows, such as `good/003.png`; several images of one kind may show one part.
        kind: "good" for all folders of good parts (`good`, `ok`, `good_*`, in capitals or not), else the name of the
            folder: the kind of defect.
        mask: the picture that marks the defect, or None without one.
    """

    __test__ = False  # the name looks like a test class to pytest

    path: Path
    part: str
    kind: str
    mask: Path | None

    @property
    def is_defective(self) -> bool:
        """Whether the part is defective."""
        return self.kind != GOOD


@dataclasses.dataclass(frozen=True, kw_only=True)
class Category:
    """One product: `test/<kind>/*` and `ground_truth/<kind>/<stem>_mask.png`.

    Attributes:
        name: the product.
        images: all that are evaluated.
        notes: what lies in the folder and is not evaluated.
    """

    name: str
    images: tuple[TestImage, ...]
    notes: tuple[str, ...] = ()


def refuse_category(folder: Path) -> None:
    """Refuses a whole category in place of a folder of good images: its defects would be learned as good.

    Raises:
        UsageError: the folder holds `test/` or `ground_truth/`.
    """
    for name in ("test", "ground_truth"):
        if (folder / name).is_dir():
            raise UsageError(
                f"{folder}: expected a folder of good images alone, found {name}/ in it; give {folder / 'train' / GOOD}"
            )


def dataset_digest(contents: dict[str, str]) -> str:
    """sha256 over the relative names of images and the sha256 of their contents, in the given order.

    Args:
        contents: the sha256 of every file, by relative name.
    """
    whole = hashlib.sha256()
    for name, content in contents.items():
        whole.update(f"{name}\0{content}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def read_categories(folder: Path, *, group: str | None = None, group_gap: int = 0) -> list[Category]:
    """Reads a category, or all categories in a folder, sorted by name.

    Args:
        folder: holds `test/<kind>/*`, or holds such folders.
        group: regular expression that finds the part in an image's name below `test/<kind>/`, as in a build; None for
            one part per image. Images of two kinds never show one part, because most data sets number the images of
            every kind from 0.
        group_gap: largest difference between the running numbers of one part; 0 if the last group is no such number.

    Raises:
        UsageError: the folder is neither, a test set has no images, or `group` matches no name.
    """
    if group_gap < 0:
        raise UsageError(f"--group-gap: expected 0 or more, found {group_gap}")
    if (found := found_at(folder)) != "a folder":
        raise UsageError(f"{folder}: expected a category or a folder of categories, found {found}")
    folders = (
        [folder]
        if (folder / "test").is_dir()
        else sorted(path for path in folder.iterdir() if (path / "test").is_dir())
    )
    if not folders:
        raise UsageError(f"{folder}: expected test/<kind>/ folders in it, or categories that have them, found neither")
    return [_read_category(path, group, group_gap) for path in folders]


def _read_category(folder: Path, group: str | None, group_gap: int) -> Category:
    kinds = kind_folders(folder / "test")
    images = [
        TestImage(
            path=path,
            part=f"{kind.name}/{part}",
            kind=GOOD if is_good_name(kind.name) else kind.name,
            mask=_mask(folder, path),
        )
        for kind in kinds
        for path, part in _parts(kind, group, group_gap).items()
    ]
    loose = sorted(path.name for path in (folder / "test").iterdir() if path.is_file() and is_image(path))
    if not images:
        directly = f", and {len(loose)} images directly in it; move them into such folders" if loose else ""
        raise UsageError(
            f"{folder / 'test'}: expected folders of images, such as good/ and scratch/, found none{directly}"
        )
    notes = [f"not evaluated in {kind.name}/: {phrase}" for kind in kinds for phrase in list_folder(kind).passed_over()]
    if loose:
        notes.append(
            f"not evaluated: {len(loose)} images directly in test/, such as {loose[0]}; move them into good/ or the "
            "folder of their defect"
        )
    return Category(name=folder.resolve().name, images=tuple(images), notes=(*notes, *_unused_masks(folder, images)))


def _unused_masks(folder: Path, images: list[TestImage]) -> list[str]:
    truth = folder / "ground_truth"
    if not truth.is_dir():
        return []
    used = {image.mask for image in images}
    unused = [path.relative_to(truth).as_posix() for path in list_folder(truth).images if path not in used]
    if not unused:
        return []
    return [f"masks that belong to no image: {len(unused)}, such as {unused[0]}"]


def _parts(kind: Path, group: str | None, group_gap: int) -> dict[Path, str]:
    """The part of every image of a kind, in the order of the images."""
    paths = find_images(kind)
    parts = group_parts(paths, kind, pattern=group, gap=group_gap)
    return {path: parts[path] for path in paths}


def _mask(category: Path, image: Path) -> Path | None:
    """The mask of an image: `<stem>_mask.png` as in MVTec AD, or the image's own name as in other data sets."""
    folder = category / "ground_truth" / image.parent.relative_to(category / "test")
    candidates = (folder / f"{image.stem}_mask.png", folder / f"{image.stem}.png", folder / f"{image.stem}.bmp")
    return next((path for path in candidates if path.is_file()), None)
