"""Builds one product if it is out of date, so that a second attempt, or two at once, make the same bundle once."""

import dataclasses
from pathlib import Path

from goodpart.errors import GoodpartError, UnfitImagesError, UsageError
from goodpart_bank_builder.life.alone import alone
from goodpart_bank_builder.life.rebuild import build_alone
from goodpart_bank_builder.life.stamp import Stamp, changes, read_built, stamp_of
from goodpart_bank_builder.many.row import Row, State
from goodpart_bank_builder.recipe.recipe import Recipe, read_recipe
from goodpart_bank_builder.report.beside import write_beside


def build_product(file: Path, *, wait: bool, stamp: Stamp | None = None) -> Row:
    """Builds the bundle of a recipe if it is out of date, in one thread.

    Every error but an interrupt becomes the row's reason: the other products go on.

    Args:
        file: the recipe.
        wait: whether to wait for another build of the product; else the row stays out of date.
        stamp: what another machine says of the recipe's files; None if there is none.
    """
    row = Row(recipe=str(file), product=None, bundle=None, state=State.FAILED)
    try:
        recipe = read_recipe(file)
        row = dataclasses.replace(row, product=recipe.settings.product, bundle=str(recipe.settings.out))
        with alone(recipe.settings.out, wait=wait) as is_alone:
            if not is_alone:
                return dataclasses.replace(row, state=State.OUT_OF_DATE)
            return _build(recipe, row, stamp)
    except Exception as error:  # noqa: BLE001 - whatever a native library raises, the other products go on
        return row.failed(reason_of(error))


def reason_of(error: Exception) -> str:
    """An error as one line."""
    if isinstance(error, UnfitImagesError) and len(error.errors) > 1:
        return f"{error.errors[0]}; and {len(error.errors) - 1} more images"
    if isinstance(error, GoodpartError):
        return str(error)
    if isinstance(error, MemoryError):
        return "expected more memory, found none left; give it more, or fewer --jobs"
    return f"unexpected {type(error).__name__}: {error}; build it alone with --traceback to see more"


def _build(recipe: Recipe, row: Row, expected: Stamp | None) -> Row:
    out, stamp = recipe.settings.out, stamp_of(recipe)
    if expected is not None and (other := _differing(stamp, expected)):
        raise UsageError(
            f"{recipe.file}: expected the same {' and '.join(other)} as on the client, found others; give all workers "
            f"the same folders and packages"
        )
    because = changes(recipe, stamp)
    built = read_built(out)
    if built is not None and not because:
        return row.of_bundle(built, State.UP_TO_DATE)
    with build_alone(recipe.file, {}, stamp=stamp) as rebuilt:
        write_beside(rebuilt.settings, rebuilt.report, rebuilt.learned)
        made = rebuilt.built
    assert made is not None  # noqa: S101 - nothing was overridden
    return dataclasses.replace(row.of_bundle(made, State.BUILT), because=because)


def _differing(one: Stamp, other: Stamp) -> list[str]:
    return [field.name for field in dataclasses.fields(Stamp) if getattr(one, field.name) != getattr(other, field.name)]
