"""Calibration on good images that the bank does not know: each against the bank without its own patches."""

import numpy as np
import numpy.typing as npt

from goodpart.bank import nearest_distances
from goodpart.calibration import STD_FLOOR, Calibration, threshold_for
from goodpart.errors import UsageError
from goodpart.scoring import image_score
from goodpart_bank_builder.coreset import Coreset
from goodpart_bank_builder.progress import progress


def held_out_distances(
    embeddings: npt.NDArray[np.float32], coreset: Coreset, *, neighbours: int
) -> npt.NDArray[np.float64]:
    """Exact patch distances of every good image to the bank without that image's own patches.

    Statistics against a bank that contains the patches themselves would be too small. A vector that other images have,
    too, stays: the bank would hold it without this image.

    Args:
        embeddings: `(n, P, D) float32` of n images.
        coreset: the bank.
        neighbours: K.

    Returns:
        `(n, P) float64`.

    Raises:
        UsageError: without one image fewer than K vectors are left.
    """
    owned = coreset.images[coreset.images >= 0]
    fewest = len(coreset.images) - int(np.bincount(owned, minlength=1).max())
    if fewest < neighbours:
        raise UsageError(
            f"expected at least {neighbours} bank vectors (K) from other images for every image, found {fewest}; "
            f"give more good images"
        )
    distances = np.empty(embeddings.shape[:2], np.float64)
    images = range(len(embeddings))
    for image in progress(images, doing="calibrating", total=len(images), unit="images"):
        similarities = coreset.vectors @ embeddings[image].T
        similarities[coreset.images == image] = -np.inf
        distances[image] = nearest_distances(similarities, coreset.vectors, embeddings[image], neighbours=neighbours)
    return distances


def make_calibration(distances: npt.NDArray[np.float64], *, top_k: int, false_reject_rate: float) -> Calibration:
    """Scale and threshold from held-out distances.

    Args:
        distances: `(n, P) float64` from `held_out_distances`.
        top_k: patches that make an image score.
        false_reject_rate: the share of good parts that may be called defective.

    Raises:
        UsageError: so few images do not support the rate.
    """
    mean, std = float(distances.mean()), max(float(distances.std()), STD_FLOOR)
    scores = tuple(sorted(image_score((grid - mean) / std, top_k) for grid in distances))
    return Calibration(
        method="leave-one-image-out",
        mean=mean,
        std=std,
        scores=scores,
        false_reject_rate=false_reject_rate,
        threshold=threshold_for(scores, false_reject_rate),
    )
