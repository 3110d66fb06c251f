"""Threads: checks that every frame gets the same bits when many threads inspect with one Inspector.

Every thread inspects frames made from the golden frames, in its own order. Graph search and exact search are tried,
with one and with several threads per frame. The exit code is 1 if any verdict, score or grid differs in any bit from
that of a single thread.

    python benchmarks/threads.py BUNDLE --at-a-time 8 --frames 1000
"""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from common import count, headline, load, parser, tell, varied_frames
from goodpart.bank.graph import Graph
from goodpart.bank.search import Bank
from goodpart.bundle.bundle import Bundle
from goodpart.bundle.names import INDEX
from goodpart.cli.common import print_json, run
from goodpart.facts.manifest import SearchMethod
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict

Frames: TypeAlias = list[npt.NDArray[Any]]
Bits: TypeAlias = tuple[Verdict, float, bytes]

_DIFFERENT = 64


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__)
    made.add_argument(
        "--at-a-time", type=count, default=8, metavar="N", help="threads that inspect (default %(default)s)"
    )
    made.add_argument("--frames", type=count, default=1000, help="for each of them (default %(default)s)")
    made.add_argument("--threads", type=count, nargs="+", default=[1, 2], help="for one frame (default 1 2)")
    return run(_threads, made, argv)


def _threads(options: argparse.Namespace) -> int:
    results: list[dict[str, Any]] = []
    digest = ""
    for threads in options.threads:
        inspector, bundle = load(options.bundle, threads=threads)
        digest = bundle.digest
        frames = varied_frames(bundle, _DIFFERENT, seed=options.seed)
        for search in SearchMethod:
            tell(f"{search.value} search, {threads} threads for one frame")
            searched = Inspector(
                backbone=inspector.backbone,
                bank=_bank(bundle, search, threads=threads),
                calibration=inspector.calibration,
                ignored=bundle.ignored,
            )
            results.append({"search": search.value, "threads": threads, **_compare(searched, frames, options)})
            searched.bank.close()
        inspector.close()
    mismatches = sum(result["mismatches"] for result in results)
    print_json(
        {
            **headline("threads", seed=options.seed, digest=digest),
            "at_a_time": options.at_a_time,
            "frames": options.frames,
            "mismatches": mismatches,
            "results": results,
        }
    )
    return 1 if mismatches else 0


def _bank(bundle: Bundle, search: SearchMethod, *, threads: int) -> Bank:
    profile = bundle.manifest.backbone.profile
    vectors, projection = bundle.read_bank()
    path = bundle.folder / INDEX
    graph = Graph.load(path, vectors=vectors, projection=projection, index=profile.index, threads=threads)
    return Bank(
        vectors,
        graph,
        neighbours=profile.neighbours,
        candidates=profile.index.candidates,
        search=search,
        threads=threads,
    )


def _compare(inspector: Inspector, frames: Frames, options: argparse.Namespace) -> dict[str, Any]:
    alone = [_bits(inspector, frame) for frame in frames]

    def mismatches(thread: int) -> int:
        order = np.random.default_rng([options.seed, thread]).integers(0, len(frames), options.frames)
        return sum(_bits(inspector, frames[number]) != alone[number] for number in order)

    began = time.perf_counter()
    with ThreadPoolExecutor(options.at_a_time) as pool:
        found = sum(pool.map(mismatches, range(options.at_a_time)))
    spent_s = time.perf_counter() - began
    verdicts = [verdict for verdict, *_ in alone]
    return {
        "mismatches": found,
        "verdicts": {verdict.value: verdicts.count(verdict) for verdict in Verdict},
        "frames_per_s": round(options.at_a_time * options.frames / spent_s, 1),
    }


def _bits(inspector: Inspector, frame: npt.NDArray[Any]) -> Bits:
    found = inspector.inspect(frame)
    return found.verdict, found.score, found.grid.tobytes()


if __name__ == "__main__":
    sys.exit(main())
