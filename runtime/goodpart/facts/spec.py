"""What a backbone is: its frame, grid, weights and profile, as frozen dataclasses that refuse impossible values.

`strict_json` turns them into JSON and back; `docs/bundle-format.md` says what each means on disk.
"""

import dataclasses
import enum
import re
import sys

import numpy as np
import numpy.typing as npt

from goodpart.errors import FrameError, UsageError
from goodpart.facts.profile import Profile

SHA256 = re.compile(r"[0-9a-f]{64}")
"""What the hex digits of a sha256 look like."""


_DEAD_LEVELS = 5
"""Neighbouring levels, 255ths of the range, over which a dark or saturated sensor's noise spreads at most."""

_LIVELY_SHARE = 0.001
"""Share of the pixels that may say something in a frame that is dead nevertheless: hot pixels, a reflection."""


class Channels(enum.Enum):
    """The channels of a frame, in memory order."""

    RGB = "RGB"
    BGR = "BGR"
    GRAY = "GRAY"


class PixelType(enum.Enum):
    """The dtype of a frame."""

    UINT8 = "uint8"
    UINT16 = "uint16"


class WeightsSource(enum.Enum):
    """Where a backbone's weights came from."""

    IMAGENET = "imagenet"
    FILE = "file"
    UNTRAINED = "untrained"


