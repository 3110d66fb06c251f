"""Kept: whether NEW keeps its promise on good images, counted in the promise's own unit."""

import dataclasses
from collections.abc import Sequence

from goodpart.facts.calibration import RateUnit
from goodpart.inspector import Inspector
from goodpart_bank_builder.compare.pairs import Pair, PartPair, Said


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kept:
    """How many good images or parts NEW rejects, counted as its promise counts them.

    Attributes:
        unit: what is counted.
        rejected, of: how many.
    """

    unit: RateUnit
    rejected: int
    of: int

    @property
    def share(self) -> float:
        """0 to 1; 0 of none."""
        return self.rejected / self.of if self.of else 0.0


def kept_by(new: Inspector, pairs: Sequence[Pair], good: Sequence[PartPair]) -> Kept:
    """Counts the good images, or good parts, that NEW rejects.

    Args:
        new: the bundle.
        pairs: all images.
        good: the good parts.
    """
    unit = new.calibration.rate_unit
    if unit is RateUnit.PART:
        return Kept(unit=unit, rejected=sum(part.new_rejects for part in good), of=len(good))
    said = [pair.new.said for pair in pairs if not pair.is_defective]
    return Kept(unit=unit, rejected=sum(each is not Said.GOOD for each in said), of=len(said))
