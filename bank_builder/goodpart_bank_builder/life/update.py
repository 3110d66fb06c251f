"""Update: appends good images to a recipe as a batch, and builds."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from goodpart._host.atomic import write_file
from goodpart.errors import UsageError, found_at
from goodpart_bank_builder.data.labelled_export import LABELS
from goodpart_bank_builder.life.labels import sort_labelled
from goodpart_bank_builder.life.rebuild import Edit, Rebuilt, build_recipe
from goodpart_bank_builder.recipe.recipe import read_recipe
from goodpart_bank_builder.recipe.stored import with_batch


@dataclasses.dataclass(frozen=True, kw_only=True)
class Appended:
    """A batch that is appended.

    Attributes:
        name: of the batch.
        images: folder or list of its images.
        calibrates: whether they were picked at random.
        taken: when the first of them was taken, as `Batch.taken`.
    """

    name: str
    images: Path
    calibrates: bool
    taken: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Update:
    """What an update appends.

    Attributes:
        batches: in order.
        edit: of the recipe.
        lists: list files that it will name, with their content.
        warning: why random frames count as selected, or that the labels are of another product, or None.
    """

    batches: tuple[Appended, ...]
    edit: Edit
    lists: dict[Path, str]
    warning: str | None


def plan_update(file: Path, good: Path, *, selected: bool, name: str | None = None, taken: str | None = None) -> Update:
    """What appending a folder of good images to a recipe means; nothing is written.

    Args:
        file: the recipe.
        good: folder of good images. If it holds `labels.jsonl`, only frames that were labelled good are taken, and
            these labels say which of them were picked at random.
        selected: whether all of them were selected, and so set no threshold.
        name: of the batch; None for the name of the folder.
        taken: when the first of the images was taken; None for the day of the earliest label, if there are labels.

    Raises:
        UsageError: recipe, folder or labels cannot be used, or the name is taken.
    """
    recipe = read_recipe(file)
    if not good.is_dir():
        raise UsageError(f"{good}: expected a folder of good images, found {found_at(good)}")
    known = {batch.name for batch in recipe.settings.all_batches}
    called = _free(good.resolve().name, known) if name is None else name
    if called in known:
        raise UsageError(f"--name: expected a name of its own for the batch, found {called!r} in {file}; give another")
    lists: dict[Path, str] = {}
    warning = None
    batches = [Appended(name=called, images=good, calibrates=not selected, taken=taken)]
    if (good / LABELS).is_file():
        found = sort_labelled(good)
        warning = found.warning
        if found.product not in (None, recipe.settings.name):
            other = f"{good / LABELS}: expected frames of {recipe.settings.name!r}, found those of {found.product!r}"
            warning = f"{other}: look whether both are one product" + (f"; {warning}" if warning else "")
        random, near = ((), (*found.random, *found.selected)) if selected else (found.random, found.selected)
        batches = []
        for kind, names, calibrates in (("random", random, True), ("selected", near, False)):
            if names:
                images = good / f"goodpart-{kind}.txt"
                lists[images] = "".join(f"{each}\n" for each in names)
                day = found.taken if calibrates and taken is None else taken
                batches.append(Appended(name=f"{called} {kind}", images=images, calibrates=calibrates, taken=day))
        if not batches:
            raise UsageError(f"{good / LABELS}: expected frames that were labelled good, found none")
    if recipe.settings.calibrates_since and any(batch.calibrates and batch.taken is None for batch in batches):
        asks = recipe.places.of("calibration", "calibrates_since")
        raise UsageError(
            f"--taken: expected the month of the oldest image, because {asks} asks when each batch was taken, found "
            f"none; give it"
        )
    text = recipe.places.text
    for batch in batches:
        images = _from(file, batch.images)
        text = with_batch(text, name=batch.name, images=images, calibrates=batch.calibrates, taken=batch.taken)
    edit = Edit(before=recipe.places.text, after=text)
    return Update(batches=tuple(batches), edit=edit, lists=lists, warning=warning)


@contextlib.contextmanager
def update(file: Path, planned: Update, *, threads: int, workspace: bool = True) -> Iterator[Rebuilt]:
    """Builds with the appended batches, as `build_recipe` does; the recipe names them only once the bundle is there.

    Args:
        file: the recipe.
        planned: what to append.
        threads, workspace: as in `build_recipe`.

    Raises:
        UsageError, FrameError, BundleError: as in `build_recipe`.
    """
    for path, content in planned.lists.items():
        write_file(path, content.encode("utf-8", "surrogateescape"))
    with build_recipe(file, threads=threads, workspace=workspace, edit=planned.edit) as rebuilt:
        yield rebuilt


def _from(file: Path, images: Path) -> Path:
    """A path as the recipe names it: relative if it lies below the recipe's folder."""
    folder, target = file.resolve().parent, images.resolve()
    return target.relative_to(folder) if target.is_relative_to(folder) else target


def _free(name: str, known: set[str]) -> str:
    """The name, with a number behind it if it is taken."""
    number, free = 1, name
    while free in known:
        number += 1
        free = f"{name} {number}"
    return free
