"""Progress on stderr, with an estimate of the time left."""

import sys
import time
from collections.abc import Generator, Sequence
from typing import TypeVar

T = TypeVar("T")


def shown(items: Sequence[T], *, doing: str, unit: str = "images") -> Generator[T, None, None]:
    """The items, while stderr shows how far: a running count on a terminal, else one line at the beginning.

    Close it before an error is reported, so that the count's line has ended by then.

    Args:
        items: what is worked on.
        doing: what is done, in one or two words.
        unit: what the items are called.
    """
    terminal, total, width = sys.stderr.isatty(), len(items), 0
    began = time.monotonic()
    if not terminal:
        sys.stderr.write(f"{doing} {total} {unit}\n")
    try:
        for at, item in enumerate(items, start=1):
            if terminal:
                left_s = (time.monotonic() - began) / max(1, at - 1) * (total - at + 1)
                text = f"{doing} {unit}: {at}/{total}" + (f", {left_s:.0f} s left" if at > 1 and left_s >= 1 else "")
                # a shorter text must cover the longer one before it
                sys.stderr.write("\r" + text.ljust(width))
                sys.stderr.flush()
                width = max(width, len(text))
            yield item
    finally:
        if terminal:
            sys.stderr.write("\n")
