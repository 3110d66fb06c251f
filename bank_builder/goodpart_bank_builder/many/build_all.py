"""Build all: every product that is out of date, with progress and a row for each."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from goodpart.cli.rows import tell
from goodpart_bank_builder.many.check import Checked, check_products
from goodpart_bank_builder.many.processes import build_in_processes
from goodpart_bank_builder.many.row import Row, State
from goodpart_bank_builder.progress import progress_bar

Build = Callable[[Sequence[Checked]], Iterator[Row]]
"""Builds products and gives each row when its product is done."""


def build_all(files: Sequence[Path], *, jobs: int, force: bool = False, build: Build | None = None) -> list[Row]:
    """Builds every product that is out of date.

    A bundle is replaced when the new one is whole. After a kill, the next call builds what is not done yet.

    Args:
        files: the recipes.
        jobs: how many processes build at a time.
        force: whether bundles that are up to date are built again.
        build: what builds; None for processes on this machine.

    Returns:
        a row for each recipe, in their order.

    Raises:
        UsageError: two recipes make the same bundle.
    """
    checked = check_products(files, threads=jobs, force=force)
    wanted = [each for each in checked if each.row.state is State.OUT_OF_DATE]
    rows = {each.row.recipe: each.row for each in checked}
    if wanted:
        images = {each.row.recipe: each.images for each in wanted}
        done = build_in_processes([each.row for each in wanted], jobs=jobs) if build is None else build(wanted)
        doing = f"building {len(wanted)} of {len(checked)} products"
        with progress_bar(doing=doing, total=sum(images.values()), unit="images") as bar:
            for row in done:
                because = row.because or rows[row.recipe].because
                rows[row.recipe] = dataclasses.replace(row, because=because)
                with bar.external_write_mode():
                    tell(_line(row))
                bar.update(images[row.recipe])
    return [rows[str(file)] for file in files]


def _line(row: Row) -> str:
    """What became of a product, as a line of a log."""
    if row.state is State.FAILED:
        return f"{row.name}: failed: {row.reason}"
    return f"{row.name}: {row.state.value}" + ("" if row.seconds is None else f" in {row.seconds:.1f} s")
