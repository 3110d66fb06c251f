"""Learning of frame checks: the sizes of the good images, and the range of each statistic of a frame."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from goodpart.facts.checks import PIXEL_STATISTICS, STATISTICS, THERMAL_STATISTICS, FrameChecks, SizeRule
from goodpart.facts.spec import BackboneSpec
from goodpart.frames.ranges import LEAST_FRAMES, learn_ranges
from goodpart_bank_builder.learn.frame_facts import FrameFacts

RATE = 0.001
"""Share of good frames that all ranges together are meant to leave out."""

_WIDER, _TIMES = 1.25, 12
"""What the tails are lengthened by where held-out images lie outside, and how often at most."""

_REACH = {
    "grey": 50.0, "low": 50.0, "high": 50.0, "red": 15.0, "blue": 15.0, "colour": 15.0,
    "black": 0.25, "saturated": 0.25, "sharpness": 0.7, "noise": 0.7, "seam": 0.7,
}  # fmt: skip
"""How far a device may move either end of a range: a lamp a fifth brighter, half as sharp, twice the noise."""


def learn_checks(
    frames: Mapping[Path, FrameFacts], folds: Iterable[Iterable[Path]], spec: BackboneSpec, *, any_size: bool
) -> FrameChecks:
    """Learns what a frame must be like to be judged.

    The ranges of `learn_ranges` are an extrapolation. So all of them are learned without each fold in turn, and tails
    are lengthened until no more of the held-out images lie outside than `RATE` allows.

    Args:
        frames: what every good image is like as a picture, by path.
        folds: images that are held out together; those that are not in `frames` do not count.
        spec: of the backbone.
        any_size: whether frames of every size are judged; then sharpness, noise and seams are not checked either.
    """
    usable = _usable(frames, spec, any_size=any_size)
    held_out = [[path for path in fold if path in frames] for fold in folds]
    flagged, times = 0, 1.0
    for _ in range(_TIMES):
        flagged = sum(_flagged(usable, frames, fold, times=times) for fold in held_out)
        if flagged <= RATE * len(frames):
            break
        times *= _WIDER
    ranges = learn_ranges(usable, _statistics(frames.values()), rate=RATE, times=times)
    return FrameChecks(
        frames=len(frames),
        flagged=flagged,
        rate=RATE,
        ranges=ranges,
        limits={name: (low - _REACH[name], high + _REACH[name]) for name, (low, high) in ranges.items()},
        size=None if any_size else _sizes(frames.values(), spec),
    )


def _usable(frames: Mapping[Path, FrameFacts], spec: BackboneSpec, *, any_size: bool) -> tuple[str, ...]:
    """The statistics that every image has and that mean something for these frames."""
    if len(frames) < LEAST_FRAMES:
        return ()
    every = _statistics(frames.values())
    return tuple(
        name
        for name in STATISTICS
        if all(name in one for one in every)
        and (spec.profile.excess is None or name in THERMAL_STATISTICS)
        and not (any_size and name in PIXEL_STATISTICS)
    )


def _flagged(names: tuple[str, ...], frames: Mapping[Path, FrameFacts], fold: list[Path], *, times: float) -> int:
    """How many images of a fold lie outside the ranges of all others."""
    others = {path: facts for path, facts in frames.items() if path not in set(fold)}
    if len(others) < LEAST_FRAMES:
        return 0
    ranges = learn_ranges(names, _statistics(others.values()), rate=RATE, times=times)
    return sum(
        any(not low <= frames[path].statistics[name] <= high for name, (low, high) in ranges.items()) for path in fold
    )


def _statistics(frames: Iterable[FrameFacts]) -> list[dict[str, float]]:
    return [facts.statistics for facts in frames]


def _sizes(frames: Iterable[FrameFacts], spec: BackboneSpec) -> SizeRule:
    sizes = np.array([(one.height_px, one.width_px) for one in frames])
    aspects = sizes[:, 0] / sizes[:, 1]
    (low_h, low_w), (high_h, high_w) = sizes.min(axis=0).tolist(), sizes.max(axis=0).tolist()
    return SizeRule(
        heights_px=(low_h, high_h),
        widths_px=(low_w, high_w),
        aspects=(float(aspects.min()), float(aspects.max())),
        exact=spec.frame.roi is not None,
    )
