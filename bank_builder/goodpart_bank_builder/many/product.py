"""Builds one product if it is out of date, so that a second attempt, or two at once, make the same bundle once."""

import contextlib
import dataclasses
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

from goodpart._host.locks import hold, locked
from goodpart.errors import GoodpartError, UnfitImagesError, UsageError
from goodpart_bank_builder.data.good_folder import read_good_folder
from goodpart_bank_builder.doctor.findings_file import write_findings
from goodpart_bank_builder.learn.learn import renamed
from goodpart_bank_builder.life.rebuild import build_recipe, next_place
from goodpart_bank_builder.many.row import Row, State
from goodpart_bank_builder.many.stamp import (
    Built,
    Stamp,
    changes,
    lock_file,
    plan,
    read_built,
    stamp_of,
    write_built,
)
from goodpart_bank_builder.recipe.recipe import Recipe, read_recipe
from goodpart_bank_builder.report.painted import write_painted


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
        with _alone(recipe.settings.out, wait=wait) as alone:
            if not alone:
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
    planned = plan(out, stamp, *next_place(recipe))
    began = time.perf_counter()
    rebuilt = build_recipe(recipe.file, {"serial": planned.serial, "parent": planned.parent})
    report = rebuilt.report
    write_findings(None, out, report.diagnosis)
    named = renamed(rebuilt.learned, read_good_folder(rebuilt.settings).names)
    write_painted(out, named, digest=report.digest, good_dir=Path())
    built = Built(
        stamp=stamp,
        digest=report.digest,
        images=report.images,
        threshold=report.calibration.threshold,
        suspects=report.diagnosis.look_at,
        seconds=time.perf_counter() - began,
        warning=report.warning,
    )
    write_built(out, built)
    return dataclasses.replace(row.of_bundle(built, State.BUILT), because=because)


def _differing(one: Stamp, other: Stamp) -> list[str]:
    return [field.name for field in dataclasses.fields(Stamp) if getattr(one, field.name) != getattr(other, field.name)]


@contextlib.contextmanager
def _alone(out: Path, *, wait: bool) -> Iterator[bool]:
    """Holds the lock of a bundle; gives False if another process holds it and `wait` is off."""
    lock = lock_file(out)
    with contextlib.suppress(OSError):  # what cannot be made is refused below, in words
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
    handle = hold(lock)
    if handle is None:
        if not wait and lock.exists():
            yield False
            return
        with locked(lock, wait_s=math.inf):
            yield True
        return
    try:
        yield True
    finally:
        os.close(handle)
