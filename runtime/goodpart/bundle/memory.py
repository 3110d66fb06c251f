"""Where the vectors of a bundle's bank come from, for explanations."""

from goodpart.bundle.bundle import Bundle
from goodpart.errors import UsageError
from goodpart.scoring.explanation import Memory


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
