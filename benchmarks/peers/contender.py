"""The result of a contender for a frame."""

import dataclasses
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """A frame's score and map.

    Attributes:
        score: higher is more anomalous; the scale is the contender's own.
        map: `(h, w) float32` as its user gets it, higher is more anomalous; anomalib's has the size of its input.
        unsaturated: gives `(h, w) float32`, which sorts pixels as `map` does, without the ties of a sigmoid; not timed.
    """

    score: float
    map: npt.NDArray[np.float32]
    unsaturated: Callable[[], npt.NDArray[np.float32]]


Score = Callable[[npt.NDArray[np.uint8]], Found]
"""Takes an `(H, W, 3) uint8` RGB frame."""


def progress(items: Sequence[_T], doing: str) -> Iterator[_T]:
    """Yields items and prints the progress to stderr."""
    for number, item in enumerate(items):
        if number % 50 == 0:
            print(f"{doing}: {number} of {len(items)}", file=sys.stderr, flush=True)
        yield item


def numbers(values: Iterable[float], digits: int = 3) -> list[float]:
    """Rounded for JSON."""
    return [round(float(value), digits) for value in values]
