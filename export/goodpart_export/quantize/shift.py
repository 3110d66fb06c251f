"""Shift: how much a changed backbone changes embeddings and scores, measured without a bank."""

import dataclasses
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from goodpart.facts.profile import Profile

_REFERENCE = 8192
"""Number of patches of the calibration images that act as a bank: enough for realistic distances, quick to search."""

_COMPARED = 1024
"""Number of patches of each image whose embeddings are compared; it must not grow with the input."""

_LEAST_STD = 1e-4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shift:
    """What changed, on good images that the change was not fitted to; 0 is no change.

    Attributes:
        images: that were measured.
        cosine_mean, cosine_p99: cosine distance between a patch's old and new embedding.
        patch_distance: for comparison: mean cosine distance of a good patch to the nearest one of other good images.
        score_mean, score_p99: how much a patch's calibrated score changes, in sigmas of good patches.
        image_score_max: the largest change of an image score, in the same sigmas.
    """

    images: int
    cosine_mean: float
    cosine_p99: float
    patch_distance: float
    score_mean: float
    score_p99: float
    image_score_max: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """What one backbone computes for good images.

    Attributes:
        embeddings: `(N, S, D) float32` of some patches of each image.
        distances: `(N, P) float64` of all its patches to the nearest reference patch, cosine.
    """

    embeddings: npt.NDArray[np.float32]
    distances: npt.NDArray[np.float64]

    @classmethod
    def of(cls, embedded: Iterable[npt.NDArray[np.float32]], *, references: int, seed: int) -> "Measured":
        """Samples patches of the first images as reference, and measures how far the patches of the others are from it.

        Args:
            embedded: `(P, D) float32` embeddings of one image after the other, from the same backbone.
            references: number of reference images; the others are measured.
            seed: of the samples; the same seed chooses the same patches for every backbone.
        """
        rng, bank = np.random.default_rng(seed), np.empty((0, 0), np.float32)
        parts: list[npt.NDArray[np.float32]] = []
        compared, distances = [], []
        for number, image in enumerate(embedded, start=1):
            most = -(-_REFERENCE // references) if number <= references else _COMPARED
            some = image[np.sort(rng.permutation(len(image))[:most])]
            if number <= references:
                parts.append(some)
                bank = np.ascontiguousarray(np.concatenate(parts).T) if number == references else bank
            else:
                compared.append(some)
                distances.append(1.0 - (image @ bank).max(axis=1).astype(np.float64))
        return cls(embeddings=np.stack(compared), distances=np.stack(distances))

    def scores(self) -> npt.NDArray[np.float64]:
        """`(N, P) float64` calibrated scores, in sigmas of these patches (paper, calibration)."""
        std = max(float(self.distances.std()), _LEAST_STD)
        return np.asarray((self.distances - self.distances.mean()) / std)


def shift_between(before: Measured, after: Measured, profile: Profile) -> Shift:
    """Compares two backbones on the same images.

    Each is calibrated on its own, as in a build, so a change that affects all scores alike is no change.

    Args:
        before, after: what the two compute.
        profile: determines how many patches make an image score.
    """
    cosine = 1.0 - np.einsum("ijk,ijk->ij", before.embeddings, after.embeddings).astype(np.float64)
    old, new = before.scores(), after.scores()
    moved, top_k = np.abs(new - old), profile.top_k(old.shape[1])
    images = [np.sort(scores, axis=1)[:, -top_k:].mean(axis=1) for scores in (old, new)]
    return Shift(
        images=len(old),
        cosine_mean=float(cosine.mean()),
        cosine_p99=float(np.percentile(cosine, 99)),
        patch_distance=float(before.distances.mean()),
        score_mean=float(moved.mean()),
        score_p99=float(np.percentile(moved, 99)),
        image_score_max=float(np.abs(images[1] - images[0]).max()),
    )
