"""Profile: the choices that make up one way of detecting, as data.

A profile is a small JSON file. `goodpart-export` reads it (by the name of one that ships, or from a third party's
file) and writes it into the backbone's metadata. Every bundle built with that backbone carries it.
"""

import dataclasses
import enum
import math

from goodpart.errors import UsageError
from goodpart.facts.excess import ExcessRule

STAGES = ("layer1.0", "layer1", "layer2.0", "layer2", "layer3.0", "layer3")
"""The stages of ResNet-18 that a profile may take features from, fine to coarse; `.0` is a stage's first residual block
alone. One entry per block, in the network's order."""


def block_of(stage: str) -> str:
    """The residual block whose output a stage's features are, as torchvision names it: `layer3.1` for `layer3`."""
    return stage if "." in stage else f"{stage}.1"


class CoresetMethod(enum.Enum):
    """How the bank's vectors are chosen among the patches of the good images."""

    RANDOM = "random"
    GREEDY = "greedy"


@dataclasses.dataclass(frozen=True, kw_only=True)
class IndexSpec:
    """How the HNSW graph is built and searched (Malkov and Yashunin, 2018; names as in hnswlib).

    Certified search makes image scores exact for any values. Larger values improve the scores of patches that are not
    recomputed.

    Attributes:
        directions: principal directions of the bank in which the graph is built, 1 to 4096; all if there are fewer.
        links: M, links per vector and layer, 2 to 128.
        ef_construction: candidates kept while building, at least `links`.
        ef_search: candidates kept while searching.
        candidates: how many of those are measured in full for each patch, 1 to 1000; at least K are.
    """

    directions: int
    links: int
    ef_construction: int
    ef_search: int
    candidates: int

    def __post_init__(self) -> None:
        if not 1 <= self.directions <= 4096:
            raise UsageError(f"index directions: expected 1 to 4096, found {self.directions}")
        if not 1 <= self.candidates <= 1000:
            raise UsageError(f"index candidates: expected 1 to 1000, found {self.candidates}")
        if not 2 <= self.links <= 128:
            raise UsageError(f"index links: expected 2 to 128, found {self.links}")
        if not self.links <= self.ef_construction <= 10_000:
            raise UsageError(f"ef_construction: expected {self.links} to 10000, found {self.ef_construction}")
        if not 1 <= self.ef_search <= 10_000:
            raise UsageError(f"ef_search: expected 1 to 10000, found {self.ef_search}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Profile:
    """One way of detecting.

    Attributes:
        name: short name, shown by `goodpart info`.
        stages: stages of ResNet-18, or their first blocks, whose features are concatenated.
        grid: the stage on whose grid: finer features are max-pooled onto it, coarser ones enlarged bilinearly.
        neighbourhood: side of the square of patches that are averaged, with binomial weights, before the embedding is
            made, 1 for none, odd.
        input_height_px, input_width_px: what frames are resized to, 32 to 4096, multiples of 16.
        neighbours: K, bank vectors whose mean distance is the patch distance (paper, method).
        top_share: share of the grid's patches whose mean calibrated score is the image score, above 0 to 1 (paper,
            method, where it is a count: top-k).
        coreset: how the bank's vectors are chosen.
        bank_vectors: the most vectors the bank keeps.
        smoothing: standard deviation, in patches, of the Gaussian that smooths pixel maps, 0 for none, at most 16.
        index: the HNSW graph.
        head: True if builds train a head on painted defects, None if not.
        excess: how patches that are hotter than the rest of their frame count, None if they do not. Frames are then
            thermograms, uint16 GRAY.
    """

    name: str
    stages: tuple[str, ...]
    grid: str
    neighbourhood: int
    input_height_px: int
    input_width_px: int
    neighbours: int
    top_share: float
    coreset: CoresetMethod
    bank_vectors: int
    smoothing: float
    index: IndexSpec
    head: bool | None = dataclasses.field(default=None, metadata={"optional": True})
    excess: ExcessRule | None = dataclasses.field(default=None, metadata={"optional": True})

    def __post_init__(self) -> None:
        if not self.name or len(self.name) > 64 or not self.name.isprintable():
            raise UsageError(f"profile name: expected 1 to 64 printable characters, found {self.name!r}")
        if not self.stages or list(self.stages) != [stage for stage in STAGES if stage in self.stages]:
            raise UsageError(
                f"profile stages: expected some of {list(STAGES)} in this order, found {list(self.stages)}"
            )
        if self.grid not in self.stages:
            raise UsageError(f"profile grid: expected one of the stages {list(self.stages)}, found {self.grid!r}")
        if self.neighbourhood not in (1, 3, 5, 7):
            raise UsageError(f"profile neighbourhood: expected 1, 3, 5 or 7 patches, found {self.neighbourhood}")
        for side_px in (self.input_height_px, self.input_width_px):
            if not 32 <= side_px <= 4096 or side_px % 16:
                raise UsageError(f"input size: expected multiples of 16 from 32 to 4096 pixels, found {side_px}")
        if not 1 <= self.neighbours <= 100:
            raise UsageError(f"profile neighbours: expected 1 to 100, found {self.neighbours}")
        if not 0.0 < self.top_share <= 1.0:
            raise UsageError(f"profile top_share: expected more than 0 and at most 1, found {self.top_share}")
        if not 0.0 <= self.smoothing <= 16.0:
            raise UsageError(f"profile smoothing: expected 0 to 16 patches, found {self.smoothing}")
        if not self.neighbours < self.bank_vectors <= 10_000_000:
            raise UsageError(
                f"profile bank_vectors: expected {self.neighbours + 1} to 10000000, found {self.bank_vectors}"
            )

        if self.head and self.excess is not None:
            raise UsageError("profile: expected a head or an excess, found both; painted defects are no hot spots")

    def top_k(self, patches: int) -> int:
        """How many of `patches` make the image score: the share of them, rounded, at least 1."""
        return max(1, math.floor(self.top_share * patches + 0.5))
