"""Figures of a whole test set from the scores and maps of any method, by the code that evaluates our own bundles."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart._host.opencv import load_opencv
from goodpart.frames.images import ImageReader
from goodpart_bank_builder.data.dataset import TestImage
from goodpart_bank_builder.evaluate.masks import levels_of
from goodpart_bank_builder.evaluate.metrics import auprc, auroc
from goodpart_bank_builder.evaluate.pixel_counts import PixelCounts


def figures_of(
    images: Sequence[TestImage],
    scores: npt.NDArray[np.floating[Any]],
    maps: Sequence[npt.NDArray[np.float32]],
    shapes: Sequence[tuple[int, int]],
    reader: ImageReader,
) -> dict[str, float | None]:
    """Image and pixel figures.

    Args:
        images: the test images.
        scores: `(n,)` float, higher is more anomalous, in any unit.
        maps: for each image `(h, w) float32`, higher is more anomalous, in any unit; enlarged bilinearly to the frame.
        shapes: height and width of each frame in pixels.
        reader: reads the masks.

    Returns:
        `image_auroc`, `image_auprc`, `image_auroc_of_peak` (the highest pixel of the map as score), `pixel_auroc`,
        `aupro_30`; 0 to 1, None for a figure that cannot be had.

    Raises:
        FrameError: a mask cannot be read or has another size than its image.
    """
    cv2 = load_opencv("enlarging maps")
    defective = np.array([image.is_defective for image in images])
    pixels = PixelCounts()
    for image, found, (height_px, width_px) in zip(images, in_sigmas(maps), shapes, strict=True):
        if image.is_defective and image.mask is None:
            continue
        fitted = np.asarray(cv2.resize(found, (width_px, height_px), interpolation=cv2.INTER_LINEAR), np.float32)
        pixels.add(fitted, levels_of(image, fitted.shape, reader) > 0)
    peaks = np.array([float(found.max()) for found in maps])
    return {
        "image_auroc": auroc(defective, scores),
        "image_auprc": auprc(defective, scores),
        "image_auroc_of_peak": auroc(defective, peaks),
        "pixel_auroc": pixels.auroc(),
        "aupro_30": pixels.aupro(0.30),
    }


def in_sigmas(maps: Sequence[npt.NDArray[np.float32]]) -> list[npt.NDArray[np.float32]]:
    """All maps less their common mean, divided by their common standard deviation.

    The order of pixels stays. `PixelCounts` tells 1 part in 2,048 apart, which is too coarse for a method whose values
    all lie close to one number, such as FastFlow's close to -1.

    Args:
        maps: `(h, w) float32` each.
    """
    values = np.concatenate([found.reshape(-1) for found in maps]).astype(np.float64)
    mean, std = float(values.mean()), float(values.std()) or 1.0
    return [((found.astype(np.float64) - mean) / std).astype(np.float32) for found in maps]
