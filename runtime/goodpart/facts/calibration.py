"""Calibration: the scale of good patches, and the thresholds that the scores of held-out good parts promise."""

import bisect
import collections
import dataclasses
import enum
import functools
import itertools
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


class RateUnit(enum.Enum):
    """What a false-reject rate is a share of.

    IMAGE: images of good parts. PART: good parts, of which one is rejected when any of its images is.
    """

    IMAGE = "image"
    PART = "part"


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Calibration:
    """What good parts look like in numbers.

    Attributes:
        method: how good parts were held out.
        promise: what that says of new good parts, in words.
        mean, std: of the patch distances of held-out images, cosine distance (paper, calibration; `std` is at least
            1e-4).
        scores: image score of each held-out image, or of each held-out part (of its worst image), as the unit says; in
            sigmas, ascending.
        peaks: the highest calibrated patch score of each, in sigmas, ascending.
        false_reject_rate: the share of good parts that the thresholds may reject, 0 to 1.
        threshold: image score above which the verdict is DEFECT, in sigmas.
        pixel_threshold: calibrated score above which a patch belongs to a region, in sigmas.
        unit: what the rate is a share of; None in bundles of format 1, whose unit is the part.
        score_sizes, peak_sizes: how many held-out images the part of each score and peak has; the score counts as one
            over that. Only a split whose unit is the image has them; elsewhere all scores count alike.
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
    unit: RateUnit | None = dataclasses.field(default=None, metadata={"optional": True})
    score_sizes: tuple[int, ...] | None = dataclasses.field(default=None, metadata={"optional": True})
    peak_sizes: tuple[int, ...] | None = dataclasses.field(default=None, metadata={"optional": True})

    def __post_init__(self) -> None:
        numbers = (self.mean, self.std, self.threshold, self.pixel_threshold, *self.scores, *self.peaks)
        if not all(math.isfinite(number) for number in numbers) or self.std < STD_FLOOR:
            raise UsageError(f"calibration: expected finite numbers and std >= {STD_FLOOR}, found std {self.std}")
        if list(self.scores) != sorted(self.scores) or list(self.peaks) != sorted(self.peaks):
            raise UsageError("scores and peaks: expected in ascending order")
        if len(self.peaks) != len(self.scores):
            raise UsageError(f"peaks: expected {len(self.scores)} as there are scores, found {len(self.peaks)}")
        has_sizes = self.method is CalibrationMethod.SPLIT and self.unit is RateUnit.IMAGE
        if {self.score_sizes is not None, self.peak_sizes is not None} != {has_sizes}:
            raise UsageError(
                "score_sizes and peak_sizes: expected both with method split and unit image, neither elsewhere, found "
                f"score_sizes {self.score_sizes is not None}, peak_sizes {self.peak_sizes is not None}"
            )
        if sorted(self.score_sizes or ()) != sorted(self.peak_sizes or ()):
            raise UsageError("peak_sizes: expected the sizes of score_sizes in some order, found others")
        threshold, pixel_threshold = self.thresholds_for(self.false_reject_rate)
        if self.threshold != threshold:
            raise UsageError("threshold: expected the one that scores and false_reject_rate give, found another")
        if self.pixel_threshold != pixel_threshold:
            raise UsageError("pixel_threshold: expected the one that peaks and false_reject_rate give, found another")

    def __repr__(self) -> str:
        return (
            f"Calibration({self.method.value}, {len(self.scores)} {self.rate_unit.value}s, "
            f"mean {self.mean:.4g}, std {self.std:.4g}, "
            f"threshold {self.threshold:.4g}, pixel threshold {self.pixel_threshold:.4g})"
        )

    @property
    def rate_unit(self) -> RateUnit:
        """What the rate is a share of."""
        return RateUnit.PART if self.unit is None else self.unit

    @property
    def counted(self) -> RateUnit:
        """What supports the rate: parts, or images where each counts alike."""
        return RateUnit.PART if self.score_sizes is not None else self.rate_unit

    @property
    def supporting(self) -> int:
        """How many of these there are; n of them support no rate below `1 / (n + 1)`."""
        return len(self.scores) if self.score_sizes is None else parts_of_sizes(self.score_sizes, len(self.scores))

    def thresholds_for(self, false_reject_rate: float) -> tuple[float, float]:
        """The threshold and the pixel threshold of another rate, in sigmas.

        Raises:
            UsageError: a rate that the held-out scores do not support.
        """
        quantile_rank(self.supporting, false_reject_rate, counted=self.counted)
        return (
            threshold_for(self.scores, false_reject_rate, self.score_sizes),
            threshold_for(self.peaks, false_reject_rate, self.peak_sizes),
        )

    def p_value(self, score: float) -> float:
        """Share of good parts or images, as the unit says, expected to score at least this high.

        It is `(1 + #{held-out scores >= score}) / (n + 1)`. With sizes, a held-out score counts as one over the images
        of its part, and n is the number of parts.

        It limits false rejects: rejecting parts with `p_value <= rate` rejects about `rate` of the good parts of
        any product. It does not measure severity: every part that scores above all n held-out parts has the same
        p-value, `1 / (n + 1)`. For severity, compare the margin, `score - threshold`.

        Args:
            score: image score in sigmas.

        Returns:
            `1 / (n + 1)` to 1; low is anomalous. Comparable between products, which scores are not (conformal p-value,
            Vovk et al.).
        """
        return self._share_from(bisect.bisect_left(self.scores, score))

    def rate_of(self, threshold: float) -> float:
        """The lowest false-reject rate that a threshold supports: `(1 + #{held-out scores > threshold}) / (n + 1)`.

        Scores count as in `p_value`.

        Args:
            threshold: image score in sigmas.

        Returns:
            0 to 1; 1 for a threshold below all held-out scores.
        """
        return self._share_from(bisect.bisect_right(self.scores, threshold))

    def _share_from(self, rank: int) -> float:
        """The share of good parts or images expected to score as high as the held-out scores from a rank on."""
        if self.score_sizes is None:
            return (1 + len(self.scores) - rank) / (len(self.scores) + 1)
        return self._shares[rank]

    @functools.cached_property
    def _shares(self) -> tuple[float, ...]:
        """The shares from every rank on, with sizes; one more than there are scores."""
        weights = [1.0 / size for size in reversed(self.score_sizes or ())]
        return tuple(min(1.0, (1.0 + found) / (1.0 + self.supporting)) for found in _running_sums(weights))[::-1]


def promise_of(method: CalibrationMethod, false_reject_rate: float, unit: RateUnit = RateUnit.PART) -> str:
    """What a calibration promises, in words."""
    if method is CalibrationMethod.SPLIT:
        what = "a new good part" if unit is RateUnit.PART else "a random image of a new good part"
        return (
            f"proven: {what} is called defective with probability at most {false_reject_rate:g}, if the part is "
            f"exchangeable with the calibration parts"
        )
    what = "new good parts" if unit is RateUnit.PART else "images of new good parts"
    return (
        f"target: about {false_reject_rate:g} of {what} are called defective, if the parts are exchangeable with "
        f"the calibration parts; this holds in practice but has no finite-sample proof"
    )


def _running_sums(weights: list[float]) -> list[float]:
    """0, and the sums of the first one, two and so on."""
    return list(itertools.accumulate(weights, initial=0.0))


def quantile_rank(count: int, false_reject_rate: float, *, counted: RateUnit = RateUnit.PART) -> int:
    """Which of `count` held-out scores, from the lowest, is the threshold: `ceil((n + 1) * (1 - rate))`, from 1.

    The quantile of conformal prediction (Vovk et al.): for exchangeable parts a new good one scores above it with
    probability at most `rate`. Cross-conformal scores come close to that without being a proof.

    Args:
        count: held-out good parts, or images.
        counted: which of the two.
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
            f"false-reject rate: {count} held-out good {counted.value}s support no rate below {1 / (count + 1):.4g}, "
            f"found {false_reject_rate}; photograph more good parts or allow a higher rate"
        )
    return rank


