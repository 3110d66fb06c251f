"""Calibration: the scale of good patches, and the threshold that the scores of held-out good images promise."""

import bisect
import dataclasses
import math

from goodpart.errors import UsageError

STD_FLOOR = 1e-4
"""The least standard deviation of patch distances: identical good images would make any other frame infinitely bad."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """What good parts look like in numbers.

    Attributes:
        method: how the distances of good images were taken. "leave-one-image-out": each image against the bank without
            that image's own patches.
        mean, std: of the patch distances of good images, cosine distance (paper, calibration; `std` is at least 1e-4).
        scores: held-out image scores of the good images, in sigmas, ascending.
        false_reject_rate: the share of good parts that the threshold may reject, 0 to 1.
        threshold: image score above which the verdict is DEFECT, in sigmas.
    """

    method: str
    mean: float
    std: float
    scores: tuple[float, ...]
    false_reject_rate: float
    threshold: float

    def __post_init__(self) -> None:
        if self.method != "leave-one-image-out":
            raise UsageError(f"method: expected 'leave-one-image-out', found {self.method!r}")
        numbers = (self.mean, self.std, self.threshold, *self.scores)
        if not all(math.isfinite(number) for number in numbers) or self.std < STD_FLOOR:
            raise UsageError(f"calibration: expected finite numbers and std >= {STD_FLOOR}, found std {self.std}")
        if list(self.scores) != sorted(self.scores):
            raise UsageError("scores: expected in ascending order")
        if self.threshold != threshold_for(self.scores, self.false_reject_rate):
            raise UsageError("threshold: expected the one that scores and false_reject_rate give, found another")

    def p_value(self, score: float) -> float:
        """Share of good parts expected to score at least this high: `(1 + #{held-out scores >= score}) / (n + 1)`.

        Args:
            score: image score in sigmas.

        Returns:
            0 to 1; low is anomalous. Comparable between products, which scores are not
            (conformal p-value, Vovk et al.).
        """
        at_least = len(self.scores) - bisect.bisect_left(self.scores, score)
        return (1 + at_least) / (len(self.scores) + 1)


def quantile_rank(count: int, false_reject_rate: float) -> int:
    """Which of `count` held-out scores, from the lowest, is the threshold: `ceil((n + 1) * (1 - rate))`, from 1.

    The quantile of conformal prediction (Vovk et al.): for exchangeable parts a new good one scores above it with
    probability at most `rate`. Leave-one-image-out scores come close to that without being a proof.

    Args:
        count: held-out good images.
        false_reject_rate: the share of good parts that may be called defective, between 0 and 1.

    Raises:
        UsageError: a rate outside (0, 1), or one so small that this many images cannot support it.
    """
    if not (math.isfinite(false_reject_rate) and 0.0 < false_reject_rate < 1.0):
        raise UsageError(f"false-reject rate: expected more than 0 and less than 1, found {false_reject_rate}")
    # the tiny term keeps an exact product such as 20 * 0.95 from being pushed over the next whole number by rounding
    rank = math.ceil((count + 1) * (1.0 - false_reject_rate) - 1e-9)
    if rank > count:
        raise UsageError(
            f"false-reject rate: {count} good images support no rate below {1 / (count + 1):.4g}, found "
            f"{false_reject_rate}; photograph more good parts or allow a higher rate"
        )
    return max(rank, 1)


def threshold_for(scores: tuple[float, ...], false_reject_rate: float) -> float:
    """The threshold that held-out scores promise.

    Args:
        scores: image scores of good images, in sigmas, ascending.
        false_reject_rate: the share of good parts that may be called defective, between 0 and 1.

    Raises:
        UsageError: as in `quantile_rank`.
    """
    return scores[quantile_rank(len(scores), false_reject_rate) - 1]
