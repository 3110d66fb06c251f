"""What the caller gets for one frame."""

import dataclasses
import enum

import numpy as np
import numpy.typing as npt

from goodpart.scoring import enlarge, to_display
from goodpart.spec import Roi


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
        p_value: share of good parts expected to score at least this high, 0 to 1, low is anomalous.
        grid: `(rows, columns) float32` calibrated scores of the patches, read-only, higher is more anomalous.
        frame_height_px, frame_width_px: size of the frame.
        roi: the part of the frame that the grid covers, or None for all of it.
        timings_ms: "embed", "search" and "score".
        recomputed_patches: patches whose distance was recomputed exactly to prove the image score.
    """

    verdict: Verdict
    reason: str | None
    score: float
    threshold: float
    p_value: float
    grid: npt.NDArray[np.float32]
    frame_height_px: int
    frame_width_px: int
    roi: Roi | None
    timings_ms: dict[str, float]
    recomputed_patches: int

    @property
    def margin(self) -> float:
        """`score - threshold` in sigmas: positive for DEFECT, and the closer to zero, the closer the call."""
        return self.score - self.threshold

    def calibrated_map(self) -> npt.NDArray[np.float32]:
        """`(H, W) float32` calibrated scores in sigmas, bilinear, frame pixels; what pixel metrics are computed from.

        Outside the region of interest it holds the lowest score of the grid: nothing was looked at there.
        """
        if self.roi is None:
            return enlarge(self.grid, self.frame_height_px, self.frame_width_px)
        full = np.full((self.frame_height_px, self.frame_width_px), self.grid.min(), np.float32)
        rows = slice(self.roi.y_px, self.roi.y_px + self.roi.height_px)
        columns = slice(self.roi.x_px, self.roi.x_px + self.roi.width_px)
        full[rows, columns] = enlarge(self.grid, self.roi.height_px, self.roi.width_px)
        return full

    def anomaly_map(self) -> npt.NDArray[np.float32]:
        """`(H, W) float32` in [0, 1], frame pixels: the sigmoid of `calibrated_map` (paper, pixel map), for display."""
        return to_display(self.calibrated_map())
