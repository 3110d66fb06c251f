"""Detection metrics, by scikit-learn; None where they cannot be had."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score


def auroc(defective: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> float | None:
    """Area under the ROC curve, 0 to 1; None without both good and defective ones.

    Args:
        defective: `(n,) bool`.
        scores: `(n,)` float, higher is more anomalous.
    """
    if defective.all() or not defective.any():
        return None
    return float(roc_auc_score(defective, scores))


def auprc(defective: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> float | None:
    """Area under the precision-recall curve as average precision, 0 to 1; None without both good and defective ones.

    Args:
        defective: `(n,) bool`.
        scores: `(n,)` float, higher is more anomalous.
    """
    if defective.all() or not defective.any():
        return None
    return float(average_precision_score(defective, scores))


def mean_of(figures: Sequence[float | None]) -> float | None:
    """Mean of the figures that could be had; None if there are none."""
    had = [figure for figure in figures if figure is not None]
    return float(np.mean(had)) if had else None
