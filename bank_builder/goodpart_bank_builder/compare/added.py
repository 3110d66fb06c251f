"""Added: what the images that NEW learned in addition do to it, all else equal.

Two banks differ by their seed as well, which moves scores about as much as a few images do. NEW with and without the
vectors of its added images differ by these images alone: same coreset, same scale, same head. A good part that is added
makes good parts score lower. A defect that is added makes defects like it score lower, so the AUROC falls.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart.bank.graph import Graph
from goodpart.bank.search import Bank
from goodpart.bundle.term import load_term
from goodpart.errors import UsageError
from goodpart.facts.learned import LearnedImage
from goodpart.inspector import Inspector
from goodpart.model.seen import SeenFrame
from goodpart_bank_builder.build.index import build_index, search_method


class WithoutAdded:
    """NEW without the bank vectors of some of its images."""

    def __init__(self, new: Inspector, vectors: npt.NDArray[np.bool_], names: frozenset[str]) -> None:
        """Builds the graph of the vectors that are left.

        Args:
            new: the whole bundle.
            vectors: `(N,) bool` those to leave out.
            names: the images that they come from.
        """
        spec, bundle = new.backbone.spec.profile, new.bundle
        left = np.ascontiguousarray(new.bank.vectors[~vectors])
        _, projection = bundle.read_bank()
        index = build_index(left, projection, spec.index, seed=bundle.manifest.provenance.seed)
        self.vectors, self._new, self._names = int(vectors.sum()), new, names
        self._rest = Inspector(
            backbone=new.backbone,
            bank=Bank(
                left,
                Graph(index, projection, ef_search=spec.index.ef_search),
                neighbours=spec.neighbours,
                candidates=spec.index.candidates,
                search=search_method(len(left)),
            ),
            calibration=new.calibration,
            ignored=bundle.ignored,
            bundle=bundle,
            term=load_term(bundle),
        )

    @classmethod
    def of(cls, new: Inspector, added: dict[str, LearnedImage]) -> "WithoutAdded | None":
        """NEW without its added images; None if its bank holds nothing of them, little else, or does not say.

        Args:
            new: the bundle.
            added: images by sha256.
        """
        if not added:
            return None
        try:
            memory = new.memory
        except UsageError:
            return None
        is_added = np.array([image.sha256 in added for image in memory.images.images])
        vectors = is_added[memory.origins[:, 0]]
        if not vectors.any() or (~vectors).sum() < max(2, new.backbone.spec.profile.neighbours):
            return None
        return cls(new, vectors, frozenset(image.name for image in added.values()))

    def look(self, looked_at: tuple[npt.NDArray[Any], SeenFrame]) -> tuple[float, str | None]:
        """The image score without the added images, and which of them hides the hottest place.

        Args:
            looked_at: the frame, and what the backbone saw in it.

        Returns:
            the score in sigmas, and the name of the added image that holds the nearest good patch to the place that
            is hottest without them; None if another image does.
        """
        frame, seen = looked_at
        inspection = self._rest.inspect(frame, seen=seen)
        row = int(inspection.grid.argmax())
        nearest = self._new.nearest_good(seen.embeddings[[row]], count=1)[0][0].image
        return inspection.score, nearest if nearest in self._names else None
