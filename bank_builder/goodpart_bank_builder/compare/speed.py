"""Speed: how long both bundles take for the same frames, in one run and in turn.

A workstation does other work as well, so single times say little. Each frame is judged several times by each bundle, in
turn, on one thread. The least CPU time of each frame counts, and the 99th percentile over frames is compared. The ratio
has an interval by a bootstrap of frames. Only an interval that lies above the limit as a whole says that NEW is slower.
"""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart.inspector import Inspector
from goodpart_bank_builder.progress import progress

ROUNDS = 3
MOST_RATIO = 1.1
"""The ratio of latencies above which NEW is too slow."""

_REPLICATES = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Speed:
    """The latency of two bundles.

    Attributes:
        frames: how many.
        rounds: how often each was judged by each bundle.
        old_p99_ms, new_p99_ms: 99th percentile over frames of the least CPU time of each, on one thread.
        ratio: NEW by OLD.
        low, high: 95 % interval of the ratio.
    """

    frames: int
    rounds: int
    old_p99_ms: float
    new_p99_ms: float
    ratio: float
    low: float
    high: float

    @property
    def is_slower(self) -> bool:
        """Whether NEW is slower than allowed, beyond what noise explains."""
        return self.low > MOST_RATIO


def measure_speed(
    old: Inspector,
    new: Inspector,
    frames: Sequence[tuple[npt.NDArray[Any], npt.NDArray[Any]]],
    *,
    rounds: int = ROUNDS,
    clock: Callable[[], float] = time.thread_time,
) -> Speed | None:
    """Judges frames in turn by both bundles; None without frames.

    Args:
        old, new: loaded with one thread each.
        frames: each as OLD takes it, and as NEW takes it.
        rounds: how often; the least time counts.
        clock: seconds of the calling thread.
    """
    if not frames:
        return None
    least = np.full((len(frames), 2), np.inf)
    turns = [(turn, number) for turn in range(rounds) for number in range(len(frames))]
    for turn, number in progress(turns, doing="timing", total=len(turns), unit="frames"):
        order = (0, 1) if (turn + number) % 2 == 0 else (1, 0)
        for which in order:
            began = clock()
            (old, new)[which].inspect(frames[number][which])
            least[number, which] = min(least[number, which], clock() - began)
    return ratio_of(np.maximum(least, 1e-9), rounds=rounds)


def ratio_of(least_s: npt.NDArray[np.float64], *, rounds: int) -> Speed:
    """The ratio of the 99th percentiles and its interval.

    Args:
        least_s: `(n, 2) float64` seconds by OLD and by NEW, above 0.
        rounds: how often each frame was judged.
    """
    rng, count = np.random.default_rng(0), len(least_s)
    drawn = least_s[rng.integers(count, size=(_REPLICATES, count))]
    p99 = np.percentile(drawn, 99, axis=1)
    low, high = np.percentile(p99[:, 1] / p99[:, 0], [2.5, 97.5])
    one, other = np.percentile(least_s, 99, axis=0)
    return Speed(
        frames=count,
        rounds=rounds,
        old_p99_ms=float(one) * 1e3,
        new_p99_ms=float(other) * 1e3,
        ratio=float(other / one),
        low=float(low),
        high=float(high),
    )
