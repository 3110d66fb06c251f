"""Overlay pictures: the frame, with colour where patches are anomalous. Needs OpenCV."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart._host.atomic import write_file
from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart.frames.images import load_opencv
from goodpart.scoring.inspection import Inspection

SCALE_SIGMAS = (2.0, 12.0)
"""Calibrated scores where colour begins and where it is full. Never stretched per image, so a good part stays calm."""

_STRONGEST = 0.7


def draw_overlay(frame: npt.NDArray[Any], inspection: Inspection, spec: FrameSpec) -> npt.NDArray[np.uint8]:
    """The frame under its anomaly map in a perceptually uniform colour map (inferno).

    Args:
        frame: the inspected frame, as `spec` declares.
        inspection: its result.
        spec: the bundle's frame.

    Returns:
        `(H, W, 3) uint8` BGR picture.

    Raises:
        MissingExtraError: OpenCV is not installed.
    """
    cv2 = load_opencv("drawing overlays")
    low, high = SCALE_SIGMAS
    level = np.clip((inspection.calibrated_map() - low) / (high - low), 0.0, 1.0)
    colours = cv2.applyColorMap((level * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    weight = (_STRONGEST * np.sqrt(level))[:, :, np.newaxis]
    mixed = _visible(frame, spec) * (1.0 - weight) + colours * weight
    return np.asarray(np.rint(mixed), dtype=np.uint8)


def write_overlay(path: Path, frame: npt.NDArray[Any], inspection: Inspection, spec: FrameSpec) -> None:
    """Draws an overlay and writes it as PNG.

    Raises:
        MissingExtraError: OpenCV is not installed.
        UsageError: the disk refuses.
    """
    picture = draw_overlay(frame, inspection, spec)
    _, encoded = load_opencv("writing overlays").imencode(".png", picture)
    write_file(path, encoded.tobytes())


def _visible(frame: npt.NDArray[Any], spec: FrameSpec) -> npt.NDArray[np.float32]:
    """The frame as `(H, W, 3) float32` BGR, 0 to 255; uint16 through the declared value range."""
    picture = frame.astype(np.float32)
    if spec.dtype is PixelType.UINT16 and spec.value_range is not None:
        low, high = spec.value_range
        picture = np.clip((picture - low) * (255.0 / (high - low)), 0.0, 255.0)
    if spec.channels is Channels.GRAY:
        return np.repeat(picture[:, :, np.newaxis], 3, axis=2)
    return picture[:, :, ::-1] if spec.channels is Channels.RGB else picture
