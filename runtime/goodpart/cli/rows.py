"""Rows of text on stdout and stderr: what a name holds never becomes a row of its own, nor a command for a terminal."""

import sys

from goodpart.printable import printable


def say(*rows: str) -> None:
    """Prints rows to stdout and flushes it, so that a reader gets them at once; each is one line, escaped."""
    print("".join(f"{printable(row)}\n" for row in rows), end="", flush=True)


def tell(*rows: str) -> None:
    """Prints rows to stderr; each is one line, escaped."""
    print("".join(f"{printable(row)}\n" for row in rows), end="", file=sys.stderr, flush=True)
