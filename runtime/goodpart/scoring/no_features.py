"""A frame that scores low and yet must not be called GOOD."""

import numpy as np
import numpy.typing as npt


def no_features(embeddings: npt.NDArray[np.float32], distances: npt.NDArray[np.float64]) -> str | None:
    """Why a frame must not be called GOOD although its score is low enough, or None.

    A patch without any feature has distance 1 to every bank vector. A few such patches need not lift the mean of the
    worst ones above the threshold, but no good image has any: a build refuses it.

    Args:
        embeddings: `(P, D) float32` of the patches that count.
        distances: `(P,) float64` patch distances.
    """
    far = embeddings[distances >= 1.0]
    without = len(far) - np.count_nonzero(far.any(axis=1))
    if not without:
        return None
    return (
        f"no features in {without} of {len(embeddings)} patches, and every patch of a good image has some; check the "
        f"light, the lens and the camera"
    )
