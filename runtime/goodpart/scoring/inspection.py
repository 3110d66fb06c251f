"""What the caller gets for one frame."""

import dataclasses
import enum
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import Roi
from goodpart.scoring.regions import Region, find_regions
from goodpart.scoring.rounding import decimals_that_tell_apart, rounded, significant
from goodpart.scoring.scores import enlarge, to_display

SCHEMA = 1
"""The version of what `Inspection.to_dict` returns. A key that is added leaves it; any other change raises it."""

_SCORE_DECIMALS = 4

T = TypeVar("T", bound=np.generic)


class Verdict(enum.Enum):
    """The answer for one frame. UNKNOWN: well-formed, but it cannot be judged."""

    GOOD = "GOOD"
    DEFECT = "DEFECT"
    UNKNOWN = "UNKNOWN"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inspection:
    """The result of inspecting one frame.

    Attributes:
        verdict: GOOD, DEFECT or UNKNOWN.
        reason: why the verdict is UNKNOWN, else None.
        score: image score in sigmas of good patches, finite, higher is more anomalous.
        threshold: image score above which the verdict is DEFECT.
        pixel_threshold: calibrated score above which a patch belongs to a region.
        p_value: share of good parts expected to score at least this high, 0 to 1, low is anomalous.
        grid: `(rows, columns) float32` calibrated scores of the patches, read-only, higher is more anomalous. Patches
            that never count hold the lowest score of the others.
        ignored: `(rows, columns) bool` patches that never count, read-only, or None if all count.
        smoothing: standard deviation, in patches, of the Gaussian that smooths the maps.
        frame_height_px, frame_width_px: size of the frame.
        roi: the part of the frame that the grid covers, or None for all of it.
        timings_ms: "embed", "search" and "score".
        recomputed_patches: patches whose distance was recomputed exactly to prove the image score and the regions.
    """

    verdict: Verdict
    reason: str | None
    score: float
    threshold: float
    pixel_threshold: float
    p_value: float
    grid: npt.NDArray[np.float32]
    ignored: npt.NDArray[np.bool_] | None
    smoothing: float
    frame_height_px: int
    frame_width_px: int
    roi: Roi | None
    timings_ms: dict[str, float]
    recomputed_patches: int

    @property
    def margin(self) -> float:
        """`score - threshold` in sigmas: positive for DEFECT, and the closer to zero, the closer the call."""
        return self.score - self.threshold

    @property
    def regions(self) -> tuple[Region, ...]:
        """Boxes of connected patches above the pixel threshold, strongest first, frame pixels; computed when asked.

        They say where to look, the verdict says whether: a DEFECT may have no region and a GOOD frame may have one.
        """
        return find_regions(self.grid, self.pixel_threshold, self._seen)

    def calibrated_map(self) -> npt.NDArray[np.float32]:
        """`(H, W) float32` calibrated scores in sigmas, smoothed and bilinear; what pixel metrics are computed from.

        Outside the region of interest it holds the lowest score of the grid: nothing was looked at there.
        """
        seen = enlarge(self.grid, self._seen.height_px, self._seen.width_px, smoothing=self.smoothing)
        return self._in_frame(seen, self.grid.min())

    def anomaly_map(self) -> npt.NDArray[np.float32]:
        """`(H, W) float32` in [0, 1], frame pixels: the sigmoid of `calibrated_map` (paper, pixel map), for display."""
        return to_display(self.calibrated_map())

    def ignored_map(self) -> npt.NDArray[np.bool_]:
        """`(H, W) bool`, True where the frame never counts: in ignored patches, outside the region of interest."""
        if self.ignored is None:
            seen = np.zeros((self._seen.height_px, self._seen.width_px), np.bool_)
        else:
            rows, columns = self.ignored.shape
            down = np.arange(self._seen.height_px) * rows // self._seen.height_px
            right = np.arange(self._seen.width_px) * columns // self._seen.width_px
            seen = self.ignored[down[:, np.newaxis], right]
        return self._in_frame(seen, np.True_)

    def to_dict(self, *, grid: bool = False) -> dict[str, Any]:
        """The result as plain values for `json.dumps`, rounded to what they mean.

        Keys, all present in every result but the last two:

        - `schema`: 1, the version of these keys. New keys may come without a new version.
        - `verdict`: "GOOD", "DEFECT" or "UNKNOWN".
        - `reason`: why the verdict is UNKNOWN, else None.
        - `score`, `threshold`, `pixel_threshold`: sigmas, 4 decimals.
        - `margin`: the rounded score minus the rounded threshold.
        - `p_value`: 0 to 1, 6 significant digits.
        - `regions`: a list of dicts with the attributes of `Region`, strongest first; `peak` has 4 decimals,
          `area_share` 6 significant digits.
        - `frame_height_px`, `frame_width_px`: size of the frame.
        - `timings_ms`: "embed", "search" and "score", 3 decimals.
        - `grid`: with `grid=True`, a list of rows of calibrated scores, 4 decimals, None for patches that never count.
        - `roi`: with `grid=True`, `y_px`, `x_px`, `height_px` and `width_px` of what the grid covers, None for the
          whole frame.

        Scores get more than 4 decimals where 4 would make a score and its threshold, or a peak and the pixel threshold,
        equal although they are not. So a verdict derived from the rounded numbers is the verdict of the Inspection.

        Args:
            grid: whether the grid is included.
        """
        peaks = [(region.peak, self.pixel_threshold) for region in self.regions]
        decimals = decimals_that_tell_apart([(self.score, self.threshold), *peaks], at_least=_SCORE_DECIMALS)
        score, threshold = rounded(self.score, decimals), rounded(self.threshold, decimals)
        plain: dict[str, Any] = {
            "schema": SCHEMA,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "score": score,
            "threshold": threshold,
            "margin": rounded(score - threshold, decimals),
            "p_value": significant(self.p_value, 6),
            "pixel_threshold": rounded(self.pixel_threshold, decimals),
            "regions": [_plain_region(region, decimals) for region in self.regions],
            "frame_height_px": self.frame_height_px,
            "frame_width_px": self.frame_width_px,
            "timings_ms": {stage: round(ms, 3) for stage, ms in self.timings_ms.items()},
        }
        if grid:
            plain["grid"] = self._plain_grid()
            plain["roi"] = None if self.roi is None else dataclasses.asdict(self.roi)
        return plain

    def _plain_grid(self) -> list[list[float | None]]:
        """The grid as rounded numbers, None for patches that never count."""
        ignored = np.zeros(self.grid.shape, np.bool_) if self.ignored is None else self.ignored
        return [
            [None if never else rounded(score, _SCORE_DECIMALS) for score, never in zip(scores, nevers, strict=True)]
            for scores, nevers in zip(self.grid.tolist(), ignored.tolist(), strict=True)
        ]

    @property
    def _seen(self) -> Roi:
        """The part of the frame that the grid covers."""
        whole = Roi(y_px=0, x_px=0, height_px=self.frame_height_px, width_px=self.frame_width_px)
        return whole if self.roi is None else self.roi

    def _in_frame(self, seen: npt.NDArray[T], outside: T) -> npt.NDArray[T]:
        """What lies inside the region of interest, within a frame that holds `outside` elsewhere."""
        if self.roi is None:
            return seen
        full = np.full((self.frame_height_px, self.frame_width_px), outside, seen.dtype)
        rows = slice(self.roi.y_px, self.roi.y_px + self.roi.height_px)
        full[rows, self.roi.x_px : self.roi.x_px + self.roi.width_px] = seen
        return full


def _plain_region(region: Region, decimals: int) -> dict[str, Any]:
    peak, area_share = rounded(region.peak, decimals), significant(region.area_share, 6)
    return dataclasses.asdict(region) | {"peak": peak, "area_share": area_share}
