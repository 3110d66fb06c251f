"""Search: the graph alone, certified search and brute force on the embeddings of real frames.

It measures the time per frame of each search, in turns; the share of the K nearest neighbours among the graph's
candidates; the error of the image score against brute force (`Bank.exact_distances`), for the graph alone and for
certified search; and the number of patches that certification recomputes. Use test images, because the graph alone
fails on defective ones. `--ways` builds other graphs over the bundle's bank, each given as
`directions:links:ef_construction:ef_search:candidates`; without it, the bundle's own graph is used.

    python benchmarks/search.py BUNDLE --images CATEGORY/test --ways 448:16:200:8:1 64:8:1000:8:4
"""

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from common import RUNTIME_PACKAGES, count, headline, load, parser, percentiles, read_frames, tell
from goodpart.bank.graph import Graph
from goodpart.bank.search import Bank, PatchDistances
from goodpart.bundle.bundle import Bundle
from goodpart.cli.common import print_json, run
from goodpart.errors import UsageError
from goodpart.facts.profile import IndexSpec
from goodpart.scoring.scores import calibrate, image_score
from goodpart_bank_builder.build.index import build_index, measure_recall, principal_projection

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
    made.add_argument(
        "--ways", type=_way, nargs="+", metavar="DIRECTIONS:LINKS:EF_CONSTRUCTION:EF_SEARCH:CANDIDATES",
        help="graphs to build and try (default: the bundle's own)",
    )  # fmt: skip
    made.add_argument("--threads", type=count, default=1, help="of the HNSW search (default %(default)s)")
    made.add_argument("--frames", type=count, default=100, help="the most to take (default %(default)s)")
    return run(_search, made, argv)


def _way(text: str) -> IndexSpec:
    """Parses `directions:links:ef_construction:ef_search:candidates`."""
    names = [field.name for field in dataclasses.fields(IndexSpec)]
    numbers = text.split(":")
    if len(numbers) != len(names) or not all(number.isdecimal() for number in numbers):
        raise argparse.ArgumentTypeError(f"expected {':'.join(names)}, found {text!r}")
    try:
        return IndexSpec(**dict(zip(names, map(int, numbers), strict=True)))
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _search(options: argparse.Namespace) -> int:
    inspector, bundle = load(options.bundle, threads=options.threads)
    spec, calibration = inspector.backbone.spec, bundle.calibration
    frames = read_frames(options.images, spec.frame, limit=options.frames, seed=options.seed)
    embedded = [inspector.backbone.embed(frame) for frame in frames]
    facts = bundle.manifest.bank
    own = dataclasses.replace(
        spec.profile.index,
        directions=facts.directions,
        candidates=spec.profile.index.candidates if facts.candidates is None else facts.candidates,
    )
    tried = options.ways or [own]
    graphs = [_graph(inspector.bank.vectors, index, options) for index in tried]
    ways = {"exact": _exact(inspector.bank)}
    for position, (index, graph) in enumerate(zip(tried, graphs, strict=True)):
        bank = Bank(inspector.bank.vectors, graph, neighbours=spec.profile.neighbours, candidates=index.candidates)
        ways[f"graph {position}"] = _graph_alone(bank)
        ways[f"certified {position}"] = _certified(
            bank,
            top_k=spec.profile.top_k(spec.grid.patches),
            exact_above=calibration.mean + calibration.pixel_threshold * calibration.std,
        )
    tallies = _run(ways, embedded, bundle, seed=options.seed)
    results = []
    for position, (index, graph) in enumerate(zip(tried, graphs, strict=True)):
        alone, certified = (
            _against(tallies[f"{way} {position}"], tallies["exact"], bundle) for way in ("graph", "certified")
        )
        recomputed = tallies[f"certified {position}"].recomputed
        certified["recomputed_patches"] = {"median": float(np.median(recomputed)), "max": max(recomputed)}
        recall = measure_recall(
            graph,
            inspector.bank.vectors,
            np.concatenate(embedded),
            neighbours=spec.profile.neighbours,
            candidates=index.candidates,
        )
        results.append(
            {"index": dataclasses.asdict(index), "recall_at_k": recall, "graph": alone, "certified": certified}
        )
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
    """Searches every frame in every way, in a new random order for each frame."""
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


def _certified(bank: Bank, *, top_k: int, exact_above: float) -> Way:
    return lambda embeddings: bank.search(embeddings, top_k=top_k, exact_above=exact_above)


def _graph_alone(bank: Bank) -> Way:
    return lambda embeddings: PatchDistances(distances=bank.upper_bounds(embeddings), recomputed=0)


def _graph(vectors: Embeddings, index: IndexSpec, options: argparse.Namespace) -> Graph:
    projection = principal_projection(vectors, index.directions)
    built = build_index(vectors, projection, index, seed=options.seed)
    return Graph(built, projection, ef_search=index.ef_search, threads=options.threads)


if __name__ == "__main__":
    sys.exit(main())
