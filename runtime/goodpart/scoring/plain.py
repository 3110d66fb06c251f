"""Parts of an inspection as plain values for JSON, rounded to what they mean."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart.scoring.regions import Region
from goodpart.scoring.rounding import (
    SCORE_DECIMALS,
    rounded,
    significant,
)

SCHEMA = 1
"""The version of the keys of `Inspection.to_dict`. New keys do not change it, any other change raises it."""


def plain_grid(grid: npt.NDArray[np.float32], ignored: npt.NDArray[np.bool_] | None) -> list[list[float | None]]:
    """`(rows, columns)` scores as rounded numbers, None for patches that never count."""
    never_counts = np.zeros(grid.shape, np.bool_) if ignored is None else ignored
    return [
        [None if never else rounded(score, SCORE_DECIMALS) for score, never in zip(scores, nevers, strict=True)]
        for scores, nevers in zip(grid.tolist(), never_counts.tolist(), strict=True)
    ]


def plain_region(region: Region, decimals: int) -> dict[str, Any]:
    """The attributes of a region, its peak with this many decimals."""
    peak, area_share = rounded(region.peak, decimals), significant(region.area_share, 6)
    return dataclasses.asdict(region) | {"peak": peak, "area_share": area_share}
