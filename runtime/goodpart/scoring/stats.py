"""The statistics of a judged frame that are watched over weeks."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from goodpart.scoring.rounding import FIGURE_DIGITS, significant

PICTURE_STATS = ("grey", "sharpness", "row", "column")
"""Those of the frame as a picture; `frames.statistics` says what each is."""

STATS = ("score", "grid", *PICTURE_STATS)
"""All, in the order of results."""


def frame_stats(
    score: float,
    grid: npt.NDArray[np.float32],
    ignored: npt.NDArray[np.bool_] | None,
    statistics: Mapping[str, float],
) -> dict[str, float]:
    """The statistics of one frame.

    They are rounded, so that a log of results tells the same as the results themselves.

    Args:
        score: image score, in sigmas.
        grid: `(rows, columns) float32` calibrated scores.
        ignored: `(rows, columns) bool` patches that never count, or None if all do.
        statistics: of the frame as a picture; none if nothing is checked by them.

    Returns:
        by name, with 6 significant digits: "score"; "grid", the median score of the patches that count; and those of
        `PICTURE_STATS` that are there.
    """
    counted = grid if ignored is None else grid[~ignored]
    found = {"score": score, "grid": float(np.median(counted))}
    found |= {name: statistics[name] for name in PICTURE_STATS if name in statistics}
    return {name: significant(value, FIGURE_DIGITS) for name, value in found.items()}
