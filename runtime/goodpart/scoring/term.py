"""Known terms: what a patch's score may carry besides its distance to the bank.

A known term is exact and does not depend on the neighbours found. It is added to the patch distance before anything
else, `d'_p = d_p + t_p`, on the device as in calibration. Everything after the sum (scale, thresholds, maps, regions,
p-values) therefore needs to know nothing of it. Certified search stays exact: see `goodpart.bank.search`.
"""

import dataclasses
import math
from typing import Protocol

import numpy as np
import numpy.typing as npt

from goodpart.errors import InferenceError, UsageError
from goodpart.model.seen import SeenFrame


class RawTerm(Protocol):
    """A number for each patch, in units of its own; higher is more anomalous."""

    def __call__(self, seen: SeenFrame) -> npt.NDArray[np.float64]:
        """`(P,) float64` finite, for the patches that count."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownTerm:
    """A raw term on the scale of cosine distances: `t_p = max(weight * (raw_p - offset), lowest)`.

    Attributes:
        raw: the source.
        offset: the raw value whose term is 0.
        weight: cosine distance per unit of the raw term.
        lowest: the lowest term, -infinity for no limit. A source that was learned may be far off on what it has never
            seen: the limit keeps it from hiding what is far from all good patches.
    """

    raw: RawTerm
    offset: float
    weight: float
    lowest: float = -math.inf

    def __post_init__(self) -> None:
        if not (math.isfinite(self.offset) and math.isfinite(self.weight) and self.lowest < math.inf):
            raise UsageError(f"term: expected a finite offset and weight, found {self.offset} and {self.weight}")

    def of(self, seen: SeenFrame) -> npt.NDArray[np.float64]:
        """`(P,) float64` terms of one frame, in units of cosine distance.

        Raises:
            InferenceError: the source gave another number of values than there are patches, or non-finite ones.
        """
        return self.scaled(raw_values(self.raw, seen))

    def scaled(self, raw: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """`(P,) float64` terms of raw values that are known already, as a calibration knows them.

        Raises:
            InferenceError: the terms are too large for a float64.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            terms = self.weight * (raw - self.offset)
        if not np.isfinite(terms).all():
            raise InferenceError("term: expected finite terms, found NaN or infinity; run goodpart selftest")
        return np.maximum(terms, self.lowest)


def raw_values(raw: RawTerm, seen: SeenFrame) -> npt.NDArray[np.float64]:
    """`(P,) float64` finite values of a source for one frame.

    Raises:
        InferenceError: the source gave another number of values than there are patches, or non-finite ones.
    """
    values, patches = np.asarray(raw(seen), np.float64), len(seen.embeddings)
    if values.shape != (patches,) or not np.isfinite(values).all():
        raise InferenceError(f"term: expected {patches} finite values, one for each patch, found others")
    return values
