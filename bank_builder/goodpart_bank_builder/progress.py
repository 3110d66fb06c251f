"""Progress bars with the time left, on stderr."""

import contextlib
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from tqdm import tqdm

from goodpart.printable import printable

if TYPE_CHECKING:
    from typing_extensions import Never

T = TypeVar("T")


def progress(items: Iterable[T], *, doing: str, total: int, unit: str) -> Iterable[T]:
    """The items, while a bar on stderr shows how far and how long.

    Args:
        items: what is worked on.
        doing: what is done, in one or two words.
        total: how many items.
        unit: what one item is called.
    """
    with progress_bar(doing=doing, total=total, unit=unit) as bar:
        for item in items:
            yield item
            bar.update()


def progress_bar(*, doing: str | None, total: int, unit: str) -> "tqdm[Never]":
    """A bar to be updated by hand, for work that is no loop over items; a context manager.

    Where stderr is no terminal (a log, a pipe) a bar would be a thousand lines, so it is one line when the work begins.

    Args:
        doing: what is done, in one or two words; None for no bar.
        total: how many units.
        unit: what one unit is called.
    """
    terminal = sys.stderr.isatty()
    doing = None if doing is None else printable(doing)
    if doing is not None and not terminal:
        # a log that can take no more is no reason to stop
        with contextlib.suppress(OSError):
            print(f"{doing}: {total} {unit}", file=sys.stderr, flush=True)
    shown = terminal and doing is not None
    return tqdm(desc=doing, total=total, unit=f" {unit}", file=sys.stderr, dynamic_ncols=True, disable=not shown)
