"""`goodpart bench`: how long one frame takes on this machine."""

import argparse
import sys
import time

import numpy as np
import numpy.typing as npt

from goodpart.cli.common import print_json
from goodpart.cli.trust import trust
from goodpart.errors import UsageError
from goodpart.inspector import Inspector

PERCENTILES = (50, 95, 99)


def bench(options: argparse.Namespace) -> int:
    """Times `--frames` inspections and prints p50, p95 and p99 of every stage, in ms."""
    if options.frames < 1:
        raise UsageError(f"--frames: expected at least 1, found {options.frames}")
    inspector = Inspector.load(options.bundle, threads=options.threads, **trust(options))
    frame = inspector.bundle.read_golden(inspector.bundle.manifest.golden[0].file)
    if options.frame_size is not None:
        frame = _tiled(frame, *options.frame_size)
    stages = measure(inspector, frame, options.frames)
    shape = "x".join(str(side) for side in frame.shape[:2])
    if options.json:
        print_json(
            {"frame": shape, "frames": options.frames, "threads": inspector.backbone.threads, "stages_ms": stages}
        )
        return 0
    print(f"{options.frames} frames of {shape} pixels, {inspector.backbone.threads} threads, ms")
    print(f"{'':<8}" + "".join(f"{f'p{percentile}':>10}" for percentile in PERCENTILES))
    for stage, figures in stages.items():
        print(f"{stage:<8}" + "".join(f"{figure:>10.2f}" for figure in figures.values()))
    return 0


def measure(inspector: Inspector, frame: npt.NDArray[np.generic], frames: int) -> dict[str, dict[str, float]]:
    """Inspects one frame many times.

    Args:
        inspector: a loaded one.
        frame: as its bundle declares.
        frames: how often.

    Returns:
        for "embed", "search", "score" and "total" the percentiles "p50", "p95" and "p99" in ms.
    """
    timings: dict[str, list[float]] = {"embed": [], "search": [], "score": [], "total": []}
    for done in range(frames):
        began = time.perf_counter()
        inspection = inspector.inspect(frame)
        timings["total"].append((time.perf_counter() - began) * 1e3)
        for stage, spent_ms in inspection.timings_ms.items():
            timings[stage].append(spent_ms)
        if done == 0 and timings["total"][0] * frames > 10_000:
            print(f"about {timings['total'][0] * frames / 1e3:.0f} s to go", file=sys.stderr)
    return {
        stage: {f"p{percentile}": round(float(np.percentile(spent, percentile)), 3) for percentile in PERCENTILES}
        for stage, spent in timings.items()
    }


def _tiled(frame: npt.NDArray[np.generic], height_px: int, width_px: int) -> npt.NDArray[np.generic]:
    """The frame repeated or cut to another size: real content, so that the search has realistic work."""
    repeats = (-(-height_px // frame.shape[0]), -(-width_px // frame.shape[1]), 1)[: frame.ndim]
    return np.ascontiguousarray(np.tile(frame, repeats)[:height_px, :width_px])
