"""Outside: what makes an UNKNOWN frame, as a picture, unlike good parts."""

import dataclasses

from goodpart.facts.checks import FrameChecks
from goodpart.frames.checks import checked_names
from goodpart.scoring.inspection import Inspection, Verdict

_MARGIN = 0.06
"""Free space at both ends of a bar, as a share of it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outside:
    """One figure of a frame that no good part has.

    Attributes:
        name: as in `frame_statistics`, such as `grey`.
        value: of the frame.
        low, high: the lowest and highest value that counts as that of a good part.
    """

    name: str
    value: float
    low: float
    high: float

    @property
    def places(self) -> tuple[float, float, float]:
        """Where value, low and high lie on a bar that holds them all, 0 to 1."""
        first, last = min(self.value, self.low), max(self.value, self.high)
        span = max(last - first, 1e-9)
        value, low, high = (
            _MARGIN + (1.0 - 2.0 * _MARGIN) * (each - first) / span for each in (self.value, self.low, self.high)
        )
        return value, low, high


def outside_of(checks: FrameChecks | None, inspection: Inspection) -> tuple[Outside, ...]:
    """What makes an UNKNOWN frame unlike good ones, the farthest outside first.

    Args:
        checks: those in use; None if nothing is checked.
        inspection: of the frame.

    Returns:
        empty where the frame was judged, or has no signal to measure.
    """
    if inspection.verdict is not Verdict.UNKNOWN or checks is None or not inspection.statistics:
        return ()
    names = checked_names(checks, inspection.statistics, inspection.frame_height_px, inspection.frame_width_px)
    found = [
        Outside(name=name, value=inspection.statistics[name], low=checks.ranges[name][0], high=checks.ranges[name][1])
        for name in names
    ]
    return tuple(sorted((each for each in found if not each.low <= each.value <= each.high), key=_far, reverse=True))


def _far(each: Outside) -> float:
    return max(each.low - each.value, each.value - each.high) / (each.high - each.low + 1e-9)
