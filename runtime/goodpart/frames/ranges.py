"""Ranges of statistics: how far good frames reach, from some of them."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from goodpart.facts.checks import Ranges

LEAST_FRAMES = 10
"""Fewer frames show no spread."""

_TAIL, _TAIL_LEAST = 0.1, 4
"""Share of the frames, and the least number, from which the tail of a statistic is estimated."""

_FLOORS = {
    "grey": 1.0, "low": 1.0, "high": 1.0, "red": 0.5, "blue": 0.5, "colour": 0.1,
    "black": 0.02, "saturated": 0.02, "sharpness": 0.05, "noise": 0.05, "seam": 0.1,
}  # fmt: skip
"""What a range reaches beyond its tail at least: smaller differences are none."""


def learn_ranges(
    names: Sequence[str], frames: Iterable[Mapping[str, float]], *, rate: float, times: float = 1.0
) -> Ranges:
    """The ranges that good frames leave with a rate.

    A range ends where the tail of its statistic leaves out its share of the rate. The tail is taken to be exponential:
    peaks over threshold, with the mean excess of the outermost tenth raised by its standard error.

    Args:
        names: of the statistics.
        frames: `frame_statistics` of each frame, of at least `LEAST_FRAMES`, with at least these names.
        rate: share of good frames that all ranges together leave out, above 0.
        times: what the tails are lengthened by.
    """
    known = list(frames)
    share = rate / (2 * max(1, len(names)))
    found: Ranges = {}
    for name in names:
        values = np.array([statistics[name] for statistics in known])
        low, high = -_end(-values, share=share, times=times), _end(values, share=share, times=times)
        found[name] = low - _FLOORS[name], high + _FLOORS[name]
    return found


def _end(values: npt.NDArray[np.float64], *, share: float, times: float) -> float:
    """Above which value at most `share` of all frames lie, if the tail of `(n,)` values is exponential."""
    ordered = np.sort(values)
    tail = max(_TAIL_LEAST, math.floor(_TAIL * len(ordered)))
    start = ordered[-tail - 1]
    scale = float((ordered[-tail:] - start).mean()) * (1.0 + 1.0 / math.sqrt(tail))
    reach = math.log(tail / len(ordered) / share)
    return max(float(ordered[-1]), float(start) + times * scale * reach)
