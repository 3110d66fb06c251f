"""A folder of bad parts, for a first try: images in it or in sub-folders, one for each kind of defect."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from goodpart.errors import UsageError
from goodpart.frames.listing import list_folder, refuse_none
from goodpart_bank_builder.data.dataset import GOOD, Category, TestImage
from goodpart_bank_builder.data.folders import is_good_name
from goodpart_bank_builder.data.parts import group_parts

_LOOSE = "bad"
_MASK = "_mask"


def read_bad_folder(folder: Path, *, name: str, group: str | None = None, group_gap: int = 0) -> Category:
    """Reads images of bad parts.

    The kind of an image is the first sub-folder on its way, or the folder's own name for images directly in it. A
    sub-folder named like good parts holds good parts, as in the `test/` of MVTec AD. A mask lies beside its image as
    `<stem>_mask.<suffix>`, or in `ground_truth/` beside the folder, as in MVTec AD.

    Args:
        folder: the bad parts.
        name: the product.
        group, group_gap: which images show one part, as in `read_categories`. Where they do not fit the names, every
            image shows a part of its own, and a note says so.

    Raises:
        UsageError: no images.
    """
    listing = list_folder(folder)
    refuse_none(listing)
    masks = {path for path in listing.images if path.stem.endswith(_MASK)}
    paths = [path for path in listing.images if path not in masks]
    if not paths:
        raise UsageError(f"{folder}: expected images of bad parts, found masks alone (*{_MASK})")
    notes = [f"not evaluated in {folder.name}/: {phrase}" for phrase in listing.passed_over()]
    try:
        parts = group_parts(paths, folder, pattern=group, gap=group_gap)
    except UsageError as error:
        # the names of good parts have been checked by then, and those of bad parts need not follow them
        parts = group_parts(paths, folder, pattern=None)
        notes.append(f"every image in {folder.name}/ counts as a part of its own: {error}")
    images = [_test_image(path, folder, parts[path], masks) for path in paths]
    used = {image.mask for image in images}
    unused = sorted(path.name for path in masks - used)
    if unused:
        notes.append(f"masks that belong to no image: {len(unused)}, such as {unused[0]}")
    return Category(name=name, images=tuple(images), notes=tuple(notes))


def _test_image(path: Path, folder: Path, part: str, masks: set[Path]) -> TestImage:
    inside = path.relative_to(folder).parts
    kind = inside[0] if len(inside) > 1 else folder.name
    if is_good_name(kind):
        # BAD itself may be called so: its user says that it holds bad parts
        kind = GOOD if len(inside) > 1 else _LOOSE
    return TestImage(path=path, part=f"{kind}/{part}", kind=kind, mask=_mask_of(path, folder, masks))


def _mask_of(path: Path, folder: Path, masks: set[Path]) -> Path | None:
    beside = next((mask for mask in masks if mask.parent == path.parent and mask.stem == path.stem + _MASK), None)
    if beside is not None:
        return beside
    below = path.relative_to(folder).parent
    for truth in (folder.parent / "ground_truth" / below, folder.parent.parent / "ground_truth" / folder.name / below):
        for file in (truth / f"{path.stem}{_MASK}.png", truth / f"{path.stem}.png", truth / f"{path.stem}.bmp"):
            if file.is_file():
                return file
    return None


def refuse_overlap(good_dir: Path, good: Iterable[Path], bad_dir: Path, bad: Sequence[Path]) -> None:
    """Refuses bad images that are learned as good ones, whatever they are called.

    Args:
        good_dir, bad_dir: the folders, for messages.
        good, bad: the images in them.

    Raises:
        UsageError: one folder lies in the other, or an image lies in both.
    """
    one, other = good_dir.resolve(), bad_dir.resolve()
    if one == other or one in other.parents or other in one.parents:
        raise UsageError(
            f"{bad_dir}: expected a folder of bad parts beside {good_dir}, found one inside the other; part them"
        )
    # most files differ in size already
    sizes = {path.stat().st_size for path in bad}
    known = {_digest(path) for path in good if path.stat().st_size in sizes}
    both = [path for path in bad if known and _digest(path) in known]
    if both:
        raise UsageError(
            f"{bad_dir}: expected other images than in {good_dir}, found {len(both)} that lie in both, such as "
            f"{both[0].name}; remove them from one"
        )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
