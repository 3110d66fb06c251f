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
                f"frame: expected {self.describe()}, found dtype {frame.dtype}; convert it"
                f"{', or export for that dtype' if frame.dtype in (np.uint8, np.uint16) else ''}"
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


def _is_masked(frame: npt.NDArray[np.generic]) -> bool:
    """Whether the frame is a masked array, which excludes pixels that the graph would include."""
    # `np.ma` would import the module, which takes 14 ms; if it is not imported, no masked array exists
    # without its class, another thread is just importing it
    masked = getattr(sys.modules.get("numpy.ma"), "MaskedArray", None)
    return masked is not None and isinstance(frame, masked)


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
        refuse_frame(self.profile, dtype=self.frame.dtype, channels=self.frame.channels)
        if self.profile.input_height_px * self.grid.columns != self.profile.input_width_px * self.grid.rows:
            raise UsageError(
                f"grid: expected the shape of the {self.profile.input_height_px}x{self.profile.input_width_px} input, "
                f"found {self.grid.rows}x{self.grid.columns}"
            )


def refuse_frame(profile: Profile, *, dtype: PixelType, channels: Channels) -> None:
    """Refuses frames that a profile cannot work with: a profile with an excess compares raw values of thermograms.

    Raises:
        UsageError: they are not uint16 GRAY, and the profile needs that.
    """
    if profile.excess is not None and (dtype, channels) != (PixelType.UINT16, Channels.GRAY):
        raise UsageError(
            f"profile {profile.name}: expected uint16 GRAY frames, linear in counts or temperature, found "
            f"{dtype.value} {channels.value}; 8-bit pictures and palettes have lost how much hotter a place is: save "
            "the raw values, or take another profile"
        )
