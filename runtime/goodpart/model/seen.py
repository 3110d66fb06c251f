"""What the graph gives for one frame."""

import dataclasses

import numpy as np
import numpy.typing as npt


@dataclasses.dataclass(frozen=True, kw_only=True)
class SeenFrame:
    """What the network saw in one frame: all that a raw term may depend on.

    Attributes:
        embeddings: `(P, D) float32` unit vectors.
        hottest: `(P,) float32` highest pixel value of each patch in the resized frame, in the units of the frame; None
            if the backbone does not give it.
    """

    embeddings: npt.NDArray[np.float32]
    hottest: npt.NDArray[np.float32] | None = None

    def only(self, patches: slice | npt.NDArray[np.intp]) -> "SeenFrame":
        """Some of the patches, such as those that count."""
        hottest = None if self.hottest is None else self.hottest[patches]
        return SeenFrame(embeddings=self.embeddings[patches], hottest=hottest)
