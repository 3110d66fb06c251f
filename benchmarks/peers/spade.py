"""SPADE (Cohen and Hoshen, Sub-Image Anomaly Detection with Deep Pyramid Correspondences, 2020) on given features.

Section 3.2: the K good images whose pooled features are nearest, and the mean of the squared distances to them as the
image's score. Section 3.3: every location's mean squared distance to its nearest vectors of any location of those K
images.
"""

import torch

IMAGES = 50
"""K of the paper: good images that a picture is compared with."""


class Spade:
    """A gallery of good images."""

    def __init__(self, embeddings: torch.Tensor, *, images: int = IMAGES) -> None:
        """Keeps the gallery.

        Args:
            embeddings: `(n, P, D) float32` of good images.
            images: K; all, if there are fewer.
        """
        self._embeddings = embeddings
        self._pooled = embeddings.mean(dim=1)
        self._squares = embeddings.square().sum(dim=2)
        self._images = min(images, len(embeddings))

    def score(self, embedding: torch.Tensor) -> tuple[float, torch.Tensor]:
        """The image's score, and that of every location by its one nearest vector.

        Args:
            embedding: `(P, D) float32` of a picture.

        Returns:
            the image's score and `(P,) float32` squared distances; higher is more anomalous.
        """
        apart = (self._pooled - embedding.mean(dim=0)).square().sum(dim=1)
        nearest = apart.topk(self._images, largest=False)
        best = torch.full((len(embedding),), torch.inf)
        for number in nearest.indices.tolist():
            products = embedding @ self._embeddings[number].T
            best = torch.minimum(best, (self._squares[number] - 2.0 * products).amin(dim=1))
        return float(nearest.values.mean()), (best + embedding.square().sum(dim=1)).clamp_min(0.0)
