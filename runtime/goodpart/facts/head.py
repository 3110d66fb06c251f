"""What a bundle states about its head: the network that learned from painted defects."""

import dataclasses
import math

from goodpart.errors import UsageError

MOST_HIDDEN = 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeadSpec:
    """The size of a head, and the scale of its term: `t_p = max(weight * (logit_p - offset), lowest)`.

    Attributes:
        hidden: units of each of the two hidden layers, 1 to 1024.
        alpha: standard deviations of patch distances that one standard deviation of the logit adds, above 0, at most 4.
        offset: mean logit of held-out good patches.
        weight: cosine distance per unit of the logit, above 0.
        lowest: the lowest term, a cosine distance of -2 to 0.
    """

    hidden: int
    alpha: float
    offset: float
    weight: float
    lowest: float

    def __post_init__(self) -> None:
        if not 1 <= self.hidden <= MOST_HIDDEN:
            raise UsageError(f"head: expected 1 to {MOST_HIDDEN} hidden units, found {self.hidden}")
        if not 0.0 < self.alpha <= 4.0:
            raise UsageError(f"head: expected an alpha above 0 and at most 4, found {self.alpha}")
        if not (math.isfinite(self.offset) and 0.0 < self.weight < math.inf):
            raise UsageError(
                f"head: expected a finite offset and a weight above 0, found {self.offset} and {self.weight}"
            )
        if not -2.0 <= self.lowest <= 0.0:
            raise UsageError(f"head: expected a lowest term of -2 to 0, found {self.lowest}")


def head_layers(hidden: int, dimension: int) -> tuple[tuple[int, int], ...]:
    """Outputs and inputs of each layer."""
    return (hidden, dimension), (hidden, hidden), (1, hidden)


def head_values(hidden: int, dimension: int) -> int:
    """How many weights such a head has."""
    return sum(rows * columns + rows for rows, columns in head_layers(hidden, dimension))
