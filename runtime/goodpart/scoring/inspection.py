"""What the caller gets for one frame."""

import dataclasses
import enum
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import Roi
from goodpart.scoring.regions import Region, find_regions
from goodpart.scoring.scores import enlarge, to_display

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
