"""The cost of a threshold on the line: false rejects against escapes."""

import dataclasses
import math

import numpy as np
import numpy.typing as npt

from goodpart.errors import UsageError
from goodpart_bank_builder.evaluate.metrics import next_below

_POINTS = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class Costs:
    """Facts about the line, which the test set does not show.

    Attributes:
        escape_cost: cost of one escape, in units of one false reject; above 0.
        defect_rate: share of defective parts on the line, more than 0 and less than 1. Test sets have a larger share.
    """

    escape_cost: float = 10.0
    defect_rate: float = 0.01

    def __post_init__(self) -> None:
        if not (math.isfinite(self.escape_cost) and self.escape_cost > 0.0):
            raise UsageError(f"escape cost: expected a finite number above 0, found {self.escape_cost}")
        if not 0.0 < self.defect_rate < 1.0:
            raise UsageError(f"defect rate: expected more than 0 and less than 1, found {self.defect_rate}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CostCurve:
    """Expected cost per part by threshold, in units of one false reject.

    The cost is `(1 - r) * false-reject rate + r * escape_cost * escape rate`, where r is the defect rate. The best
    threshold is tuned on the labelled defects of this test set. It promises nothing for other parts.

    Attributes:
        escape_cost, defect_rate: as in `Costs`.
        thresholds: at most 200, ascending, in sigmas. The first lies below all scores and rejects all parts. The others
            are scores of the test set; the last accepts all parts.
        costs: the expected cost at each threshold, at least 0.
        best_threshold, best_cost: the lowest threshold with the least expected cost, and this cost.
        cost_at_threshold: the expected cost at the threshold in use.
        cost_of_no_inspection: the cost where every part passes, so that every defect escapes: `r * escape_cost`.
        cost_of_rejecting_all: the cost where every part is rejected: `1 - r`.
    """

    escape_cost: float
    defect_rate: float
    thresholds: tuple[float, ...]
    costs: tuple[float, ...]
    best_threshold: float
    best_cost: float
    cost_at_threshold: float
    cost_of_no_inspection: float
    cost_of_rejecting_all: float


def cost_curve(
    defective: npt.NDArray[np.bool_],
    scores: npt.NDArray[np.float64],
    *,
    unknown: npt.NDArray[np.bool_],
    threshold: float,
    costs: Costs,
) -> CostCurve | None:
    """Computes the cost at every threshold that changes a verdict; None without both good and defective parts.

    Args:
        defective: `(n,) bool`.
        scores: `(n,) float64` in sigmas, finite, higher is more anomalous.
        unknown: `(n,) bool` parts that cannot be judged; they are rejected at every threshold.
        threshold: the threshold in use, in sigmas.
        costs: of the line.
    """
    if defective.all() or not defective.any():
        return None
    distinct = np.unique(scores)
    thresholds = np.append(next_below(distinct, distinct[0]), distinct)
    # no threshold is above infinity
    judged = np.where(unknown, np.inf, scores)
    cost = _cost(defective, judged, thresholds, costs)
    best = int(np.argmin(cost))
    shown = np.unique(np.append(np.linspace(0, len(thresholds) - 1, _POINTS - 1).round().astype(int), best))
    return CostCurve(
        escape_cost=costs.escape_cost,
        defect_rate=costs.defect_rate,
        thresholds=tuple(float(number) for number in thresholds[shown]),
        costs=tuple(float(number) for number in cost[shown]),
        best_threshold=float(thresholds[best]),
        best_cost=float(cost[best]),
        cost_at_threshold=float(_cost(defective, judged, np.array([threshold]), costs)[0]),
        cost_of_no_inspection=costs.defect_rate * costs.escape_cost,
        cost_of_rejecting_all=1.0 - costs.defect_rate,
    )


def _cost(
    defective: npt.NDArray[np.bool_],
    judged: npt.NDArray[np.float64],
    thresholds: npt.NDArray[np.float64],
    costs: Costs,
) -> npt.NDArray[np.float64]:
    """`(t,) float64` expected cost per part at each threshold."""
    accepted_good = np.searchsorted(np.sort(judged[~defective]), thresholds, side="right") / (~defective).sum()
    escapes = np.searchsorted(np.sort(judged[defective]), thresholds, side="right") / defective.sum()
    rate = costs.defect_rate
    return np.asarray((1.0 - rate) * (1.0 - accepted_good) + rate * costs.escape_cost * escapes)
