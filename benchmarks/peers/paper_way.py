"""The paper's method, implemented directly: torch up to layer3, 20,000 random vectors, five cosine neighbours.

Two searches of the same bank: scikit-learn's brute force, as in the paper, and faiss's flat index of inner products.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from contender import Found, Score, progress
from torch import nn

from goodpart_export import load_weights
from goodpart_export.torchvision_beside_cpu_torch import import_torchvision_models

INPUT_PX = (256, 256)
VECTORS = 20_000
NEIGHBOURS = 5
TOP_K = 10
_BANK = "bank.npz"
_CALIBRATED_ON = 20
"""Good frames for mu and sigma; a common scale cannot change an AUROC, so a few are enough."""

_Search = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


def prepare(good: list[npt.NDArray[np.uint8]], *, weights: str, seed: int, cache: Path) -> dict[str, Any]:
    """Builds the bank from good frames unless the cache has it.

    Args:
        good: `(H, W, 3) uint8` RGB frames.
        weights: a ResNet-18 state dict with torchvision's names.
        seed: of the random vectors.
        cache: an own folder for these frames, weights and seed.

    Returns:
        facts about the bank: `vectors`, `dimension`.
    """
    if not (cache / _BANK).is_file():
        cache.mkdir(parents=True, exist_ok=True)
        embed = _Embedder(weights)
        embeddings = np.concatenate([embed(frame) for frame in progress(good, "paper's way: embedding")])
        rng = np.random.default_rng(seed)
        vectors = embeddings[np.sort(rng.permutation(len(embeddings))[:VECTORS])]
        search = _sklearn(vectors)
        chosen = rng.permutation(len(good))[:_CALIBRATED_ON]
        distances = np.concatenate([search(embed(good[number])) for number in progress(chosen.tolist(), "calibrating")])
        part = cache / f"part-{_BANK}"
        np.savez(part, vectors=vectors, mean=distances.mean(), std=distances.std())
        part.rename(cache / _BANK)
    with np.load(cache / _BANK) as saved:
        count, dimension = saved["vectors"].shape
    return {"vectors": count, "dimension": dimension}


def in_sklearn(cache: Path, *, weights: str, threads: int) -> Score:
    """With scikit-learn's brute-force cosine neighbours."""
    return _scorer(cache, weights=weights, threads=threads, make_search=_sklearn)


def in_faiss(cache: Path, *, weights: str, threads: int) -> Score:
    """With faiss's flat index of inner products of unit vectors."""

    def make_search(vectors: npt.NDArray[np.float32]) -> _Search:
        faiss = importlib.import_module("faiss")
        faiss.omp_set_num_threads(threads)
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return lambda found: np.asarray(1.0 - index.search(found, NEIGHBOURS)[0].mean(axis=1), np.float32)

    return _scorer(cache, weights=weights, threads=threads, make_search=make_search)


def _sklearn(vectors: npt.NDArray[np.float32]) -> _Search:
    neighbours = importlib.import_module("sklearn.neighbors").NearestNeighbors(
        n_neighbors=NEIGHBOURS, algorithm="brute", metric="cosine"
    )
    neighbours.fit(vectors)
    return lambda found: np.asarray(neighbours.kneighbors(found)[0].mean(axis=1), np.float32)


def _scorer(
    cache: Path, *, weights: str, threads: int, make_search: Callable[[npt.NDArray[np.float32]], _Search]
) -> Score:
    torch.set_num_threads(threads)
    embed = _Embedder(weights)
    with np.load(cache / _BANK) as saved:
        mean, std = float(saved["mean"]), float(saved["std"])
        search = make_search(np.ascontiguousarray(saved["vectors"]))

    def score(frame: npt.NDArray[np.uint8]) -> Found:
        z = (search(embed(frame)) - mean) / std
        grid = torch.from_numpy(z.reshape(1, 1, embed.rows, -1).astype(np.float32))
        enlarged = nn.functional.interpolate(grid, size=frame.shape[:2], mode="bilinear")[0, 0]
        return Found(
            score=float(np.sort(z)[-TOP_K:].mean()),
            map=torch.sigmoid(enlarged).numpy(),
            unsaturated=enlarged.numpy,
        )

    return score


class _Embedder:
    """Frame to unit vectors, by torchvision's resize, normalisation and ResNet-18."""

    rows = INPUT_PX[0] // 16

    def __init__(self, weights: str) -> None:
        import_torchvision_models()
        network, _ = load_weights(weights, stages=("layer3",))
        names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3")
        self._trunk = nn.Sequential(*(network.get_submodule(name) for name in names)).eval()
        transforms = importlib.import_module("torchvision.transforms.v2")
        self._transform = transforms.Compose(
            [
                transforms.Resize(INPUT_PX, antialias=True),
                transforms.ToDtype(torch.float32, scale=True),
                transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
            ]
        )

    def __call__(self, frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """`(P, 256) float32` unit vectors, row by row."""
        with torch.inference_mode():
            features = self._trunk(self._transform(torch.from_numpy(frame).permute(2, 0, 1))[None])
            return np.asarray(nn.functional.normalize(features.flatten(2)[0].T, dim=1).contiguous().numpy())
