"""Calibration: the scale of good patches, and the thresholds that the scores of held-out good parts promise."""

import bisect
import dataclasses
import enum
import math

from goodpart.errors import UsageError

STD_FLOOR = 1e-4
"""The least standard deviation of patch distances. Identical good images would have none, and every other frame would
score infinitely high."""


class CalibrationMethod(enum.Enum):
    """How good parts were held out.

    CROSS_CONFORMAL: every part is scored by a bank of the other folds' parts, and the final bank holds all parts (Vovk,
    Cross-conformal predictors, 2015). SPLIT: some parts are kept for calibration alone (Papadopoulos et al., 2002).
    """

    CROSS_CONFORMAL = "cross-conformal"
    SPLIT = "split"


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Calibration:
    """What good parts look like in numbers.

    Attributes:
        method: how good parts were held out.
        promise: what that says of new good parts, in words.
        mean, std: of the patch distances of held-out images, cosine distance (paper, calibration; `std` is at least
            1e-4).
        scores: image score of each held-out part, of its worst image where it has several, in sigmas, ascending.
        peaks: the highest calibrated patch score of each held-out part, in sigmas, ascending.
        false_reject_rate: the share of good parts that the thresholds may reject, 0 to 1.
        threshold: image score above which the verdict is DEFECT, in sigmas.
        pixel_threshold: calibrated score above which a patch belongs to a region, in sigmas.
    """

    method: CalibrationMethod
    promise: str
    mean: float
    std: float
    scores: tuple[float, ...]
    peaks: tuple[float, ...]
    false_reject_rate: float
    threshold: float
    pixel_threshold: float

    def __post_init__(self) -> None:
        numbers = (self.mean, self.std, self.threshold, self.pixel_threshold, *self.scores, *self.peaks)
        if not all(math.isfinite(number) for number in numbers) or self.std < STD_FLOOR:
            raise UsageError(f"calibration: expected finite numbers and std >= {STD_FLOOR}, found std {self.std}")
        if list(self.scores) != sorted(self.scores) or list(self.peaks) != sorted(self.peaks):
            raise UsageError("scores and peaks: expected in ascending order")
        if len(self.peaks) != len(self.scores):
            raise UsageError(f"peaks: expected {len(self.scores)} as there are scores, found {len(self.peaks)}")
        if self.threshold != threshold_for(self.scores, self.false_reject_rate):
            raise UsageError("threshold: expected the one that scores and false_reject_rate give, found another")
        if self.pixel_threshold != threshold_for(self.peaks, self.false_reject_rate):
            raise UsageError("pixel_threshold: expected the one that peaks and false_reject_rate give, found another")

    def __repr__(self) -> str:
        return (
            f"Calibration({self.method.value}, {len(self.scores)} parts, mean {self.mean:.4g}, std {self.std:.4g}, "
            f"threshold {self.threshold:.4g}, pixel threshold {self.pixel_threshold:.4g})"
        )

    def p_value(self, score: float) -> float:
        """Share of good parts expected to score at least this high: `(1 + #{held-out scores >= score}) / (n + 1)`.

        It limits false rejects: rejecting parts with `p_value <= rate` rejects about `rate` of the good parts of
        any product. It does not measure severity: every part that scores above all n held-out parts has the same
        p-value, `1 / (n + 1)`. For severity, compare the margin, `score - threshold`.

        Args:
            score: image score in sigmas.

        Returns:
            `1 / (n + 1)` to 1; low is anomalous. Comparable between products, which scores are not (conformal p-value,
            Vovk et al.).
        """
        at_least = len(self.scores) - bisect.bisect_left(self.scores, score)
        return (1 + at_least) / (len(self.scores) + 1)

    def rate_of(self, threshold: float) -> float:
        """The lowest false-reject rate that a threshold supports: `(1 + #{held-out scores > threshold}) / (n + 1)`.

        Args:
            threshold: image score in sigmas.

        Returns:
            0 to 1; 1 for a threshold below all held-out scores.
        """
        above = len(self.scores) - bisect.bisect_right(self.scores, threshold)
        return (1 + above) / (len(self.scores) + 1)


def promise_of(method: CalibrationMethod, false_reject_rate: float) -> str:
    """What a calibration promises, in words."""
    if method is CalibrationMethod.SPLIT:
        return (
            f"proven: a new good part is called defective with probability at most {false_reject_rate:g}, if it is "
            f"exchangeable with the calibration parts"
        )
    return (
        f"target: about {false_reject_rate:g} of new good parts are called defective, if they are exchangeable with "
        f"the calibration parts; this holds in practice but has no finite-sample proof"
    )


def quantile_rank(count: int, false_reject_rate: float) -> int:
    """Which of `count` held-out scores, from the lowest, is the threshold: `ceil((n + 1) * (1 - rate))`, from 1.

    The quantile of conformal prediction (Vovk et al.): for exchangeable parts a new good one scores above it with
    probability at most `rate`. Cross-conformal scores come close to that without being a proof.

    Args:
        count: held-out good parts.
        false_reject_rate: the share of good parts that may be called defective, between 0 and 1.

    Raises:
        UsageError: a rate outside (0, 1), or one so small that this many parts cannot support it.
    """
    if not (math.isfinite(false_reject_rate) and 0.0 < false_reject_rate < 1.0):
        raise UsageError(f"false-reject rate: expected more than 0 and less than 1, found {false_reject_rate}")
    # the tiny term keeps rounding from lifting an exact product such as 20 * 0.95 above the whole number
    rank = max(1, math.ceil((count + 1) * (1.0 - false_reject_rate) - 1e-9))
    if rank > count:
        raise UsageError(
            f"false-reject rate: {count} held-out good parts support no rate below {1 / (count + 1):.4g}, found "
            f"{false_reject_rate}; photograph more good parts or allow a higher rate"
        )
    return rank


def threshold_for(scores: tuple[float, ...], false_reject_rate: float) -> float:
    """The threshold that held-out scores promise.

    Args:
        scores: of good parts, in sigmas, ascending.
        false_reject_rate: the share of good parts that may be called defective, between 0 and 1.

    Raises:
        UsageError: as in `quantile_rank`.
    """
    return scores[quantile_rank(len(scores), false_reject_rate) - 1]
