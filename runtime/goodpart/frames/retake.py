"""Retake: wider ranges for frame checks, from frames that an engineer vouches for."""

from collections.abc import Mapping

from goodpart.errors import UsageError
from goodpart.facts.checks import FrameChecks, Ranges
from goodpart.frames.checks import checked_names
from goodpart.frames.ranges import LEAST_FRAMES, learn_ranges


def retaken_ranges(
    checks: FrameChecks, frames: Mapping[str, Mapping[str, float]], sizes_px: Mapping[str, tuple[int, int]]
) -> Ranges:
    """The ranges that hold the good frames of the build and other ones.

    A statistic of which all frames lie inside keeps its range. The others get what the builder would learn from these
    frames, together with the range that they have; it ends at the limit.

    Args:
        checks: of the bundle.
        frames: `frame_statistics` of at least `LEAST_FRAMES` frames, by the name of the frame.
        sizes_px: height and width of each of them.

    Returns:
        the ranges that are wider than in `checks`, by the name of the statistic.

    Raises:
        UsageError: too few frames, or one that lies beyond the limits.
    """
    if len(frames) < LEAST_FRAMES:
        raise UsageError(f"expected at least {LEAST_FRAMES} frames, found {len(frames)}; take more of them")
    found: Ranges = {}
    for name, (low, high) in checks.ranges.items():
        told = {
            frame: statistics
            for frame, statistics in frames.items()
            if name in checked_names(checks, statistics, *sizes_px[frame])
        }
        limit = checks.limits[name]
        for frame, statistics in told.items():
            if not limit[0] <= statistics[name] <= limit[1]:
                raise UsageError(
                    f"{frame}: expected {name} of {limit[0]:.4g} to {limit[1]:.4g}, the limits of the bundle, found "
                    f"{statistics[name]:.4g}; leave this frame out, or build a bundle from such frames"
                )
        if all(low <= statistics[name] <= high for statistics in told.values()):
            continue
        if len(told) < LEAST_FRAMES:
            raise UsageError(
                f"{name}: expected at least {LEAST_FRAMES} frames of the learned size, found {len(told)}; take more"
            )
        lowest, highest = learn_ranges([name], told.values(), rate=checks.rate / len(checks.ranges))[name]
        found[name] = max(limit[0], min(low, lowest)), min(limit[1], max(high, highest))
    return found
