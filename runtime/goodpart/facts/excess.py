"""Excess: how far a patch of a thermogram is hotter than the rest of its frame, as facts.

The network's embeddings have the length 1, so they do not tell how hot something is. The excess adds that.
"""

import dataclasses
import math

from goodpart.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExcessRule:
    """How a profile measures and weighs the excess: `e_p = max(0, t_p - percentile of all t of the frame)`.

    Attributes:
        percentile: of the patches that count, above 0 and below 100.
        factor: standard deviations of patch distances that one standard deviation of the excess adds, above 0, at most
            100.
    """

    percentile: float
    factor: float

    def __post_init__(self) -> None:
        if not 0.0 < self.percentile < 100.0:
            raise UsageError(f"excess percentile: expected more than 0 and less than 100, found {self.percentile}")
        if not 0.0 < self.factor <= 100.0:
            raise UsageError(f"excess factor: expected more than 0 and at most 100, found {self.factor}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExcessSpec:
    """What a bundle learned about the excess; its rule is in the profile.

    Attributes:
        weight: cosine distance per pixel value (gamma), above 0.
    """

    weight: float

    def __post_init__(self) -> None:
        if not 0.0 < self.weight < math.inf:
            raise UsageError(f"excess: expected a weight above 0, found {self.weight}")
