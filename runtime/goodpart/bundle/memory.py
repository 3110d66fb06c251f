"""Where the vectors of a bundle's bank come from, for explanations."""

import numpy as np
import numpy.typing as npt

from goodpart.bank.nearest import nearest_vectors
from goodpart.bundle.bundle import Bundle
from goodpart.errors import UsageError
from goodpart.scoring.explanation import GoodPatch, Memory


def read_memory(bundle: Bundle) -> Memory:
    """Reads the images and the origins of a checked bundle.

    Raises:
        UsageError: the bundle does not hold them, as in format version 1.
        BundleError: they are damaged.
    """
    images, origins = bundle.read_images(), bundle.read_origins()
    if images is None or origins is None:
        raise UsageError(
            f"{bundle.folder}: expected a bundle that says where its vectors come from, found one of format version "
            f"{bundle.manifest.format_version} without images.json and origins.npy; build it again"
        )
    spec = bundle.manifest.backbone
    return Memory(images=images, origins=origins, grid=spec.grid, roi=spec.frame.roi)


def good_patches(
    memory: Memory, vectors: npt.NDArray[np.float32], embeddings: npt.NDArray[np.float32], *, count: int
) -> list[tuple[GoodPatch, ...]]:
    """The good patches nearest to each embedding, the nearest first.

    Args:
        memory: of the bundle.
        vectors: `(N, D) float32` of its bank.
        embeddings: `(R, D) float32` unit vectors.
        count: how many each, at least 1; at most N are found.
    """
    positions, distances = nearest_vectors(vectors, embeddings, count=min(count, len(vectors)))
    return [
        tuple(map(memory.good_patch, vector, distance))
        for vector, distance in zip(positions.tolist(), distances.tolist(), strict=True)
    ]
