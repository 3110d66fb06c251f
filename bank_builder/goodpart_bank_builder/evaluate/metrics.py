"""Image metrics and rates, by scikit-learn and scipy; None where they cannot be had.

Both are imported where they are called: they take seconds to import, and a build needs neither.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
"""Of the intervals of rates."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BestF1:
    """The best F1 that any threshold gives, tuned on labelled defects: never a promise for other parts.

    Attributes:
        value: 0 to 1.
        threshold: scores above it count as defective, as in a verdict.
    """

    value: float
    threshold: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rate:
    """A share of parts, and what a sample of this size says of the line.

    The interval is the exact one of Clopper and Pearson (1934): it holds the true rate in at least 95 % of all samples,
    however few parts there are and however rare the event. Wilson's is narrower and right on average only; a figure
    that a line is released on should err on the wide side.

    Attributes:
        events: parts that it happened to.
        of: parts that it could have happened to.
        images: that show these parts; as many as parts where every image shows a part of its own.
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
        """What the rate was counted on: `12`, or `12 parts (96 images)` where parts have several images."""
        return f"{self.of}" if self.images == self.of else f"{self.of} parts ({self.images} images)"


def rate_of(happened: npt.NDArray[np.bool_], *, images: int | None = None) -> Rate:
    """The rate of an event.

    Args:
        happened: `(n,) bool`, one for each part that it could have happened to.
        images: that show these parts; None for one image per part.
    """
    events, of = int(happened.sum()), len(happened)
    images = of if images is None else images
    if of == 0:
        return Rate(events=0, of=0, images=0, value=None, low=None, high=None)
    from scipy.stats import binomtest

    interval = binomtest(events, of).proportion_ci(CONFIDENCE, method="exact")
    low, high = float(interval.low), float(interval.high)
    return Rate(events=events, of=of, images=images, value=events / of, low=low, high=high)


def auroc(defective: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> float | None:
    """Area under the ROC curve, 0 to 1; None without both good and defective ones.

    Args:
        defective: `(n,) bool`.
        scores: `(n,)` float, higher is more anomalous.
    """
    if defective.all() or not defective.any():
        return None
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(defective, scores))


def auprc(defective: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> float | None:
    """Area under the precision-recall curve as average precision, 0 to 1; None without both good and defective ones.

    Args:
        defective: `(n,) bool`.
        scores: `(n,)` float, higher is more anomalous.
    """
    if defective.all() or not defective.any():
        return None
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(defective, scores))


def best_f1(defective: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> BestF1 | None:
    """The best F1 over all thresholds; None without both good and defective ones.

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
    """The best F1, and the lowest score that counts as defective there (the lowest of equally good ones).

    Args:
        defective: `(n,) bool`, both kinds.
        scores: `(n,)` numbers, higher is more anomalous.
        weights: `(n,)` how often each one counts, None for once.
    """
    from sklearn.metrics import precision_recall_curve

    precision, recall, lowest = precision_recall_curve(defective, scores, sample_weight=weights)
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    best = int(np.argmax(f1))  # never the end of the curve, where nothing counts as defective
    return float(f1[best]), float(lowest[best])


def next_below(scores: npt.NDArray[np.floating], score: float) -> float:
    """The threshold that `score` and all higher ones are above, and no other: the next lower score.

    Args:
        scores: `(n,)` float.
        score: a number; where no score lies below it, the next lower number is the threshold.
    """
    lower = scores[scores < score]
    return float(lower.max()) if len(lower) else float(np.nextafter(score, -np.inf))


def mean_of(figures: Sequence[float | None]) -> float | None:
    """Mean of the figures that could be had; None if there are none."""
    had = [figure for figure in figures if figure is not None]
    return float(np.mean(had)) if had else None
