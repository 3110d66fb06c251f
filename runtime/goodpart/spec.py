"""The facts that a bundle states, as frozen dataclasses that refuse impossible values.

`strict_json` turns them into JSON and back; `docs/bundle-format.md` says what each means on disk.
"""

import dataclasses
import enum
import math
import re

import numpy as np
import numpy.typing as npt

from goodpart.errors import FrameError, UsageError
from goodpart.profile import Profile

FORMAT_VERSION = 1
"""The bundle format this package writes."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_name(name: str) -> None:
    """Refuses what cannot be a product's name.

    Raises:
        UsageError: empty, longer than 128 characters, or not printable.
    """
    if not name or len(name) > 128 or not name.isprintable():
        raise UsageError(f"name: expected 1 to 128 printable characters, found {name[:200]!r}; give another one")


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
        # a masked array says that some of its pixels do not count, and the graph would count them
        if not isinstance(frame, np.ndarray) or isinstance(frame, np.ma.MaskedArray):
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
        """Why a checked frame can neither be judged nor learned from, or None."""
        pixels = self.inspected(frame)
        first = pixels[0, 0]
        # a few rows tell most frames apart from a constant one, so the full pass is rare
        some = pixels[:: max(1, pixels.shape[0] // 16)]
        if (some == first).all() and (pixels == first).all():
            return f"no signal: every pixel is {first.tolist()}"
        return None


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
        elif self.sha256 is None or not _SHA256.fullmatch(self.sha256):
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


class SearchMethod(enum.Enum):
    """How patches find their nearest bank vectors; the image score is the same."""

    GRAPH = "graph"
    EXACT = "exact"


@dataclasses.dataclass(frozen=True, kw_only=True)
class BankSpec:
    """The bank as it lies in the bundle.

    Attributes:
        vectors: kept embeddings, 2 to 10 million.
        directions: that the graph sees of them, 1 to 4096.
        search: how patches find their neighbours; decided when the bundle is built, never by a device.
        recall: share of the K nearest neighbours of good patches that were among the graph's candidates, 0 to 1.
    """

    vectors: int
    directions: int
    search: SearchMethod
    recall: float

    def __post_init__(self) -> None:
        if not (2 <= self.vectors <= 10_000_000 and 1 <= self.directions <= 4096 and 0.0 <= self.recall <= 1.0):
            raise UsageError(
                f"bank: expected 2 to 10000000 vectors, 1 to 4096 directions and a recall of 0 to 1, found {self}"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a bundle was built from: dataset digest, counts of images, parts and patches, seed, versions."""

    dataset_sha256: str
    images: int
    parts: int
    skipped_images: int
    patches: int
    seed: int
    versions: dict[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoldenFrame:
    """A frame stored in the bundle and the image score, in sigmas, that it must get on every machine."""

    file: str
    score: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileFacts:
    """Size and sha256 of one file of the bundle."""

    size_bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if self.size_bytes < 0 or not _SHA256.fullmatch(self.sha256):
            raise UsageError(f"file facts: expected a size and a sha256, found {self}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything a bundle states about itself; its own sha256 is the bundle's digest.

    Attributes:
        format_version: of the bundle format.
        name: the product or category.
        backbone, bank, provenance: see there.
        golden: frames with known scores.
        golden_tolerance: how far, in sigmas, a golden score may be off on another CPU.
        files: every other file of the bundle by its relative name.
    """

    format_version: int
    name: str
    backbone: BackboneSpec
    bank: BankSpec
    provenance: Provenance
    golden: tuple[GoldenFrame, ...]
    golden_tolerance: float
    files: dict[str, FileFacts]

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.bank.vectors < self.backbone.profile.neighbours:
            raise UsageError(
                f"bank: expected at least K = {self.backbone.profile.neighbours} vectors, found {self.bank.vectors}"
            )
        if not self.golden or not (math.isfinite(self.golden_tolerance) and self.golden_tolerance > 0):
            raise UsageError("golden: expected at least one golden frame and a positive tolerance")
