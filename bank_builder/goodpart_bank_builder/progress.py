"""Progress bars with the time left, on stderr."""

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T], *, doing: str, total: int, unit: str) -> Iterable[T]:
    """The items, while a bar on stderr shows how far and how long.

    Where stderr is no terminal (a log, a pipe) a bar would be a thousand lines, so it is one line when the work begins.

    Args:
        items: what is worked on.
        doing: what is done, in one or two words.
        total: how many items.
        unit: what one item is called.
    """
    if not sys.stderr.isatty():
        print(f"{doing}: {total} {unit}", file=sys.stderr, flush=True)
        return items
    return tqdm(items, desc=doing, total=total, unit=f" {unit}", file=sys.stderr, dynamic_ncols=True)
