"""Search: plain HNSW, certified search and brute force on the embeddings of real frames.

Time per frame of each, interleaved frame by frame; how many of the K nearest neighbours plain HNSW finds; how wrong the
image score is, against brute force (`Bank.exact_distances`), with plain HNSW and with certified search; and how many
patches certification recomputes. Give it test images: it is the defective ones that plain HNSW gets wrong.

    python benchmarks/search.py BUNDLE --images CATEGORY/test --ef 8 16 32 64
"""

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import hnswlib
import numpy as np
import numpy.typing as npt

from common import RUNTIME_PACKAGES, count, headline, load, parser, percentiles, read_frames, tell
from goodpart.bank import Bank, PatchDistances
from goodpart.bundle import Bundle
from goodpart.command import print_json, run
from goodpart.scoring import calibrate, image_score
from goodpart_bank_builder.index import measure_recall

Embeddings: TypeAlias = npt.NDArray[np.float32]
Way: TypeAlias = Callable[[Embeddings], PatchDistances]


@dataclasses.dataclass(frozen=True)
class Tally:
    """What one way of searching needed and gave, frame by frame: ms, image scores, patches known exactly."""

    spent_ms: list[float] = dataclasses.field(default_factory=list)
    scores: list[float] = dataclasses.field(default_factory=list)
    recomputed: list[int] = dataclasses.field(default_factory=list)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__)
    made.add_argument("--images", type=Path, required=True, metavar="DIR", help="real frames")
    made.add_argument("--ef", type=count, nargs="+", default=[8, 16, 32, 64], help="default %(default)s")
    made.add_argument("--threads", type=count, default=1, help="of the HNSW search (default %(default)s)")
    made.add_argument("--frames", type=count, default=100, help="the most to take (default %(default)s)")
    return run(_search, made, argv)


def _search(options: argparse.Namespace) -> int:
    inspector, bundle = load(options.bundle, threads=options.threads)
    spec = inspector.backbone.spec
    frames = read_frames(options.images, spec.frame, limit=options.frames, seed=options.seed)
    embedded = [inspector.backbone.embed(frame) for frame in frames]
    ways = {"exact": _exact(inspector.bank)}
    for ef in options.ef:
        ways[f"hnsw {ef}"] = _plain(bundle, ef, options.threads)
        ways[f"certified {ef}"] = _certified(bundle, ef, options.threads)
    tallies = _run(ways, embedded, bundle, seed=options.seed)
    results = []
    for ef in options.ef:
        index = _index(bundle, ef)
        recall = measure_recall(
            index, inspector.bank.vectors, np.concatenate(embedded), neighbours=spec.profile.neighbours, ef_search=ef
        )
        plain, certified = (_against(tallies[f"{way} {ef}"], tallies["exact"], bundle) for way in ("hnsw", "certified"))
        recomputed = tallies[f"certified {ef}"].recomputed
        certified["recomputed_patches"] = {"median": float(np.median(recomputed)), "max": max(recomputed)}
        results.append({"ef_search": ef, "recall_at_k": recall, "hnsw": plain, "certified": certified})
    print_json(
        {
            **headline(
                "search", seed=options.seed, digest=bundle.digest, packages=(*RUNTIME_PACKAGES, "goodpart-bank-builder")
            ),
            "threads": options.threads,
            "frames": len(embedded),
            "patches_per_frame": spec.grid.patches,
            "bank": list(inspector.bank.vectors.shape),
            "neighbours": spec.profile.neighbours,
            "top_k": spec.profile.top_k(spec.grid.patches),
            "exact_time_ms": percentiles(tallies["exact"].spent_ms),
            "results": results,
        }
    )
    return 0


def _run(ways: dict[str, Way], embedded: list[Embeddings], bundle: Bundle, *, seed: int) -> dict[str, Tally]:
    """Every frame by every way, in an order drawn anew for each frame."""
    tallies = {name: Tally() for name in ways}
    rng = np.random.default_rng(seed)
    for done, embeddings in enumerate(embedded):
        if done % 20 == 0:
            tell(f"frame {done + 1} of {len(embedded)}")
        for name in rng.permutation(list(ways)):
            began = time.perf_counter()
            found = ways[name](embeddings)
            tallies[name].spent_ms.append((time.perf_counter() - began) * 1e3)
            scores = calibrate(found.distances, bundle.calibration)
            tallies[name].scores.append(image_score(scores, bundle.manifest.backbone.profile.top_k(len(scores))))
            tallies[name].recomputed.append(found.recomputed)
    return tallies


def _against(tally: Tally, exact: Tally, bundle: Bundle) -> dict[str, Any]:
    """Time, and the error of the image score against brute force: in sigmas, and relative to the distance."""
    calibration = bundle.calibration
    found, wanted = np.array(tally.scores), np.array(exact.scores)
    # infinite where HNSW gave up on a frame
    had = np.isfinite(found)
    error = np.abs(found[had] - wanted[had])
    # a score may be zero sigmas, so the relative error is that of the mean distance behind it
    relative = error * calibration.std / (wanted[had] * calibration.std + calibration.mean)
    return {
        "time_ms": percentiles(tally.spent_ms),
        "frames_without_result": int((~had).sum()),
        "error_sigmas": {"median": float(np.median(error)), "max": float(error.max())} if had.any() else None,
        "error_relative": {"median": float(np.median(relative)), "max": float(relative.max())} if had.any() else None,
    }


def _exact(bank: Bank) -> Way:
    return lambda embeddings: PatchDistances(distances=bank.exact_distances(embeddings), recomputed=len(embeddings))


def _certified(bundle: Bundle, ef: int, threads: int) -> Way:
    profile = bundle.manifest.backbone.profile
    bank = Bank(_index(bundle, ef), neighbours=profile.neighbours, ef_search=ef, threads=threads)
    return lambda embeddings: bank.search(embeddings, top_k=profile.top_k(len(embeddings)))


def _plain(bundle: Bundle, ef: int, threads: int) -> Way:
    """HNSW without certification, which Bank does not offer."""
    index, neighbours = _index(bundle, ef), bundle.manifest.backbone.profile.neighbours

    def search(embeddings: Embeddings) -> PatchDistances:
        try:
            _, found = index.knn_query(embeddings, k=neighbours, num_threads=threads)
        except RuntimeError:
            # a disconnected graph: hnswlib gives up on the whole frame
            return PatchDistances(distances=np.full(len(embeddings), np.inf), recomputed=0)
        return PatchDistances(distances=np.asarray(found.mean(axis=1, dtype=np.float64)), recomputed=0)

    return search


def _index(bundle: Bundle, ef: int) -> hnswlib.Index:
    """The bundle's graph, whose bytes were checked when it was loaded."""
    index = hnswlib.Index("cosine", bundle.manifest.backbone.grid.dimension)
    with bundle.open_bank() as path:
        index.load_index(str(path), max_elements=bundle.manifest.bank.vectors)
    index.set_ef(max(ef, bundle.manifest.backbone.profile.neighbours))
    return index


if __name__ == "__main__":
    sys.exit(main())
