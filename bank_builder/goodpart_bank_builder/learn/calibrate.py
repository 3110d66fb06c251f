"""Calibration on good parts that the bank does not know."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart.bank.exact import nearest_distances
from goodpart.facts.calibration import STD_FLOOR, Calibration, CalibrationMethod, promise_of, threshold_for
from goodpart.scoring.scores import image_score
from goodpart_bank_builder.learn.coreset import Coreset


def exact_distances(
    embeddings: npt.NDArray[np.float32], coreset: Coreset, *, neighbours: int
) -> npt.NDArray[np.float64]:
    """`(P,) float64` patch distances of one image to a bank, by brute force on all cores.

    Args:
        embeddings: `(P, D) float32` unit vectors.
        coreset: the bank, of at least K vectors.
        neighbours: K.
    """
    similarities = coreset.vectors @ embeddings.T
    return nearest_distances(similarities, coreset.vectors, embeddings, neighbours=neighbours)


def make_calibration(
    distances: dict[Path, npt.NDArray[np.float64]],
    parts: dict[Path, str],
    *,
    method: CalibrationMethod,
    top_k: int,
    false_reject_rate: float,
) -> Calibration:
    """Scale and thresholds from held-out distances.

    A part counts once, with its worst image: parts are exchangeable, several images of one are not, and on the line a
    part is rejected when any of its images is.

    Args:
        distances: `(P,) float64` of every held-out image, to a bank without its part.
        parts: the part of every image.
        method: how they were held out.
        top_k: patches that make an image score.
        false_reject_rate: the share of good parts that may be called defective.

    Raises:
        UsageError: so few parts do not support the rate.
    """
    every = np.stack(list(distances.values()))
    mean, std = float(every.mean()), max(float(every.std()), STD_FLOOR)
    scores: dict[str, float] = {}
    peaks: dict[str, float] = {}
    for path, calibrated in zip(distances, (every - mean) / std, strict=True):
        part = parts[path]
        scores[part] = max(scores.get(part, -np.inf), image_score(calibrated, top_k))
        peaks[part] = max(peaks.get(part, -np.inf), float(calibrated.max()))
    by_score, by_peak = tuple(sorted(scores.values())), tuple(sorted(peaks.values()))
    return Calibration(
        method=method,
        promise=promise_of(method, false_reject_rate),
        mean=mean,
        std=std,
        scores=by_score,
        peaks=by_peak,
        false_reject_rate=false_reject_rate,
        threshold=threshold_for(by_score, false_reject_rate),
        pixel_threshold=threshold_for(by_peak, false_reject_rate),
    )
