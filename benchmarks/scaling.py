"""Scaling: time of the search of one frame by size of the bank, compared with limits of arithmetic and memory.

Banks of several sizes are drawn at random from the patches of good images and searched with embeddings of real frames,
in a new random order for each frame. Two limits are measured on this core: `products_ms`, the time of brute force at
the speed of matrix multiplication, and `bytes_ms`, the time of reading the bank once at the speed of copying.

    python benchmarks/scaling.py BACKBONE --good CATEGORY/train/good --images CATEGORY/test --sizes 1000 200000
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from common import RUNTIME_PACKAGES, count, headline, parser, percentiles, read_frames, tell
from goodpart._host.inner_products import inner_products
from goodpart.bank.graph import Graph
from goodpart.bank.search import Bank
from goodpart.cli.common import print_json, run
from goodpart.errors import UsageError
from goodpart.facts.profile import Profile
from goodpart.model.backbone import Backbone
from goodpart_bank_builder.build.index import build_index, principal_projection

_WARM_UP = 2


def main(argv: list[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__, bundle=False)
    made.add_argument("backbone", type=Path, metavar="BACKBONE", help="an ONNX file from goodpart-export")
    made.add_argument("--good", type=Path, required=True, metavar="DIR", help="good images, to draw banks from")
    made.add_argument("--images", type=Path, required=True, metavar="DIR", help="frames to search with")
    made.add_argument("--sizes", type=count, nargs="+", default=[1000, 5000, 20_000, 50_000, 200_000])
    made.add_argument("--threads", type=count, nargs="+", default=[1, 2], help="of the graph (default %(default)s)")
    made.add_argument("--frames", type=count, default=40, help="default %(default)s")
    made.add_argument("--seed", type=int, default=0, help="of orders and samples (default %(default)s)")
    return run(_scaling, made, argv)


def _scaling(options: argparse.Namespace) -> int:
    backbone = Backbone.load(options.backbone, threads=max(options.threads))
    profile, rng = backbone.spec.profile, np.random.default_rng(options.seed)
    vectors = _patches(backbone, options, rng)
    frames = read_frames(options.images, backbone.spec.frame, limit=options.frames, seed=options.seed)
    embedded = [backbone.embed(frame) for frame in frames]
    multiply_adds_per_ms, bytes_per_ms = _machine(vectors.shape[1])
    ways: dict[tuple[int, int], Bank] = {}
    building_s: dict[int, float] = {}
    for size in options.sizes:
        began = time.perf_counter()
        projection = principal_projection(vectors[:size], profile.index.directions)
        index = build_index(vectors[:size], projection, profile.index, seed=options.seed)
        building_s[size] = time.perf_counter() - began
        for threads in options.threads:
            graph = Graph(index, projection, ef_search=profile.index.ef_search, threads=threads)
            ways[size, threads] = Bank(
                vectors[:size].copy(), graph, neighbours=profile.neighbours, candidates=profile.index.candidates
            )
    spent_ms, recomputed = _search(ways, embedded, profile, rng)
    work = backbone.spec.grid.patches * vectors.shape[1]
    print_json(
        {
            **headline(
                "scaling", seed=options.seed, digest=None, packages=(*RUNTIME_PACKAGES, "goodpart-bank-builder")
            ),
            "patches_per_frame": backbone.spec.grid.patches,
            "values_per_vector": vectors.shape[1],
            "frames": len(embedded),
            "results": [
                {
                    "vectors": size,
                    "threads": threads,
                    "time_ms": percentiles(spent),
                    "recomputed_patches": float(np.median(recomputed[size, threads])),
                    "products_ms": round(work * size / multiply_adds_per_ms, 2),
                    "bytes_ms": round(4 * vectors.shape[1] * size / bytes_per_ms, 2),
                    "building_s": round(building_s[size], 1),
                }
                for (size, threads), spent in spent_ms.items()
            ],
        }
    )
    return 0


def _patches(backbone: Backbone, options: argparse.Namespace, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """As many patches of good images as the largest bank takes."""
    wanted = max(options.sizes)
    limit = -(-wanted // backbone.spec.grid.patches) + 1
    frames = read_frames(options.good, backbone.spec.frame, limit=limit, seed=options.seed)
    tell(f"embedding {len(frames)} good images")
    found = np.unique(np.concatenate([backbone.embed(frame) for frame in frames]), axis=0)
    if len(found) < wanted:
        raise UsageError(
            f"--sizes: expected at most the {len(found)} distinct patches of {options.good}, found {wanted}"
        )
    return found[rng.permutation(len(found))[:wanted]]


def _search(
    ways: dict[tuple[int, int], Bank],
    embedded: list[npt.NDArray[np.float32]],
    profile: Profile,
    rng: np.random.Generator,
) -> tuple[dict[tuple[int, int], list[float]], dict[tuple[int, int], list[int]]]:
    """Every frame in every bank: ms, and how many patches were recomputed."""
    spent_ms: dict[tuple[int, int], list[float]] = {way: [] for way in ways}
    recomputed: dict[tuple[int, int], list[int]] = {way: [] for way in ways}
    for done, embeddings in enumerate([*embedded[:_WARM_UP], *embedded]):
        if done % 10 == 0:
            tell(f"frame {done} of {len(embedded) + _WARM_UP}")
        for turn in rng.permutation(len(ways)):
            way = list(ways)[turn]
            began = time.perf_counter()
            found = ways[way].search(embeddings, top_k=profile.top_k(len(embeddings)))
            if done >= _WARM_UP:
                spent_ms[way].append((time.perf_counter() - began) * 1e3)
                recomputed[way].append(found.recomputed)
    return spent_ms, recomputed


def _machine(width: int) -> tuple[float, float]:
    """Multiply-adds per ms of one thread's matrix products, and bytes per ms of its copying: the best of ten."""
    rng = np.random.default_rng(0)
    left, right = (rng.normal(size=(rows, width)).astype(np.float32) for rows in (2048, 512))
    block = np.zeros(1 << 24, np.float32)
    multiplying, copying = [], []
    for _ in range(10):
        began = time.perf_counter()
        inner_products(left, right)
        multiplied = time.perf_counter()
        block.copy()
        multiplying.append(multiplied - began)
        copying.append(time.perf_counter() - multiplied)
    return left.size * len(right) / min(multiplying) / 1e3, block.nbytes / min(copying) / 1e3


if __name__ == "__main__":
    sys.exit(main())
