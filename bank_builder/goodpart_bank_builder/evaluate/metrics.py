"""Image metrics and rates, computed by scikit-learn and scipy; None for a figure that cannot be computed.

Functions import both packages when called, because the imports take seconds and a build needs neither.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
"""Confidence level of the intervals of rates."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BestF1:
    """The best F1 of any threshold. It is tuned on labelled defects and promises nothing for other parts.

    Attributes:
        value: 0 to 1.
        threshold: scores above it count as defective, as in a verdict.
    """

    value: float
    threshold: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rate:
    """A share of parts, and its confidence interval.

    The interval is exact (Clopper and Pearson, 1934). It contains the true rate in at least 95 % of all samples, even
    with few parts and rare events. Wilson's interval is narrower, but reaches 95 % only on average. A figure that
    decides on the release of a line should rather be too wide. Images that show one part are no independent samples:
    the sample then counts as fewer, by its design effect (Korn and Graubard, Survey Methodology 24, 1998, without their
    factor of Student's t), down to the number of parts.

    Attributes:
        events: parts with the event.
        of: parts in the sample.
        images: images that show these parts; equal to `of` if every image shows a part of its own.
        value: `events / of`, None without parts.
        low, high: 95 % confidence interval, 0 to 1, None without parts.
    """

    events: int
    of: int
    images: int
    value: float | None
    low: float | None
    high: float | None

    @property
    def sample(self) -> str:
        """The sample in words: `12`, or `12 parts (96 images)` if parts have several images."""
        return f"{self.of}" if self.images == self.of else f"{self.of} parts ({self.images} images)"

    @property
    def interval(self) -> str:
        """The 95 % interval in percent: `0.0 to 30.8 %`; `n/a` without parts."""
        if self.low is None or self.high is None:
            return "n/a"
        return f"{100 * self.low:.1f} to {100 * self.high:.1f} %"


def rate_of(happened: npt.NDArray[np.bool_], *, images: int | None = None, parts: Sequence[str] | None = None) -> Rate:
    """Computes the rate of an event.

    Args:
        happened: `(n,) bool`, one value for each part of the sample.
        images: number of images that show these parts; None for one image per part.
        parts: the part that each image shows, where the sample is one of images; None if all are independent.
    """
    events, of = int(happened.sum()), len(happened)
    images = of if images is None else images
    if of == 0:
        return Rate(events=0, of=0, images=0, value=None, low=None, high=None)
    low, high = _exact_interval(events / of, of if parts is None else _independent(happened, parts))
    return Rate(events=events, of=of, images=images, value=events / of, low=low, high=high)


def _exact_interval(value: float, size: float) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share, also for a size that is no whole number."""
    from scipy.stats import beta

    tail, events = (1.0 - CONFIDENCE) / 2.0, value * size
    low = 0.0 if value == 0.0 else float(beta.ppf(tail, events, size - events + 1.0))
    high = 1.0 if value == 1.0 else float(beta.ppf(1.0 - tail, events + 1.0, size - events))
    return low, high


def _independent(happened: npt.NDArray[np.bool_], parts: Sequence[str]) -> float:
    """How many independent images tell as much about the rate as these: from the number of parts to that of images."""
    _, of_image, sizes = np.unique(np.asarray(parts), return_inverse=True, return_counts=True)
    of, count, value = len(happened), len(sizes), float(happened.mean())
    if count == of:
        return float(of)
    if count < 2 or value in (0.0, 1.0):
        # such a sample does not show how much alike the images of one part are
        return float(count)
    residuals = np.bincount(of_image, happened, count) - value * sizes
    variance = count / (count - 1.0) * float(residuals @ residuals) / of**2
    return min(float(of), max(float(count), value * (1.0 - value) / max(variance, 1e-12)))


def auroc(defective: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> float | None:
    """Area under the ROC curve, 0 to 1; None without both good and defective images.

    Args:
        defective: `(n,) bool`.
        scores: `(n,)` float, higher is more anomalous.
    """
    if defective.all() or not defective.any():
        return None
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(defective, scores))


def auprc(defective: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> float | None:
    """Area under the precision-recall curve as average precision, 0 to 1; None without both good and defective images.

    Args:
        defective: `(n,) bool`.
        scores: `(n,)` float, higher is more anomalous.
    """
    if defective.all() or not defective.any():
        return None
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(defective, scores))


def best_f1(defective: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> BestF1 | None:
    """The best F1 over all thresholds; None without both good and defective images.

    Args:
        defective: `(n,) bool`.
        scores: `(n,)` float, higher is more anomalous.
    """
    if defective.all() or not defective.any():
        return None
    value, lowest = best_cut(defective, scores)
    return BestF1(value=value, threshold=next_below(scores, lowest))


def best_cut(
    defective: npt.NDArray[np.bool_],
    scores: npt.NDArray[np.generic],
    weights: npt.NDArray[np.generic] | None = None,
) -> tuple[float, float]:
    """The best F1, and the lowest score that counts as defective for it (the lowest of equally good scores).

    Args:
        defective: `(n,) bool`, both kinds.
        scores: `(n,)` numbers, higher is more anomalous.
        weights: `(n,)` weight of each score, None for equal weights.
    """
    from sklearn.metrics import precision_recall_curve

    precision, recall, lowest = precision_recall_curve(defective, scores, sample_weight=weights)
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    best = int(np.argmax(f1))  # never the end of the curve, where nothing counts as defective
    return float(f1[best]), float(lowest[best])


def next_below(scores: npt.NDArray[np.floating], score: float) -> float:
    """The threshold that only `score` and all higher scores exceed: the next lower score.

    Args:
        scores: `(n,)` float.
        score: a number; if no score lies below it, the threshold is the next lower float.
    """
    lower = scores[scores < score]
    return float(lower.max()) if len(lower) else float(np.nextafter(score, -np.inf))


def mean_of(figures: Sequence[float | None]) -> float | None:
    """Mean of the figures that are not None; None if there are none."""
    present = [figure for figure in figures if figure is not None]
    return float(np.mean(present)) if present else None
