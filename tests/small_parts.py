"""The small things that tests inspect: a profile, frame specs, drawn parts."""

import numpy as np
import numpy.typing as npt

from goodpart.facts.calibration import Calibration, CalibrationMethod
from goodpart.facts.profile import CoresetMethod, IndexSpec, Profile
from goodpart.facts.spec import Channels, FrameSpec, PixelType

TINY = Profile(
    name="tiny",
    stages=("layer1",),
    grid="layer1",
    neighbourhood=1,
    input_height_px=64,
    input_width_px=48,
    neighbours=3,
    top_share=4 / 192,
    coreset=CoresetMethod.RANDOM,
    bank_vectors=400,
    smoothing=0.0,
    index=IndexSpec(directions=16, links=8, ef_construction=32, ef_search=8, candidates=4),
)
RGB = FrameSpec(channels=Channels.RGB, dtype=PixelType.UINT8, value_range=None, roi=None)
BGR = FrameSpec(channels=Channels.BGR, dtype=PixelType.UINT8, value_range=None, roi=None)
GRAY = FrameSpec(channels=Channels.GRAY, dtype=PixelType.UINT8, value_range=None, roi=None)
THERMAL = FrameSpec(channels=Channels.GRAY, dtype=PixelType.UINT16, value_range=(1000, 5000), roi=None)

CALIBRATION = Calibration(
    method=CalibrationMethod.CROSS_CONFORMAL,
    promise="about a tenth",
    mean=0.1,
    std=0.05,
    scores=tuple(float(number) for number in range(1, 21)),
    peaks=tuple(float(number) for number in range(11, 31)),
    false_reject_rate=0.1,
    threshold=19.0,
    pixel_threshold=29.0,
)


def draw_good(seed: int, height_px: int = 90, width_px: int = 70) -> npt.NDArray[np.uint8]:
    """`(H, W, 3) uint8` a washer on a grey ground, with noise: a good part in little."""
    import cv2  # in here, because tests of the runtime take only the facts of this module

    rng = np.random.default_rng(seed)
    frame = np.full((height_px, width_px, 3), 120.0) + rng.normal(0, 3, (height_px, width_px, 3))
    centre = (width_px // 2 + int(rng.integers(-2, 3)), height_px // 2 + int(rng.integers(-2, 3)))
    cv2.circle(frame, centre, 25, (210.0, 200.0, 190.0), -1)
    cv2.circle(frame, centre, 9, (60.0, 60.0, 70.0), -1)
    return np.clip(frame + rng.normal(0, 2, frame.shape), 0, 255).astype(np.uint8)


def draw_blotched(seed: int, levels: float = 90.0) -> npt.NDArray[np.uint8]:
    """A washer with blotches of its own: all such washers differ about as much from each other."""
    import cv2

    blotches = np.random.default_rng(seed).uniform(-levels, levels, (9, 7, 3))
    return np.clip(draw_good(seed) + cv2.resize(blotches, (70, 90)), 0, 255).astype(np.uint8)


def draw_defect(seed: int) -> npt.NDArray[np.uint8]:
    """A washer with a bright block on it."""
    frame = draw_good(seed)
    frame[30:44, 40:52] = (255, 0, 255)
    return frame


def unit_vectors(images: int, patches: int, dimension: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """`(images, patches, dimension) float32` random unit vectors."""
    vectors = np.random.default_rng(seed).normal(size=(images, patches, dimension)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=2, keepdims=True))
