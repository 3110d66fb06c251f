"""Golden frames: a few frames in the bundle whose scores every machine must reproduce."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import FrameSpec
from goodpart.frames.images import ImageReader

TOLERANCE_SIGMAS = 0.02
"""Largest accepted deviation of a golden score on another CPU. Convolutions in float32 differ by about 1e-4 sigmas."""

_LONG_SIDE_PX = 512


def choose_golden(paths: Sequence[Path], scores: Sequence[float], spec: FrameSpec) -> list[npt.NDArray[Any]]:
    """Chooses a typical good frame, the good frame with the highest score, and the typical frame with a planted defect.

    Args:
        paths: the good images.
        scores: their held-out image scores, in the same order.
        spec: the specification of a frame.

    Returns:
        three frames; large frames are thinned, so that the bundle stays small.
    """
    # the build has read them under its own limit
    reader = ImageReader(max_megapixels=math.inf)
    order = np.argsort(scores, kind="stable")
    typical, hardest = (_thinned(reader.read(paths[rank], spec), spec) for rank in (order[len(order) // 2], order[-1]))
    return [typical, hardest, _planted(typical, spec)]


def _thinned(frame: npt.NDArray[Any], spec: FrameSpec) -> npt.NDArray[Any]:
    """Every n-th pixel of a large frame; a frame with a region of interest stays as it is."""
    step = 1 if spec.roi is not None else -(-max(frame.shape[:2]) // _LONG_SIDE_PX)
    return np.ascontiguousarray(frame[::step, ::step])


def _planted(frame: npt.NDArray[Any], spec: FrameSpec) -> npt.NDArray[Any]:
    """The frame with a checkerboard in the middle of the inspected area: a defect that no bank holds."""
    planted = np.array(frame)
    area = spec.inspected(planted)
    height, width = area.shape[0], area.shape[1]
    rows, columns = (
        slice(height // 3, max(height // 3 + 1, height // 2)),
        slice(width // 3, max(width // 3 + 1, width // 2)),
    )
    low, high = spec.value_range or (0, 255)
    y, x = np.mgrid[rows, columns]
    cell_px = max(1, min(height, width) // 32)
    board = np.where((y // cell_px + x // cell_px) % 2 == 0, high, low).astype(frame.dtype)
    area[rows, columns] = board if frame.ndim == 2 else board[:, :, np.newaxis]
    return planted