class Precision(enum.Enum):
    """The arithmetic of a backbone's convolutions."""

    FLOAT32 = "float32"
    INT8 = "int8"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Roi:
    """Region of interest: the rectangle of the frame that is inspected, in frame pixels."""

    y_px: int
    x_px: int
    height_px: int
    width_px: int

    def __post_init__(self) -> None:
        if self.y_px < 0 or self.x_px < 0 or self.height_px < 1 or self.width_px < 1:
            raise UsageError(f"roi: expected Y,X >= 0 and H,W >= 1, found {dataclasses.astuple(self)}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FrameSpec:
    """What a frame must be; height and width are free.

    Attributes:
        channels: RGB or BGR for `(H, W, 3)`, GRAY for `(H, W)`.
        dtype: uint8, or uint16 (GRAY only: thermal and 12-bit cameras).
        value_range: for uint16 the pixel values that become black and white (values outside are clipped), else None.
        roi: the part of the frame that is inspected, or None for all of it.
    """

    channels: Channels
    dtype: PixelType
    value_range: tuple[int, int] | None
    roi: Roi | None

    def __post_init__(self) -> None:
        if self.dtype is PixelType.UINT16:
            if self.channels is not Channels.GRAY:
                raise UsageError(f"frame: uint16 goes with GRAY only, found {self.channels.value}")
            if self.value_range is None or not 0 <= self.value_range[0] < self.value_range[1] <= 65535:
                raise UsageError(f"frame value range: uint16 needs 0 <= LO < HI <= 65535, found {self.value_range}")
        elif self.value_range is not None:
            raise UsageError(f"frame value range: expected none for uint8, found {self.value_range}")

    def describe(self) -> str:
        """The frame in words, for messages: `uint8 RGB (H, W, 3)`."""
        return f"{self.dtype.value} {self.channels.value} {'(H, W)' if self.channels is Channels.GRAY else '(H, W, 3)'}"

    def check(self, frame: object) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
        """The frame itself, if it is what this spec declares.

        Raises:
            FrameError: not an array, non-finite values, another dtype, channel count or number of dimensions, no
                pixels, or smaller than the region of interest.
        """
        if not isinstance(frame, np.ndarray) or _is_masked(frame):
            raise FrameError(f"frame: expected a numpy array of {self.describe()}, found {type(frame).__name__}")
        if frame.dtype.kind in "fc" and not np.isfinite(frame).all():
            raise FrameError(
                f"frame: expected {self.describe()}, found {frame.dtype} with NaN or infinite values; check the camera"
            )
        if frame.dtype != np.dtype(self.dtype.value):
            raise FrameError(
                f"frame: expected {self.describe()}, found dtype {frame.dtype}; convert it, or export for that dtype"
            )
        wanted = frame.ndim == 2 if self.channels is Channels.GRAY else frame.ndim == 3 and frame.shape[2] == 3
        if not wanted or frame.size == 0:
            raise FrameError(f"frame: expected {self.describe()} with at least one pixel, found shape {frame.shape}")
        self.check_size(frame.shape[0], frame.shape[1])
        return frame

    def check_size(self, height_px: int, width_px: int, *, what: str = "frame") -> None:
        """Refuses a picture that the region of interest does not fit into; `what` is how messages call it.

        Raises:
            FrameError: it is too small.
        """
        if self.roi is not None:
            bottom, right = self.roi.y_px + self.roi.height_px, self.roi.x_px + self.roi.width_px
            if height_px < bottom or width_px < right:
                raise FrameError(
                    f"{what}: expected at least {bottom}x{right} pixels (HxW) for the region of interest, "
                    f"found {height_px}x{width_px}"
                )

    def inspected(self, frame: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """The part of a checked frame that is inspected: a view of the region of interest, or all of it."""
        if self.roi is None:
            return frame
        rows = slice(self.roi.y_px, self.roi.y_px + self.roi.height_px)
        return frame[rows, self.roi.x_px : self.roi.x_px + self.roi.width_px]

    def no_signal(self, frame: npt.NDArray[np.generic]) -> str | None:
        """Why a checked frame can neither be judged nor learned from, or None.

        Every pixel is the same, or in every channel all values but one in a thousand lie within 4 levels of each other,
        a level being a 255th of the range. A lit scene is spread wider by the light's own noise, even a plain surface;
        a covered lens and a saturated sensor are not.
        """
        # a plain array: a subclass such as np.matrix has rules of its own
        pixels = np.asarray(self.inspected(frame))
        first = pixels[0, 0]
        # a few rows tell most frames apart from a constant one, so the full pass is rare
        if (_some_rows(pixels) == first).all() and (pixels == first).all():
            return f"no signal: every pixel is {first.tolist()}"
        channels = [pixels] if pixels.ndim == 2 else [pixels[:, :, at] for at in range(pixels.shape[2])]
        ends: list[str] = []
        for channel in channels:
            if (end := self._dead(channel)) is None:
                return None
            ends += [end] if end not in ends else []
        return f"no signal: the frame is {' and '.join(ends)}; check light, exposure and camera"

    def _dead(self, channel: npt.NDArray[np.generic]) -> str | None:
        """Where in the range nearly all values of a `(H, W)` channel lie close together, or None."""
        allowed, start = channel.size * _LIVELY_SHARE, 0
        # a few rows often hold more other values than a dead frame may have at all
        for pixels in (_some_rows(channel), channel):
            counts = np.bincount(self._levels(pixels).ravel(), minlength=256)
            together = np.convolve(counts, np.ones(_DEAD_LEVELS, np.int64), "valid")
            start = int(together.argmax())
            if pixels.size - together[start] > allowed:
                return None
        return "black" if start == 0 else "saturated" if start == 256 - _DEAD_LEVELS else "flat"

    def _levels(self, pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Values as levels, 0 to 255."""
        if self.value_range is None:
            return pixels
        low, high = self.value_range
        return np.clip((pixels.astype(np.int64) - low) * 255 // (high - low), 0, 255)


def _is_masked(frame: npt.NDArray[np.generic]) -> bool:
    """Whether it is a masked array: it says that some of its pixels do not count, and the graph would count them."""
    # looking at `np.ma` would import it, which costs a cold start 14 ms, and where nobody has there is no such array
    masked = sys.modules.get("numpy.ma")
    return masked is not None and isinstance(frame, masked.MaskedArray)


def _some_rows(pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    return pixels[:: max(1, pixels.shape[0] // 16)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GridSpec:
    """The patches of one frame: `rows * columns` embeddings of `dimension` float32 values."""

    rows: int
    columns: int
    dimension: int

    def __post_init__(self) -> None:
        if not (1 <= self.rows <= 1024 and 1 <= self.columns <= 1024 and 1 <= self.dimension <= 4096):
            raise UsageError(f"grid: expected 1 to 1024 rows and columns, 1 to 4096 values, found {self}")

    @property
    def patches(self) -> int:
        """Patches of one frame."""
        return self.rows * self.columns


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightsSpec:
    """Which weights a backbone has: where from, the file's name and sha256, or the seed of untrained ones."""

    source: WeightsSource
    name: str | None
    sha256: str | None
    seed: int | None

    def __post_init__(self) -> None:
        if self.source is WeightsSource.UNTRAINED:
            if self.seed is None or self.sha256 is not None:
                raise UsageError("weights: untrained ones have a seed and no sha256")
        elif self.sha256 is None or not SHA256.fullmatch(self.sha256):
            raise UsageError(f"weights: expected a sha256, found {self.sha256!r}")

    @property
    def warning(self) -> str | None:
        """What every result with these weights must be marked with, or None."""
        if self.source is not WeightsSource.UNTRAINED:
            return None
        return "*** UNTRAINED WEIGHTS: for trying the tools only, scores and verdicts mean little ***"


@dataclasses.dataclass(frozen=True, kw_only=True)
class BackboneSpec:
    """What a backbone file is: its frame, grid, profile, weights and precision. Travels in the ONNX file's metadata."""

    frame: FrameSpec
    grid: GridSpec
    profile: Profile
    weights: WeightsSpec
    precision: Precision

    def __post_init__(self) -> None:
        if self.profile.input_height_px * self.grid.columns != self.profile.input_width_px * self.grid.rows:
            raise UsageError(
                f"grid: expected the shape of the {self.profile.input_height_px}x{self.profile.input_width_px} input, "
                f"found {self.grid.rows}x{self.grid.columns}"
            )
