"""What a bundle knows about its good frames as pictures: their sizes, and the ranges of their statistics."""

import dataclasses
import math

from goodpart.errors import UsageError

STATISTICS = (
    "grey", "low", "high", "black", "saturated", "red", "blue", "colour", "sharpness", "noise", "seam",
)  # fmt: skip
"""Those that are checked; `frames.statistics` says what each is, and has others that are not."""

PIXEL_STATISTICS = ("sharpness", "noise", "seam")
"""Those of neighbouring pixels, which tell nothing at another size than the learned one."""

THERMAL_STATISTICS = ("sharpness", "noise", "saturated")
"""Those that hold for thermograms: their levels and differences move with the weather and the load."""

_WIDER = 0.1
"""How much wider than the good images' range sizes may be where the good images differ in size."""

_MOST_TIMES = 64
"""The largest whole multiple or fraction of a size."""

_SIDE_LIMIT_PX = 1 << 20

_FEW = 1000
"""Flagged images up to which the bound is exact; beyond, the normal distribution serves, which takes no sum."""

Ranges = dict[str, tuple[float, float]]
"""Lowest and highest value of statistics, by name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SizeRule:
    """The sizes of the good images.

    Attributes:
        heights_px, widths_px: lowest and highest, of the whole frame.
        aspects: lowest and highest height over width.
        exact: True if no multiple or fraction of a size is meant, because a region of interest lies at fixed pixels.
    """

    heights_px: tuple[int, int]
    widths_px: tuple[int, int]
    aspects: tuple[float, float]
    exact: bool

    def __post_init__(self) -> None:
        for name, (low, high) in (("heights_px", self.heights_px), ("widths_px", self.widths_px)):
            if not 1 <= low <= high <= _SIDE_LIMIT_PX:
                raise UsageError(f"checks {name}: expected 1 to {_SIDE_LIMIT_PX} in order, found {low}, {high}")
        if not 0.0 < self.aspects[0] <= self.aspects[1] < math.inf:
            raise UsageError(f"checks aspects: expected numbers above 0 in order, found {self.aspects}")

    @property
    def is_one(self) -> bool:
        """Whether all good images have one size."""
        return self.heights_px[0] == self.heights_px[1] and self.widths_px[0] == self.widths_px[1]

    def times(self, height_px: int, width_px: int) -> float | None:
        """How many times as large as good images a frame is: 1, a whole multiple, or one over a whole number.

        Args:
            height_px, width_px: of the frame.

        Returns:
            None if no such number fits.
        """
        for number in range(1, 2 if self.exact else _MOST_TIMES + 1):
            # a fraction may be rounded either way: 777 rows become 388 or 389
            if self._fits(height_px * number, width_px * number, rounded_px=number - 1):
                return 1.0 / number
            if height_px % number == width_px % number == 0 and self._fits(height_px // number, width_px // number):
                return float(number)
        return None

    def __str__(self) -> str:
        low_h, high_h = self.heights_px
        if self.is_one:
            return f"{low_h}x{self.widths_px[0]} pixels (HxW)" + (
                "" if self.exact else ", or a whole multiple or fraction of it"
            )
        low, high = self.aspects
        return (
            f"{math.ceil(low_h * (1 - _WIDER))} to {math.floor(high_h * (1 + _WIDER))} rows and a height over width of "
            f"{low * (1 - _WIDER):.3g} to {high * (1 + _WIDER):.3g}"
        )

    def _fits(self, height_px: int, width_px: int, *, rounded_px: int = 0) -> bool:
        if self.is_one:
            return abs(height_px - self.heights_px[0]) <= rounded_px and abs(width_px - self.widths_px[0]) <= rounded_px
        rows, aspect = self.heights_px, height_px / width_px
        return rows[0] * (1 - _WIDER) <= height_px <= rows[1] * (1 + _WIDER) and self.aspects[0] * (
            1 - _WIDER
        ) <= aspect <= self.aspects[1] * (1 + _WIDER)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FrameChecks:
    """What a frame must be like to be judged.

    Attributes:
        frames: good images that the ranges were learned from.
        flagged: how many of them lay outside the ranges that were learned from the others alone.
        rate: share of good frames that the ranges are meant to leave out, above 0, at most 0.1; an extrapolation.
        ranges: lowest and highest value of each statistic that is checked; none for small or few good images.
        limits: how far a device may widen each of the ranges.
        size: the sizes of the good images; None to take any size.
    """

    frames: int
    flagged: int
    rate: float
    ranges: Ranges
    limits: Ranges
    size: SizeRule | None = dataclasses.field(default=None, metadata={"optional": True})

    def __post_init__(self) -> None:
        if not 0 <= self.flagged <= self.frames or not 1 <= self.frames < 2**31:
            raise UsageError(f"checks: expected 0 <= flagged <= frames, found {self.flagged} and {self.frames}")
        if not 0.0 < self.rate <= 0.1:
            raise UsageError(f"checks rate: expected more than 0 and at most 0.1, found {self.rate}")
        if unknown := self.ranges.keys() - set(STATISTICS):
            raise UsageError(f"checks ranges: expected some of {list(STATISTICS)}, found {sorted(unknown)}")
        for name, (low, high) in (*self.ranges.items(), *self.limits.items()):
            # written so that a NaN fails
            if not -math.inf < low <= high < math.inf:
                raise UsageError(f"checks {name}: expected finite numbers in order, found {low}, {high}")
        if self.limits.keys() != self.ranges.keys():
            raise UsageError(f"checks limits: expected those of {list(self.ranges)}, found {list(self.limits)}")
        for name, (low, high) in self.ranges.items():
            if not (self.limits[name][0] <= low and high <= self.limits[name][1]):
                raise UsageError(f"checks {name}: expected limits around {low}, {high}, found {self.limits[name]}")

    def widened(self, ranges: Ranges) -> "FrameChecks":
        """The same checks with wider ranges.

        Args:
            ranges: instead of the present ones, by name; the others stay.

        Raises:
            UsageError: a statistic that is not checked, a range that does not hold the present one, or one beyond its
                limits.
        """
        for name, (low, high) in ranges.items():
            if name not in self.ranges:
                raise UsageError(f"checks: expected some of {list(self.ranges)}, found {name!r}")
            own, limit = self.ranges[name], self.limits[name]
            if not (limit[0] <= low <= own[0] and own[1] <= high <= limit[1]):
                raise UsageError(
                    f"checks {name}: expected a range around {own[0]:.4g} to {own[1]:.4g} within {limit[0]:.4g} to "
                    f"{limit[1]:.4g}, as the bundle allows, found {low:.4g} to {high:.4g}"
                )
        return dataclasses.replace(self, ranges=self.ranges | ranges)

    @property
    def sure_rate(self) -> float:
        """Share of good frames that lies outside at most, as the good images alone prove it, 95 % sure.

        Clopper and Pearson's upper end for `flagged` of `frames`; for 0 of n it is `1 - 0.05^(1/n)`, about 3 / n. Good
        images in a row from one shift prove less.
        """
        if self.flagged >= self.frames:
            return 1.0
        if self.flagged > _FEW:
            return min(1.0, (self.flagged + 1.645 * math.sqrt(self.flagged) + 2.0) / self.frames)
        low, high = 0.0, 1.0
        for _ in range(60):
            rate = (low + high) / 2
            if _at_most(self.flagged, self.frames, rate) > 0.05:
                low = rate
            else:
                high = rate
        return high


def _at_most(count: int, frames: int, rate: float) -> float:
    """Probability of at most `count` of `frames`, each with probability `rate`, between 0 and 1."""
    steps = (
        math.lgamma(frames + 1) - math.lgamma(each + 1) - math.lgamma(frames - each + 1)
        + each * math.log(rate) + (frames - each) * math.log1p(-rate)
        for each in range(count + 1)
    )  # fmt: skip
    return sum(map(math.exp, steps))
