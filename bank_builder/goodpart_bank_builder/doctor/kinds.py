"""Kinds of picture: whether one folder holds several, such as two products, two colours or two views."""

import numpy as np
import numpy.typing as npt

from goodpart_bank_builder.doctor.finding import Finding, FindingKind, OddImage

_MOST_KINDS = 4
_SILHOUETTE = 0.5
"""Mean silhouette (Rousseeuw, 1987) above which clusters are kinds of their own."""

_SHARE = 0.05
"""Every kind holds more than this share of the images; fewer are outliers."""

_LEAST = 20
_SAMPLE = 1000
"""The most images that are compared pair by pair; of more, a random sample."""

_EXAMPLES = 5
_ROUNDS = 50


def kinds_of_picture(sketches: dict[str, npt.NDArray[np.float32]]) -> list[Finding]:
    """Whether the folder holds two to four kinds of picture, by k-means on sketches of their embeddings.

    Args:
        sketches: `(d,) float32` of every image, by name.
    """
    names = sorted(sketches)
    total = len(names)
    if total < _LEAST:
        return []
    # at random, because every n-th image may show the same view
    names = [names[row] for row in sorted(np.random.default_rng(0).permutation(total)[:_SAMPLE])]
    points = np.stack([sketches[name] for name in names]).astype(np.float64)
    distances = _pairwise(points)
    best, best_labels = _SILHOUETTE, None
    for count in range(2, _MOST_KINDS + 1):
        labels = _clusters(points, distances, count)
        sizes = np.bincount(labels, minlength=count)
        if sizes.min() > _SHARE * len(names) and (found := _silhouette(distances, labels)) > best:
            best, best_labels = found, labels
    return [] if best_labels is None else [_finding(names, best_labels, best, total)]


def _finding(names: list[str], labels: npt.NDArray[np.int64], silhouette: float, total: int) -> Finding:
    sizes = np.bincount(labels)
    largest_first = np.argsort(-sizes, kind="stable")
    images = tuple(
        OddImage(
            name=names[row],
            figure=float(number),
            why=f"kind {number} of {len(sizes)}, with {sizes[label] / len(names):.0%} of the images",
        )
        for number, label in enumerate(largest_first, start=1)
        for row in np.flatnonzero(labels == label)[:_EXAMPLES]
    )
    return Finding(
        kind=FindingKind.KINDS,
        summary=f"{len(sizes)} kinds of picture in one folder (silhouette {silhouette:.2f})",
        advice="are all meant? If they are different products or views, build a bundle for each",
        count=round(total * (1.0 - sizes.max() / len(names))),
        images=images,
        figures={
            "silhouette": silhouette,
            **{f"share {number}": float(sizes[label] / len(names)) for number, label in enumerate(largest_first, 1)},
        },
    )


def _pairwise(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """`(n, n) float64` Euclidean distances."""
    squares = np.einsum("nd,nd->n", points, points)
    return np.asarray(np.sqrt(np.maximum(squares[:, np.newaxis] + squares - 2.0 * points @ points.T, 0.0)))


def _clusters(points: npt.NDArray[np.float64], distances: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.int64]:
    """`(n,) int64` labels by k-means, begun at points far from each other in the middle of their neighbourhoods."""
    # the distance within which a twentieth of the images lie: an outlier is far from all and begins no cluster
    neighbours = max(1, len(points) // 20)
    near = np.partition(distances, neighbours, axis=1)[:, neighbours]
    plain = np.flatnonzero(near <= np.quantile(near, 0.9))
    chosen = [int(plain[np.argmin(near[plain])])]
    while len(chosen) < count:
        chosen.append(int(plain[np.argmax(distances[plain][:, chosen].min(axis=1))]))
    centres = points[chosen]
    labels = np.zeros(len(points), np.int64)
    for _ in range(_ROUNDS):
        squares = np.square(centres).sum(axis=1) - 2.0 * points @ centres.T
        new = np.asarray(squares.argmin(axis=1), np.int64)
        if (new == labels).all():
            break
        labels = new
        centres = np.stack(
            [
                points[labels == label].mean(axis=0) if (labels == label).any() else centres[label]
                for label in range(count)
            ]
        )
    return labels


def _silhouette(distances: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> float:
    """Mean silhouette, -1 to 1: how much nearer an image is to its own kind than to the next one."""
    sizes = np.bincount(labels)
    sums = np.stack([distances[:, labels == label].sum(axis=1) for label in range(len(sizes))], axis=1)
    rows = np.arange(len(labels))
    own = sums[rows, labels] / np.maximum(sizes[labels] - 1, 1)
    others = sums / sizes
    others[rows, labels] = np.inf
    other = others.min(axis=1)
    return float(((other - own) / np.maximum(np.maximum(own, other), 1e-12)).mean())
