"""Training of the head: it learns to tell patches under painted defects from good patches."""

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from goodpart.model.head import Head, HeadSpec

_HIDDEN = 128
_EPOCHS, _BATCH, _DECAY = 4, 512, 1.0
"""Training is kept short and the decay strong: more of it fits the paint, and real defects are found less well."""


def train_head(painted: npt.NDArray[np.float32], good: npt.NDArray[np.float32], *, weight: float, seed: int) -> Head:
    """Trains a head; the same vectors and seed give the same bytes on one machine.

    Args:
        painted: `(N, D) float32` embeddings of patches under paint.
        good: `(M, D) float32` embeddings of good patches.
        weight: of the head, see `HeadSpec`.
        seed: of the first weights and of the order of the vectors, 0 to 2**32 - 1.

    Returns:
        the head; its output is the logit of "painted", not standardised yet: see `standardised`.
    """
    vectors = np.concatenate([painted, good])
    labels = np.repeat([1, 0], [len(painted), len(good)])
    mean, deviation = vectors.mean(axis=0, dtype=np.float64), vectors.std(axis=0, dtype=np.float64) + 1e-6
    network = MLPClassifier((_HIDDEN, _HIDDEN), alpha=_DECAY, batch_size=_BATCH, max_iter=_EPOCHS, random_state=seed)
    # one thread: with more, sums are taken in another order, and the bytes differ
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(((vectors - mean) / deviation).astype(np.float32), labels)
    matrices = [np.asarray(matrix.T, dtype=np.float64) for matrix in network.coefs_]
    biases = [np.asarray(bias, dtype=np.float64) for bias in network.intercepts_]
    # the first layer takes embeddings as they are
    matrices[0] = matrices[0] / deviation
    biases[0] = biases[0] - matrices[0] @ mean
    return _head(matrices, biases, weight)


def standardised(head: Head, good: Sequence[npt.NDArray[np.float32]], *, weight: float) -> Head:
    """The head with an output of mean 0 and standard deviation 1 over good patches.

    Args:
        head: from `train_head`.
        good: `(P, D) float32` embeddings of good images that the head has not been trained on.
        weight: of the new head.
    """
    raw = np.concatenate([head.terms(embeddings) for embeddings in good]) / head.spec.weight
    return rescaled(head, mean=float(raw.mean()), deviation=float(raw.std()), weight=weight)


def rescaled(head: Head, *, mean: float, deviation: float, weight: float) -> Head:
    """The head with the output `(z - mean) / deviation` and another weight."""
    hidden = head.spec.hidden
    flat = head.flat.astype(np.float64)
    last, bias = flat[-hidden - 1 : -1] / deviation, (flat[-1] - mean) / deviation
    changed = np.concatenate([flat[: -hidden - 1], last, [bias]]).astype(np.float32)
    dimension = (len(flat) - hidden * hidden - 3 * hidden - 1) // hidden
    return Head(HeadSpec(hidden=hidden, weight=weight), changed, dimension=dimension)


def _head(matrices: list[npt.NDArray[np.float64]], biases: list[npt.NDArray[np.float64]], weight: float) -> Head:
    pieces = [piece.ravel() for pair in zip(matrices, biases, strict=True) for piece in pair]
    return Head(
        HeadSpec(hidden=_HIDDEN, weight=weight),
        np.concatenate(pieces).astype(np.float32),
        dimension=matrices[0].shape[1],
    )
