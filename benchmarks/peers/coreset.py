"""anomalib's greedy choice of a coreset, computed with fewer steps.

For every chosen vector, anomalib subtracts it from all others and takes norms: four passes over hundreds of megabytes.
Here `|x - c|^2 = |x|^2 + |c|^2 - 2 x.c` needs one pass, and vectors that cannot come nearer are left out: if c lies
farther from x's nearest centre than twice the distance of x to that centre, then c is no nearer (the triangle
inequality, as in Elkan, Using the Triangle Inequality to Accelerate k-Means, 2003, lemma 1). The choice is the same but
for rounding.
"""

import importlib
from typing import Any

import torch

_MARGIN = 1.001
"""Vectors are left out only where the inequality holds by more than float32 can err."""
_WORTH_GATHERING = 0.4
"""Share of all vectors above which one pass over all is faster than picking them out."""


class Nearest:
    """Every vector's distance to the nearest chosen one, while more are chosen."""

    def __init__(self, vectors: torch.Tensor, *, most: int) -> None:
        """Starts without a chosen vector.

        Args:
            vectors: `(n, d) float32`.
            most: how many will be chosen, 1 to n.
        """
        self._vectors = vectors
        self._squares = vectors.square().sum(dim=1)
        self._centres = torch.empty(most, vectors.shape[1])
        self._centre_squares = torch.empty(most)
        self._chosen = 0
        self._assigned = torch.zeros(len(vectors), dtype=torch.int64)
        self._distances = torch.full((len(vectors),), torch.inf)

    def add(self, number: int) -> torch.Tensor:
        """Chooses one more vector.

        Args:
            number: of the vector.

        Returns:
            `(n,) float32` Euclidean distances to the nearest chosen vector; the caller may set the chosen one's to 0.
        """
        centre, square = self._vectors[number], self._squares[number]
        known = slice(0, self._chosen)
        apart = _distances(self._centres[known], self._centre_squares[known], centre, square)
        rows = self._rows_that_may_come_nearer(apart)
        if rows is None:
            found = _distances(self._vectors, self._squares, centre, square)
            nearer = found < self._distances
            self._distances[nearer] = found[nearer]
            self._assigned[nearer] = self._chosen
        else:
            found = _distances(self._vectors[rows], self._squares[rows], centre, square)
            nearer = found < self._distances[rows]
            self._distances[rows[nearer]] = found[nearer]
            self._assigned[rows[nearer]] = self._chosen
        self._centres[self._chosen], self._centre_squares[self._chosen] = centre, square
        self._chosen += 1
        return self._distances

    def _rows_that_may_come_nearer(self, apart: torch.Tensor) -> torch.Tensor | None:
        """Numbers of vectors that the new centre may be nearest to; None for all."""
        if self._chosen == 0:
            return None
        rows = torch.nonzero(2.0 * _MARGIN * self._distances > apart[self._assigned])[:, 0]
        return rows if len(rows) < _WORTH_GATHERING * len(self._vectors) else None


def choose(embeddings: torch.Tensor, share: float) -> torch.Tensor:
    """A coreset by anomalib's `KCenterGreedy`, with its random projection and its random first vector.

    Args:
        embeddings: `(n, D) float32`.
        share: of the vectors that are kept, above 0 and at most 1.

    Returns:
        `(int(n * share), D) float32`.
    """
    sampler = importlib.import_module("anomalib.models.components.sampling").KCenterGreedy(
        embedding=embeddings, sampling_ratio=share
    )
    sampler.update_distances = _Update(sampler)
    return torch.as_tensor(sampler.sample_coreset())


def _distances(
    vectors: torch.Tensor, squares: torch.Tensor, centre: torch.Tensor, square: torch.Tensor
) -> torch.Tensor:
    return (squares + square - 2.0 * torch.mv(vectors, centre)).clamp_min_(0.0).sqrt_()


class _Update:
    """Takes the place of `KCenterGreedy.update_distances`."""

    def __init__(self, sampler: Any) -> None:
        self._sampler = sampler
        self._nearest: Nearest | None = None

    def __call__(self, cluster_center: Any) -> None:
        sampler = self._sampler
        if self._nearest is None:
            self._nearest = Nearest(sampler.features, most=sampler.coreset_size)
        sampler.min_distances = self._nearest.add(int(cluster_center))[:, None]
