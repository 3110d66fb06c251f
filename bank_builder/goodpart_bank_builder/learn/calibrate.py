"""Calibration on good parts that the bank does not hold."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart.facts.calibration import STD_FLOOR, Calibration, promise_of, threshold_for
from goodpart.scoring.scores import image_score
from goodpart_bank_builder.data.settings import LearnSettings


def make_calibration(
    distances: dict[Path, npt.NDArray[np.float64]],
    parts: dict[Path, str],
    settings: LearnSettings,
    *,
    top_k: int,
) -> Calibration:
    """Computes scale and thresholds from held-out distances.

    A part counts once, with the highest score of its images. Parts are exchangeable; several images of one part are
    not. On the line, a part is rejected when any of its images is rejected.

    Args:
        distances: `(P,) float64` of every held-out image, to a bank without its part.
        parts: the part of every image.
        settings: how parts were held out, and the share of good parts that may be called defective.
        top_k: patches that make an image score.

    Raises:
        UsageError: there are too few parts for the rate.
    """
    rate = settings.false_reject_rate
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
        method=settings.calibration,
        promise=promise_of(settings.calibration, rate),
        mean=mean,
        std=std,
        scores=by_score,
        peaks=by_peak,
        false_reject_rate=rate,
        threshold=threshold_for(by_score, rate),
        pixel_threshold=threshold_for(by_peak, rate),
    )