def threshold_for(scores: tuple[float, ...], false_reject_rate: float, sizes: tuple[int, ...] | None = None) -> float:
    """The threshold that held-out scores promise.

    With sizes, it is the smallest score t for which the sum over parts of (share of the part's images that score at
    most t), divided by G + 1, is at least 1 - rate, for G parts (hierarchical conformal prediction, Lee, Barber and
    Willett, 2023). A random image of a new exchangeable part scores above it with probability at most `rate`.

    Args:
        scores: of good parts or images, in sigmas, ascending.
        false_reject_rate: the share of good parts or images that may be called defective, between 0 and 1.
        sizes: how many images the part of each score has; None where every score counts alike.

    Raises:
        UsageError: as in `quantile_rank`, or sizes that no parts have.
    """
    if sizes is None:
        return scores[quantile_rank(len(scores), false_reject_rate) - 1]
    parts = parts_of_sizes(sizes, len(scores))
    quantile_rank(parts, false_reject_rate)
    least = (parts + 1) * (1.0 - false_reject_rate) - 1e-9
    reached = _running_sums([1.0 / size for size in sizes])[1:]
    # rounding must not leave the last one below a whole number of parts
    return scores[min(bisect.bisect_left(reached, least), len(scores) - 1)]


def parts_of_sizes(sizes: tuple[int, ...], scores: int) -> int:
    """How many parts have so many images.

    Args:
        sizes: for each score, how many images its part has.
        scores: how many there are.

    Raises:
        UsageError: there are more or fewer sizes than scores, or parts with other numbers of images than stated.
    """
    counted = collections.Counter(sizes)
    if len(sizes) != scores or any(size < 1 or images % size for size, images in counted.items()):
        raise UsageError(f"sizes: expected {scores}, each as often as parts of that size have images, found others")
    return sum(images // size for size, images in counted.items())
