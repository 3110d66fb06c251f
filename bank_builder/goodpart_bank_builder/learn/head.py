"""Training of the head: it learns to tell patches under painted defects from good patches."""

import warnings

import numpy as np
import numpy.typing as npt

from goodpart.model.head import Head

HIDDEN = 128
"""Units of each hidden layer."""

_EPOCHS, _BATCH, _DECAY = 4, 512, 1.0
"""Training is kept short and the decay strong: more of it fits the paint, and real defects are found less well."""


_LEAST_SHARE = 0.1
"""The least standard deviation of an input, as a share of the root mean square of all of them."""


def train_head(painted: npt.NDArray[np.float32], good: npt.NDArray[np.float32], *, seed: int) -> Head:
    """Trains a head; the same vectors and seed give the same bytes on one machine.

    Args:
        painted: `(N, D) float32` embeddings of patches under paint.
        good: `(M, D) float32` embeddings of good patches.
        seed: of the first weights and of the order of the vectors, 0 to 2**32 - 1.

    Returns:
        the head; its output is the logit of "under paint".
    """
    # scikit-learn takes a second to import, and most commands train nothing
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    vectors = np.concatenate([painted, good])
    labels = np.repeat([1, 0], [len(painted), len(good)])
    mean, deviation = vectors.mean(axis=0, dtype=np.float64), vectors.std(axis=0, dtype=np.float64)
    # a value that is nearly constant here must not outweigh all others where it is not
    deviation = np.maximum(deviation, _LEAST_SHARE * np.sqrt(np.mean(deviation**2)) + 1e-9)
    network = MLPClassifier(
        (HIDDEN, HIDDEN), alpha=_DECAY, batch_size=min(_BATCH, len(vectors)), max_iter=_EPOCHS, random_state=seed
    )
    # one thread: with more, sums are taken in another order, and the bytes differ
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(((vectors - mean) / deviation).astype(np.float32), labels)
    matrices = [np.asarray(matrix.T, dtype=np.float64) for matrix in network.coefs_]
    biases = [np.asarray(bias, dtype=np.float64) for bias in network.intercepts_]
    # the first layer takes embeddings as they are
    matrices[0] = matrices[0] / deviation
    biases[0] = biases[0] - matrices[0] @ mean
    return _head(matrices, biases)


def _head(matrices: list[npt.NDArray[np.float64]], biases: list[npt.NDArray[np.float64]]) -> Head:
    pieces = [piece.ravel() for pair in zip(matrices, biases, strict=True) for piece in pair]
    flat = np.concatenate(pieces).astype(np.float32)
    return Head(flat, hidden=HIDDEN, dimension=matrices[0].shape[1])
