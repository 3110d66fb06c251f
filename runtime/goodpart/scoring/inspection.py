"""Inspection: the result for one frame."""

import dataclasses
import enum
import functools
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from goodpart.errors import FrameError
from goodpart.facts.spec import FrameSpec, Roi
from goodpart.scoring.caption import describe_overlay
from goodpart.scoring.explanation import NEAREST, NO_LINK, Explanation, HotPatches, Link, explain_patches
from goodpart.scoring.maps import counted_map, enlarge_flags, in_frame, to_display
from goodpart.scoring.overlay import ColourScale, Marks, draw_overlay, visible
from goodpart.scoring.plain import SCHEMA, plain_grid, plain_region
from goodpart.scoring.regions import Region, find_regions, inside_regions, peak_patch, strongest_patch
from goodpart.scoring.rounding import FIGURE_DIGITS, SCORE_DECIMALS, decimals_that_tell_apart, rounded, significant
from goodpart.scoring.stats import frame_stats

T = TypeVar("T", bound=np.generic)


class Verdict(enum.Enum):
    """The answer for one frame. UNKNOWN means that the frame is well-formed and yet cannot be judged."""

    GOOD = "GOOD"
    DEFECT = "DEFECT"
    UNKNOWN = "UNKNOWN"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Inspection:
    """The result of inspecting one frame.

    `score`, `margin` and `p_value` answer different questions. A frame that can be judged is a DEFECT if its score is
    above the threshold, and GOOD otherwise. `margin` is the severity: it has no upper limit. `p_value` limits
    false rejects and compares products: a station that rejects at `p_value <= 0.01` rejects about 1 % of the
    good parts of any product. It is no severity: it never falls below `1 / (n + 1)` with `n` held-out good parts, and
    most defects have exactly that value.

    Two inspections are equal only if they are the same object. Compare their attributes instead.

    Attributes:
        verdict, reason: the answer, and why it is UNKNOWN, else None.
        score: image score in sigmas of good patches, finite, higher is more anomalous.
        threshold: image score above which the verdict is DEFECT.
        threshold_moved, checks_moved: whether another threshold, or other frame checks than the bundle's own are used.
        pixel_threshold: calibrated score above which a patch belongs to a region.
        p_value: share of good parts expected to score at least this high, from `1 / (n + 1)` to 1, low is anomalous.
        grid: `(rows, columns) float32` calibrated scores of the patches, read-only, higher is more anomalous. Patches
            that never count hold the lowest score of the others.
        ignored: `(rows, columns) bool` patches that never count, read-only, or None if all count.
        smoothing: standard deviation, in patches, of the Gaussian that smooths the maps, 0 for none.
        frame_height_px, frame_width_px: size of the frame.
        frame_spec: what the frame is: its channels, its dtype, its region of interest.
        timings_ms: "embed", "search" and "score".
        recomputed_patches: number of patches whose distance was recomputed exactly, so that the image score and the
            regions are exact.
        statistics: what the frame is like as a picture, as `frame_statistics` says; empty if nothing is checked by it.
    """

    verdict: Verdict
    reason: str | None
    score: float
    threshold: float
    threshold_moved: bool
    checks_moved: bool
    pixel_threshold: float
    p_value: float
    grid: npt.NDArray[np.float32]
    ignored: npt.NDArray[np.bool_] | None
    smoothing: float
    frame_height_px: int
    frame_width_px: int
    frame_spec: FrameSpec
    timings_ms: dict[str, float]
    recomputed_patches: int
    statistics: Mapping[str, float]
    _hot: HotPatches | None = None
    _link: Link = NO_LINK

    def __repr__(self) -> str:
        decimals = decimals_that_tell_apart([(self.score, self.threshold)], at_least=2)
        count = len(self.regions)
        facts = [
            self.verdict.value if self.reason is None else f"{self.verdict.value}: {self.reason}",
            f"score {self.score:.{decimals}f} of {self.threshold:.{decimals}f}",
            f"p {self.p_value:.2g}",
            f"{count} region{'' if count == 1 else 's'}",
        ]
        return f"Inspection({', '.join(facts)})"

    @property
    def margin(self) -> float:
        """The severity: `score - threshold` in sigmas, above 0 for a DEFECT and near 0 for a close call."""
        return self.score - self.threshold

    @property
    def score_above_threshold(self) -> bool:
        """Whether the score alone would make the frame a DEFECT, also where it is UNKNOWN."""
        return not self.score <= self.threshold

    @property
    def roi(self) -> Roi | None:
        """The part of the frame that the grid covers, or None for all of it."""
        return self.frame_spec.roi

    @property
    def stats(self) -> dict[str, float]:
        """What `goodpart.drift` watches, each with 6 significant digits: see `frame_stats`."""
        return frame_stats(self.score, self.grid, self.ignored, self.statistics)

    @functools.cached_property
    def regions(self) -> tuple[Region, ...]:
        """Boxes of connected patches above the pixel threshold, in frame pixels, strongest first; computed once.

        They tell where to look. The verdict does not depend on them: a DEFECT may have no region, a GOOD frame may have
        one.
        """
        return find_regions(self.grid, self.pixel_threshold, self._area)

    @functools.cached_property
    def strongest(self) -> Region:
        """The patch with the highest score, whether or not it is above the pixel threshold; computed once."""
        return strongest_patch(self.grid, self._area)

    @property
    def colour_scale(self) -> ColourScale:
        """Where the colour of overlays begins and is full, in sigmas; from the two thresholds alone."""
        return ColourScale.of(self.threshold, self.pixel_threshold)

    def calibrated_map(self) -> npt.NDArray[np.float32]:
        """`(H, W) float32` calibrated scores in sigmas, smoothed and bilinear; what pixel metrics are computed from.

        Where the frame never counts (see `ignored_map`) it holds the lowest score of the grid. What stands there has no
        part in the pixels that count.
        """
        return self._map(self.smoothing)

    def anomaly_map(self) -> npt.NDArray[np.float32]:
        """`(H, W) float32` in [0, 1], frame pixels: the sigmoid of `calibrated_map` (paper, pixel map), for display."""
        return to_display(self.calibrated_map())

    def ignored_map(self) -> npt.NDArray[np.bool_]:
        """`(H, W) bool`, True where the frame never counts: in ignored patches and outside the region of interest."""
        ignored = np.zeros(self.grid.shape, np.bool_) if self.ignored is None else self.ignored
        inside = enlarge_flags(ignored, self._area.height_px, self._area.width_px)
        return self._in_frame(inside, outside=np.True_)

    def overlay(self, frame: npt.NDArray[Any], *, outlines: bool = False) -> npt.NDArray[np.uint8]:
        """The frame with colour where patches are above the threshold, and a contour at the pixel threshold.

        Colour begins at the lower of the two thresholds, see `colour_scale`. It covers at most half of the picture's
        contrast. The contour lies outside of what it marks. Overlays are not smoothed, so that they show the very
        patches that make the score. A DEFECT without a contour gets corners around its strongest patch. Grey stripes
        mark what never counts.

        Args:
            frame: the inspected frame.
            outlines: whether each region gets a thin outline.

        Returns:
            `(H, W, 3) uint8` picture, in RGB order for a frame of any order; OpenCV expects `picture[:, :, ::-1]`.

        Raises:
            FrameError: the frame has another dtype, number of channels or size than the inspected one.
        """
        checked = self.frame_spec.check(frame)
        if checked.shape[:2] != (self.frame_height_px, self.frame_width_px):
            raise FrameError(
                f"overlay: expected the inspected frame of {self.frame_height_px}x{self.frame_width_px} pixels (HxW), "
                f"found {checked.shape[0]}x{checked.shape[1]}"
            )
        scores = self._map(smoothing=0.0)
        marks = Marks(
            inside=inside_regions(scores, self.pixel_threshold, self.regions, self.grid.shape, self._area),
            boxes=self.regions if outlines else (),
            corners=() if self.regions or self.verdict is not Verdict.DEFECT else (self.strongest,),
            ignored=None if self.ignored is None and self.roi is None else self.ignored_map(),
        )
        return draw_overlay(visible(checked, self.frame_spec), scores, scale=self.colour_scale, marks=marks)

    @property
    def caption(self) -> tuple[str, ...]:
        """What belongs beside an overlay: verdict, score and threshold, then what its colour and lines mean. ASCII."""
        return describe_overlay(
            self.verdict.value, self.reason, score=self.score, peak=self.strongest.peak, marked=bool(self.regions),
            threshold=self.threshold, scale=self.colour_scale, pixel_threshold=self.pixel_threshold,
        )  # fmt: skip

    def explain(
        self,
        patches: Sequence[tuple[int, int]] | None = None,
        *,
        nearest: int = NEAREST,
        frame: npt.NDArray[Any] | None = None,
    ) -> tuple[Explanation, ...]:
        """Why: the good patches of the bank that are nearest to the peak of each region, exact, by image and place.

        It takes no time before it is asked for. The Inspector must still be open.

        Args:
            patches: rows and columns of the grid; None for the peak of each region, strongest first, and for a DEFECT
                without regions its hottest patch.
            nearest: how many good patches each, at least 1; at most as many as the bank has.
            frame: the inspected frame. Needed for `patches` other than the hottest one and the peaks, because an
                inspection keeps no other embeddings. It is embedded again.

        Raises:
            UsageError: the bundle does not say where its vectors come from (format version 1), the Inspector is closed
                or gone, a patch is outside the grid, or its embedding is not kept and no frame is given.
            BundleError: the list of images or the origins are damaged.
            FrameError: the frame is not what the bundle declares.
        """
        regions: Sequence[Region | None] = [None] * len(patches or ())
        if patches is None:
            patches = [peak_patch(self.grid, region, self._area) for region in self.regions]
            regions = self.regions
            if not regions and self.verdict is Verdict.DEFECT:
                patches, regions = [divmod(int(self.grid.argmax()), self.grid.shape[1])], [None]
        return explain_patches(
            self._link, self._hot, self.grid, self._area, patches, regions, count=nearest, frame=frame
        )

    def to_dict(self, *, grid: bool = False) -> dict[str, Any]:
        """The result as plain values for `json.dumps`, rounded to what they mean.

        Keys, all present in every result but the last two:

        - `schema`: 1, the version of these keys. New keys may come without a new version.
        - `verdict`: "GOOD", "DEFECT" or "UNKNOWN".
        - `reason`: why the verdict is UNKNOWN, else None.
        - `score`, `threshold`, `pixel_threshold`: sigmas, 4 decimals.
        - `threshold_moved`, `checks_moved`, `score_above_threshold`: as the attributes.
        - `margin`: the rounded score minus the rounded threshold.
        - `p_value`: 0 to 1, 6 significant digits.
        - `regions`: a list of dicts with the attributes of `Region`, strongest first; `peak` has 4 decimals,
          `area_share` 6 significant digits.
        - `frame_height_px`, `frame_width_px`: size of the frame; `timings_ms`: "embed", "search", "score", 3 decimals.
        - `stats`: what `goodpart drift` watches: "score" and "grid", and "grey", "sharpness", "row" and "column" if the
          frame is measured as a picture; 6 significant digits.
        - `grid`: with `grid=True`, a list of rows of calibrated scores, 4 decimals, None for patches that never count.
        - `roi`: with `grid=True`, `y_px`, `x_px`, `height_px` and `width_px` of what the grid covers, None for the
          whole frame.

        Scores get more than 4 decimals where 4 would make a score and its threshold, or a peak and the pixel threshold,
        equal although they are not. So a verdict derived from the rounded numbers is the verdict of the Inspection.

        Args:
            grid: whether the grid is included.
        """
        peaks = [(region.peak, self.pixel_threshold) for region in self.regions]
        decimals = decimals_that_tell_apart([(self.score, self.threshold), *peaks], at_least=SCORE_DECIMALS)
        score, threshold = rounded(self.score, decimals), rounded(self.threshold, decimals)
        plain: dict[str, Any] = {
            "schema": SCHEMA,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "score": score,
            "threshold": threshold,
            "threshold_moved": self.threshold_moved,
            "checks_moved": self.checks_moved,
            "score_above_threshold": self.score_above_threshold,
            "margin": rounded(score - threshold, decimals),
            "p_value": significant(self.p_value, FIGURE_DIGITS),
            "pixel_threshold": rounded(self.pixel_threshold, decimals),
            "regions": [plain_region(region, decimals) for region in self.regions],
            "frame_height_px": self.frame_height_px,
            "frame_width_px": self.frame_width_px,
            "timings_ms": {stage: round(ms, 3) for stage, ms in self.timings_ms.items()},
            "stats": self.stats,
        }
        if grid:
            plain["grid"] = plain_grid(self.grid, self.ignored)
            plain["roi"] = None if self.roi is None else dataclasses.asdict(self.roi)
        return plain

    def _map(self, smoothing: float) -> npt.NDArray[np.float32]:
        """`(H, W) float32` bilinear scores, in sigmas; the lowest of the grid where the frame never counts."""
        return self._in_frame(counted_map(self.grid, self.ignored, self._area, smoothing), outside=self.grid.min())

    @property
    def _area(self) -> Roi:
        """The part of the frame that the grid covers."""
        whole = Roi(y_px=0, x_px=0, height_px=self.frame_height_px, width_px=self.frame_width_px)
        return whole if self.roi is None else self.roi

    def _in_frame(self, inside: npt.NDArray[T], *, outside: T) -> npt.NDArray[T]:
        """The map of the area as a map of the frame."""
        return in_frame(inside, self.roi, self.frame_height_px, self.frame_width_px, outside=outside)
