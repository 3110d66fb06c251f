"""Check: which products are out of date, before anything is built."""

import concurrent.futures
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from goodpart.errors import UsageError
from goodpart_bank_builder.data.batches import list_batch
from goodpart_bank_builder.life.stamp import Stamp, changes, forget, read_built, stamp_of
from goodpart_bank_builder.many.product import reason_of
from goodpart_bank_builder.many.row import Row, State
from goodpart_bank_builder.progress import progress
from goodpart_bank_builder.recipe.recipe import Recipe, read_recipe


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checked:
    """One product before the build.

    Attributes:
        row: what is known of it.
        stamp: of what its bundle would be made from; None if that cannot be read.
        images: how many there are, excluded ones too: how long a build takes, in proportion.
    """

    row: Row
    stamp: Stamp | None
    images: int


def check_products(files: Sequence[Path], *, threads: int, force: bool) -> list[Checked]:
    """Looks at all products; a recipe that cannot be read is a failed product.

    Args:
        files: the recipes.
        threads: recipes to look at at a time.
        force: whether all bundles count as out of date from now on, even if this build is interrupted.

    Raises:
        UsageError: two recipes make the same bundle or share a workspace.
    """
    recipes = [_read(file) for file in files]
    _refuse_twice([each for each in recipes if isinstance(each, Recipe)])
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        found = pool.map(lambda recipe: _checked(recipe, force=force), recipes)
        return list(progress(found, doing="checking products", total=len(files), unit="products"))


def _read(file: Path) -> Recipe | Row:
    row = Row(recipe=str(file), product=None, bundle=None, state=State.FAILED)
    try:
        return read_recipe(file)
    except Exception as error:  # noqa: BLE001 - the other products go on
        return row.failed(reason_of(error))


def _refuse_twice(recipes: Sequence[Recipe]) -> None:
    for words, places in (
        ("bundle", [recipe.settings.out.resolve() for recipe in recipes]),
        # the workspace of a product is called by its name
        ("product", [recipe.file.parent.resolve() / recipe.settings.product for recipe in recipes]),
    ):
        for number, place in enumerate(places):
            if (first := places.index(place)) != number:
                raise UsageError(
                    f"{recipes[number].file}: expected a {words} of its own, found that of {recipes[first].file} "
                    f"({place.name}); give each recipe once, and each product its own name and bundle"
                )


def _checked(recipe: Recipe | Row, *, force: bool) -> Checked:
    if isinstance(recipe, Row):
        return Checked(row=recipe, stamp=None, images=0)
    settings = recipe.settings
    row = Row(
        recipe=str(recipe.file), product=settings.product, bundle=str(settings.out), state=State.OUT_OF_DATE
    )  # fmt: skip
    try:
        if force:
            forget(settings.out)
        stamp = stamp_of(recipe)
        because, built = changes(recipe, stamp), read_built(settings.out)
        images = sum(len(list_batch(batch).images) for batch in settings.all_batches)
    except Exception as error:  # noqa: BLE001 - as above
        return Checked(row=row.failed(reason_of(error)), stamp=None, images=0)
    if built is not None and not because:
        row = row.of_bundle(built, State.UP_TO_DATE)
    return Checked(row=dataclasses.replace(row, because=because), stamp=stamp, images=images)
