"""Latency: time per frame by stage, for each thread count and frame size, compared with the bare backbone.

The frame is the bundle's first golden frame (or --image), resized, because a larger camera shows the same part with
more pixels. Every combination runs once per round, in a new random order each round, so other work on the machine
affects all combinations alike. The range of the rounds' medians shows how much other work there was. An inspection and
a bare `Backbone.embed` take turns; `ratio` is the median of total / backbone over these pairs. `--backbone` compares
with another backbone, such as the float32 backbone of an int8 bundle.

    python benchmarks/latency.py BUNDLE --threads 1 2 --frame-size 450x450 1080x1920
"""

import argparse
import dataclasses
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common import count, headline, load, parser, percentiles, tell
from goodpart._host.opencv import load_opencv
from goodpart.cli.common import print_json, run, size
from goodpart.frames.images import read_image
from goodpart.inspector import Inspector
from goodpart.model.backbone import Backbone


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__)
    made.add_argument("--threads", type=count, nargs="+", default=[1, 2], help="default %(default)s")
    made.add_argument("--frame-size", type=size, nargs="+", metavar="HxW", help="default: the frame's own")
    made.add_argument(
        "--frames", type=count, default=200, help="frames per combination, over all rounds (default %(default)s)"
    )
    made.add_argument(
        "--rounds", type=count, default=5, help="rounds over which the frames are spread (default %(default)s)"
    )
    made.add_argument("--image", type=Path, metavar="FILE", help="default: the bundle's first golden frame")
    made.add_argument(
        "--backbone", type=Path, metavar="FILE", help="backbone to compare with (default: the bundle's own)"
    )
    return run(_latency, made, argv)


def _latency(options: argparse.Namespace) -> int:
    inspectors = {threads: load(options.bundle, threads=threads)[0] for threads in options.threads}
    bare = {
        threads: inspector.backbone if options.backbone is None else Backbone.load(options.backbone, threads=threads)
        for threads, inspector in inspectors.items()
    }
    _, bundle = load(options.bundle, threads=1)
    if options.image is None:
        frame = bundle.read_golden(bundle.manifest.golden[0].file)
    else:
        frame = read_image(options.image, bundle.manifest.backbone.frame)
    sizes = options.frame_size or [frame.shape[:2]]
    for inspector in inspectors.values():
        if options.frame_size and inspector.checks is not None:  # the time of any size is asked for
            inspector.checks = dataclasses.replace(inspector.checks, size=None)
    combinations = [(threads, shape) for threads in inspectors for shape in sizes]
    rounds: list[list[list[dict[str, float]]]] = [[] for _ in combinations]
    frames = -(-options.frames // options.rounds)
    rng = np.random.default_rng(options.seed)
    for done in range(options.rounds):
        tell(f"round {done + 1} of {options.rounds}")
        for turn in rng.permutation(len(combinations)):
            threads, shape = combinations[turn]
            rounds[turn].append(_one_round(inspectors[threads], bare[threads], _resized(frame, *shape), frames))
    results = [
        {"threads": threads, "frame": f"{shape[0]}x{shape[1]}", **_figures(taken)}
        for (threads, shape), taken in zip(combinations, rounds, strict=True)
    ]
    print_json(
        {
            **headline("latency", seed=options.seed, digest=bundle.digest),
            "frames": frames * options.rounds,
            "rounds": options.rounds,
            "results": results,
        }
    )
    return 0


def _one_round(inspector: Inspector, bare: Backbone, frame: npt.NDArray[Any], frames: int) -> list[dict[str, float]]:
    """Times in ms of every frame: stages, total, and the bare backbone right after the inspection."""
    # not measured: caches and buffers still hold another combination's data
    inspector.inspect(frame)
    bare.embed(frame)
    taken = []
    for _ in range(frames):
        began = time.perf_counter()
        inspection = inspector.inspect(frame)
        ended = time.perf_counter()
        bare.embed(frame)
        embedded = time.perf_counter()
        taken.append({**inspection.timings_ms, "total": (ended - began) * 1e3, "backbone": (embedded - ended) * 1e3})
    return taken


def _figures(rounds: list[list[dict[str, float]]]) -> dict[str, Any]:
    """Percentiles over all frames, and the range of the rounds' medians."""
    everything = [spent for taken in rounds for spent in taken]
    totals = [float(np.median([spent["total"] for spent in taken])) for taken in rounds]
    return {
        "stages_ms": {stage: percentiles([spent[stage] for spent in everything]) for stage in everything[0]},
        "rounds_total_p50_ms": [round(min(totals), 3), round(max(totals), 3)],
        "ratio": round(float(np.median([spent["total"] / spent["backbone"] for spent in everything])), 3),
    }


def _resized(frame: npt.NDArray[Any], height_px: int, width_px: int) -> npt.NDArray[Any]:
    if frame.shape[:2] == (height_px, width_px):
        return frame
    return np.asarray(load_opencv("--frame-size").resize(frame, (width_px, height_px)))


if __name__ == "__main__":
    sys.exit(main())
