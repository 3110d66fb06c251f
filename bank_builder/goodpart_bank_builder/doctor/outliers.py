"""Outliers: images that a bank without their part finds strange, and what the threshold rests on."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from goodpart.facts.calibration import Calibration, RateUnit
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.doctor.finding import Finding, FindingKind, OddImage, finding
from goodpart_bank_builder.doctor.robust import upper_z
from goodpart_bank_builder.learn.calibrate import make_calibration
from goodpart_bank_builder.learn.learn import Learned

_Z = 4.0
_FLOOR = 0.03
"""The least scale of the logarithm of scores: where good images hardly differ, 12 % more is no outlier yet."""

_CARRIERS = 3
"""At most so many images carry a threshold alone."""

_DROP = 0.2
"""A threshold that falls by more than this share without a few outliers rests on them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SupportingPart:
    """A part, or an image where these are counted, whose held-out score is the threshold or above it.

    Attributes:
        image: its image with the highest score, by name.
        score: in sigmas.
        is_outlier: whether the image is an outlier among all images.
    """

    image: str
    score: float
    is_outlier: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class ThresholdSupport:
    """What the threshold rests on.

    Attributes:
        threshold: image score, in sigmas.
        unit: what the rate is a share of.
        count: how many held-out parts or images, as the unit says, score as high or higher.
        parts: all of them, the highest first.
        carried_by: the one to three highest outliers, by name, if the threshold is more than 20 % lower without them;
            otherwise empty.
        threshold_without: the threshold without the images of `carried_by`, in the sigmas of `threshold`; None where
            there are none. A bundle without them has sigmas of its own.
    """

    threshold: float
    unit: RateUnit
    count: int
    parts: tuple[SupportingPart, ...]
    carried_by: tuple[str, ...]
    threshold_without: float | None


def outlier_scores(learned: Learned) -> dict[Path, float]:
    """How strange every held-out image is: the upper robust z of the logarithm of its raw score.

    The raw score is the mean of the image's highest distances. Mean and standard deviation of the calibration play no
    part in it, because an outlier moves both.

    Args:
        learned: what the good images taught.

    Returns:
        z by path; higher is stranger.
    """
    raw = np.log(np.maximum(np.array(learned.worst, np.float64), 1e-9))
    return dict(zip(learned.held_out, upper_z(raw, floor=_FLOOR).tolist(), strict=True))


def is_outlier(z: float) -> bool:
    """Whether an image of this robust z wants a look."""
    return z > _Z


def find_outliers(scores: dict[Path, float], folder: Path) -> list[Finding]:
    """The images that want a look because of their held-out scores.

    Args:
        scores: from `outlier_scores`.
        folder: what names are relative to.
    """
    odd = [
        OddImage(name=path.relative_to(folder).as_posix(), figure=z, why="unlike the others, by held-out score")
        for path, z in scores.items()
        if is_outlier(z)
    ]
    return finding(
        FindingKind.OUTLIER,
        odd,
        summary=f"{{count}} unlike the others, by held-out score (robust z above {_Z:g})",
        advice="look at these; leave out with --exclude what is no good part",
    )


def threshold_support(
    learned: Learned, parts: dict[Path, str], settings: LearnSettings, scores: dict[Path, float], folder: Path
) -> ThresholdSupport:
    """What the threshold rests on.

    Args:
        learned: what the good images taught.
        parts: the part of every image.
        settings: with which they were learned.
        scores: from `outlier_scores`.
        folder: what names are relative to.
    """
    calibration = learned.calibration
    raw = dict(zip(learned.held_out, learned.worst, strict=True))
    worst: dict[str, Path] = {}
    for path, score in raw.items():
        counted_as = parts[path] if settings.rate_per is RateUnit.PART else str(path)
        if counted_as not in worst or score > raw[worst[counted_as]]:
            worst[counted_as] = path
    ranked = sorted(worst.values(), key=lambda path: (-raw[path], path))
    # the mean of calibrated distances is the calibrated mean, but for rounding
    count = sum(score >= calibration.threshold for score in calibration.scores)
    above = ranked[:count]
    strangest = sorted(scores, key=lambda path: (-raw[path], path))[:_CARRIERS]
    carriers = [path for path in strangest if is_outlier(scores[path])]
    without = _threshold_without(learned, parts, settings, carriers) if carriers else calibration.threshold
    carried = calibration.threshold - without > _DROP * abs(calibration.threshold)
    return ThresholdSupport(
        threshold=calibration.threshold,
        unit=settings.rate_per,
        count=count,
        parts=tuple(
            SupportingPart(
                image=path.relative_to(folder).as_posix(),
                score=(raw[path] - calibration.mean) / calibration.std,
                is_outlier=is_outlier(scores[path]),
            )
            for path in above
        ),
        carried_by=tuple(path.relative_to(folder).as_posix() for path in carriers) if carried else (),
        threshold_without=without if carried else None,
    )


def _threshold_without(
    learned: Learned, parts: dict[Path, str], settings: LearnSettings, images: Sequence[Path]
) -> float:
    """The threshold that the other images give, in present sigmas, at the rate or the least that they support.

    Without an outlier a sigma is smaller as well. In sigmas of their own, the two thresholds would seem nearer.
    """
    others = {path: found for path, found in learned.held_out.items() if path not in images}
    if not others:
        return learned.calibration.threshold
    count = settings.supporting(parts=len({parts[path] for path in others}), images=len(others))
    rate = max(settings.false_reject_rate, 1.0 / (count + 1))
    calibration: Calibration = make_calibration(
        others, parts, dataclasses.replace(settings, false_reject_rate=rate), top_k=learned.top_k
    )
    present = learned.calibration
    return (calibration.mean + calibration.std * calibration.threshold - present.mean) / present.std
