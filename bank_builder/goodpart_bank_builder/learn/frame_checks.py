"""Learning of frame checks: the sizes of the good images, and the range of each statistic of a frame."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart.facts.checks import PIXEL_STATISTICS, THERMAL_STATISTICS, FrameChecks, SizeRule
from goodpart.facts.spec import BackboneSpec
from goodpart_bank_builder.learn.frame_facts import FrameFacts

RATE = 0.001
"""Share of good frames that all ranges together are meant to leave out."""

_LEAST = 10
"""Fewer good images show no spread; a bundle of them checks the size alone."""

_TAIL, _TAIL_LEAST = 0.1, 4
"""Share of the images, and the least number, from which the tail of a statistic is estimated."""

_WIDER, _TIMES = 1.25, 12
"""What the tails are lengthened by where held-out images lie outside, and how often at most."""

_FLOORS = {
    "grey": 1.0, "low": 1.0, "high": 1.0, "red": 0.5, "blue": 0.5, "colour": 0.1,
    "black": 0.02, "saturated": 0.02, "sharpness": 0.05, "noise": 0.05, "seam": 0.1,
}  # fmt: skip
"""What a range reaches beyond its tail at least: smaller differences are none."""

_Ranges = dict[str, tuple[float, float]]


def learn_checks(
    frames: Mapping[Path, FrameFacts], folds: Iterable[Iterable[Path]], spec: BackboneSpec, *, any_size: bool
) -> FrameChecks:
    """Learns what a frame must be like to be judged.

    A range ends where the tail of its statistic leaves out its share of `RATE`. The tail is taken to be exponential:
    peaks over threshold, with the mean excess of the outermost tenth raised by its standard error. That is an
    extrapolation, so all ranges are then learned without each fold in turn, and tails are lengthened until no more
    of the held-out images lie outside than the rate allows.

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
    return FrameChecks(
        frames=len(frames),
        flagged=flagged,
        rate=RATE,
        ranges=_ranges(usable, frames, times=times),
        size=None if any_size else _sizes(frames.values(), spec),
    )


def _usable(frames: Mapping[Path, FrameFacts], spec: BackboneSpec, *, any_size: bool) -> tuple[str, ...]:
    """The statistics that every image has and that mean something for these frames."""
    if len(frames) < _LEAST:
        return ()
    every = [facts.statistics for facts in frames.values()]
    return tuple(
        name
        for name in every[0]
        if all(name in one for one in every)
        and (spec.profile.excess is None or name in THERMAL_STATISTICS)
        and not (any_size and name in PIXEL_STATISTICS)
    )


def _flagged(names: tuple[str, ...], frames: Mapping[Path, FrameFacts], fold: list[Path], *, times: float) -> int:
    """How many images of a fold lie outside the ranges of all others."""
    others = {path: facts for path, facts in frames.items() if path not in set(fold)}
    if len(others) < _LEAST:
        return 0
    ranges = _ranges(names, others, times=times)
    return sum(
        any(not low <= frames[path].statistics[name] <= high for name, (low, high) in ranges.items()) for path in fold
    )


def _ranges(names: tuple[str, ...], frames: Mapping[Path, FrameFacts], *, times: float) -> _Ranges:
    share = RATE / (2 * max(1, len(names)))
    found: _Ranges = {}
    for name in names:
        values = np.array([facts.statistics[name] for facts in frames.values()])
        low, high = -_end(-values, share=share, times=times), _end(values, share=share, times=times)
        found[name] = low - _FLOORS[name], high + _FLOORS[name]
    return found


def _end(values: npt.NDArray[np.float64], *, share: float, times: float) -> float:
    """Above which value at most `share` of all frames lie, if the tail of `(n,)` values is exponential."""
    ordered = np.sort(values)
    tail = max(_TAIL_LEAST, math.floor(_TAIL * len(ordered)))
    start = ordered[-tail - 1]
    scale = float((ordered[-tail:] - start).mean()) * (1.0 + 1.0 / math.sqrt(tail))
    reach = math.log(tail / len(ordered) / share)
    return max(float(ordered[-1]), float(start) + times * scale * reach)


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
