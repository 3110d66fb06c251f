"""Calibration on good parts that the bank does not hold."""

import collections
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart.facts.calibration import STD_FLOOR, Calibration, CalibrationMethod, RateUnit, promise_of, threshold_for
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

    Per part, a part counts once, with the highest score of its images: on the line, a part is rejected when any of its
    images is. Per image, cross-conformal calibration counts all images alike. A split gives every part the weight 1,
    shared by its images, because parts are exchangeable and several images of one part are not.

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
    calibrated = dict(zip(distances, (every - mean) / std, strict=True))
    scores = {path: image_score(found, top_k) for path, found in calibrated.items()}
    peaks = {path: float(found.max()) for path, found in calibrated.items()}
    sizes = None
    if settings.rate_per is RateUnit.PART:
        by_score, by_peak = _worst(scores, parts), _worst(peaks, parts)
    else:
        by_score, by_peak = sorted(scores, key=scores.__getitem__), sorted(peaks, key=peaks.__getitem__)
        if settings.calibration is CalibrationMethod.SPLIT:
            sizes = collections.Counter(parts[path] for path in distances)
    score_sizes, peak_sizes = (
        None if sizes is None else tuple(sizes[parts[path]] for path in order) for order in (by_score, by_peak)
    )
    ranked, ranked_peaks = tuple(scores[path] for path in by_score), tuple(peaks[path] for path in by_peak)
    return Calibration(
        method=settings.calibration,
        promise=promise_of(settings.calibration, rate, settings.rate_per),
        mean=mean,
        std=std,
        scores=ranked,
        peaks=ranked_peaks,
        false_reject_rate=rate,
        threshold=threshold_for(ranked, rate, score_sizes),
        pixel_threshold=threshold_for(ranked_peaks, rate, peak_sizes),
        unit=settings.rate_per,
        score_sizes=score_sizes,
        peak_sizes=peak_sizes,
    )


def _worst(values: dict[Path, float], parts: dict[Path, str]) -> list[Path]:
    """The image of every part with the highest value, in ascending order of these."""
    worst: dict[str, Path] = {}
    for path, value in values.items():
        if parts[path] not in worst or value > values[worst[parts[path]]]:
            worst[parts[path]] = path
    return sorted(worst.values(), key=values.__getitem__)
