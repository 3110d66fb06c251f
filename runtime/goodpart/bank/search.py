"""Bank: the kept embeddings of good patches, searched through a graph and certified against exact products.

The graph names candidates, and the true distance to the nearest of them is an upper bound of the patch distance. The
worst patches are recomputed exactly until no other patch can reach the k-th worst exact one. The image score is then
that of brute force.

A patch may carry a known term: a number that does not depend on neighbours and is added to its distance. It shifts the
upper bound as much as the true value, so that the search certifies sums as it certifies distances.
"""

import dataclasses

import numpy as np
import numpy.typing as npt

from goodpart._host.parallel import Workers
from goodpart.bank.exact import PIECE, ROUNDING, exact_distances
from goodpart.bank.graph import Graph
from goodpart.errors import ContractError, InferenceError, UsageError
from goodpart.facts.manifest import SearchMethod

_MARGIN = ROUNDING
"""How far the k-th worst exact distance, and the limit above which all are exact, lie above the next upper bound."""

_UNIT = 1e-5
"""How far from 1 the length of a bank vector may be. In vectors of 448 values up to 5e-7 was seen; most flipped bits
that golden frames miss change a length by more."""

_BLOCK = 64
"""Patches whose candidates are measured together: what stays in the cache."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PatchDistances:
    """Patch distances of one frame.

    Attributes:
        distances: `(P,) float64` mean cosine distance to the K nearest neighbours, higher is more anomalous. Those of
            the `top_k` highest sums, and of all sums above the limit, are exact; the others are exact or upper bounds
            whose sums lie below.
        recomputed: how many are exact.
        term: `(P,) float64` the known term of each patch, None if patches have none.
    """

    distances: npt.NDArray[np.float64]
    recomputed: int
    term: npt.NDArray[np.float64] | None = None

    @property
    def sums(self) -> npt.NDArray[np.float64]:
        """`(P,) float64` distance and term together, higher is more anomalous: what is calibrated."""
        return self.distances if self.term is None else self.distances + self.term


class Bank:
    """The memory bank.

    Attributes:
        vectors: `(N, D) float32` unit vectors, read-only.
    """

    def __repr__(self) -> str:
        count, dimension = self.vectors.shape
        return f"Bank({count} vectors of {dimension} values, K = {self._neighbours}, {self._method.value} search)"

    def __init__(
        self,
        vectors: npt.NDArray[np.float32],
        graph: Graph,
        *,
        neighbours: int,
        candidates: int,
        search: SearchMethod = SearchMethod.GRAPH,
        threads: int = 1,
    ) -> None:
        """Takes the vectors and the graph over them.

        Args:
            vectors: `(N, D) float32`.
            graph: names candidates.
            neighbours: K, 1 to N.
            candidates: bank vectors per patch whose true distance is taken; at least K are.
            search: through the graph, or every patch exactly.
            threads: for the exact products of one frame; the graph has its own.

        Raises:
            UsageError: K is larger than the bank, or the graph is another's.
            ContractError: the vectors are not finite unit vectors.
        """
        if not 1 <= neighbours <= len(vectors):
            raise UsageError(f"bank: expected K from 1 to {len(vectors)} vectors, found {neighbours}")
        if len(graph) != len(vectors):
            raise UsageError(f"bank: expected a graph of {len(vectors)} vectors, found one of {len(graph)}")
        off = np.abs(np.linalg.norm(vectors, axis=1) - 1.0)
        if not np.all(off < _UNIT):  # written so that a NaN fails
            raise ContractError(
                f"bank: expected finite unit vectors, found others from vector {np.argmin(off < _UNIT)} on; "
                "rebuild the bundle"
            )
        vectors.flags.writeable = False
        self.vectors = vectors
        self._graph, self._neighbours, self._method = graph, neighbours, search
        self._candidates = min(max(candidates, neighbours), len(vectors))
        self._threads = threads
        self._workers = Workers(threads) if threads > 1 else None

    def search(
        self,
        embeddings: npt.NDArray[np.float32],
        *,
        top_k: int,
        exact_above: float = np.inf,
        term: npt.NDArray[np.float64] | None = None,
    ) -> PatchDistances:
        """Patch distances of one frame, the `top_k` highest sums proven exact (DESIGN section 8, certified search).

        Args:
            embeddings: `(P, D) float32` finite unit vectors.
            top_k: 1 to P.
            exact_above: a distance, with its term; every patch above it is exact as well.
            term: `(P,) float64` finite, of either sign, added to the distance of each patch; None for no term.

        Raises:
            InferenceError: another width, another number of terms, or non-finite values.
        """
        self._check_width(embeddings)
        if term is not None:
            _check_term(term, len(embeddings))
        if self._method is SearchMethod.EXACT:
            distances, recomputed = self._exact(embeddings), len(embeddings)
        else:
            bounds = self.upper_bounds(embeddings)
            distances, recomputed = self._certified(embeddings, bounds, top_k=top_k, exact_above=exact_above, term=term)
        return PatchDistances(distances=_finite(distances), recomputed=recomputed, term=term)

    def close(self) -> None:
        """Ends the threads and frees the memory; after this nothing can be searched."""
        if self._workers is not None:
            self._workers.close()
        self.vectors = self.vectors[:0].copy()
        del self._graph

    def exact_distances(self, embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Brute force: what `search` is certified against.

        Args:
            embeddings: `(P, D) float32` finite unit vectors.

        Returns:
            `(P,) float64` mean cosine distance to the K nearest neighbours.

        Raises:
            InferenceError: another width, or non-finite values.
        """
        self._check_width(embeddings)
        return _finite(self._exact(embeddings))

    def upper_bounds(self, embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """What the graph alone gives: the first step of `search`.

        Args:
            embeddings: `(P, D) float32` finite unit vectors.

        Returns:
            `(P,) float64` true mean distance to the K nearest candidates, never below the patch distance but for
            rounding; infinite where the graph gives none.

        Raises:
            InferenceError: another width.
        """
        self._check_width(embeddings)
        named = self._graph.candidates(embeddings, self._candidates)
        if named is None:
            return np.full(len(embeddings), np.inf)
        similarities = np.empty(named.shape, np.float32)
        for first in range(0, len(named), _BLOCK):
            rows = slice(first, first + _BLOCK)
            near = self.vectors.take(named[rows], axis=0)
            np.matmul(near, embeddings[rows, :, np.newaxis], out=similarities[rows, :, np.newaxis])
        nearest = np.partition(similarities, -self._neighbours, axis=1)[:, -self._neighbours :]
        return np.asarray(1.0 - nearest.mean(axis=1, dtype=np.float64))

    def _certified(
        self,
        embeddings: npt.NDArray[np.float32],
        distances: npt.NDArray[np.float64],
        *,
        top_k: int,
        exact_above: float,
        term: npt.NDArray[np.float64] | None,
    ) -> tuple[npt.NDArray[np.float64], int]:
        """Upper bounds made exact from the highest down for as long as one could still matter, and how many were."""
        known = 0.0 if term is None else term
        # the margin comes first: rounding keeps order, so that no true sum is above its reach, however large the term
        reach = (distances + _MARGIN) + known
        # without a term by the bounds themselves, which the margin may round to equal ones
        order = np.argsort(-(distances if term is None else reach), kind="stable")
        # all that may lie above the limit go first, in one piece: the fewer pieces, the better the machine multiplies
        above = int(np.count_nonzero(~(reach <= exact_above)))
        piece = max(top_k, PIECE)
        begin, end = 0, max(piece, above)
        while True:
            rows = order[begin:end]
            distances[rows] = self._exact(embeddings[rows])
            if end >= len(order):
                return distances, len(order)
            sums = distances + known
            if np.partition(sums[order[:end]], -top_k)[-top_k] >= reach[order[end]]:
                return distances, end
            begin, end = end, end + piece

    def _check_width(self, embeddings: npt.NDArray[np.float32]) -> None:
        """Hnswlib would read past the end of narrower embeddings."""
        dimension = self.vectors.shape[1]
        if embeddings.ndim != 2 or embeddings.shape[1] != dimension or len(embeddings) == 0:
            raise InferenceError(f"bank: expected embeddings (P, {dimension}), found {embeddings.shape}")

    def _exact(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        return exact_distances(
            self.vectors, rows, neighbours=self._neighbours, threads=self._threads, workers=self._workers
        )


def _check_term(term: npt.NDArray[np.float64], patches: int) -> None:
    """A NaN would compare as not above a limit."""
    if term.shape != (patches,) or not np.isfinite(term).all():
        raise InferenceError(f"bank: expected {patches} finite terms, one for each patch, found {term.shape} or others")


def _finite(distances: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Refuses what NaN or infinity in an embedding makes of its distance: it would compare as not above a threshold."""
    if not np.isfinite(distances).all():
        raise InferenceError("bank: expected finite distances, found NaN or infinity; run goodpart selftest")
    return distances
