"""`goodpart bench`: measures how long one frame takes on this machine."""

import argparse
import dataclasses
import time

import numpy as np
import numpy.typing as npt

from goodpart.cli.common import print_json, size
from goodpart.cli.options import add_bundle_argument, add_json_option, add_threads_option, bundle_folder, trust
from goodpart.cli.rows import say, tell
from goodpart.errors import UsageError
from goodpart.inspector import Inspector

SUMMARY = "Measure how long one frame takes on this machine, stage by stage."

_PERCENTILES = (50, 95, 99)
_PATIENCE_MS = 10_000
"""Total time in ms above which the command prints an estimate of it."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_bundle_argument(parser)
    add_threads_option(parser)
    parser.add_argument(
        "--frames", type=int, default=200, metavar="N", help="number of frames to time (default: %(default)s)"
    )
    parser.add_argument(
        "--frame-size", type=size, metavar="HxW", help="size of the frames (default: that of the golden frames)"
    )
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Times `--frames` inspections and prints p50, p95 and p99 of every stage, in ms."""
    if options.frames < 1:
        raise UsageError(f"--frames: expected at least 1, found {options.frames}")
    inspector = Inspector.load(bundle_folder(options), threads=options.threads, **trust(options))
    frame = inspector.bundle.read_golden(inspector.bundle.manifest.golden[0].file)
    if options.frame_size is not None:
        frame = _tiled(frame, *options.frame_size)
        if inspector.checks is not None:  # the time of any size is asked for
            inspector.checks = dataclasses.replace(inspector.checks, size=None)
    stages = _percentiles(_time(inspector, frame, options.frames))
    shape = "x".join(str(side) for side in frame.shape[:2])
    if options.json:
        print_json(
            {"frame": shape, "frames": options.frames, "threads": inspector.backbone.threads, "stages_ms": stages}
        )
        return 0
    say(f"{options.frames} frames of {shape} pixels, {inspector.backbone.threads} threads, ms")
    say(f"{'':<8}" + "".join(f"{f'p{percentile}':>10}" for percentile in _PERCENTILES))
    for stage, figures in stages.items():
        say(f"{stage:<8}" + "".join(f"{figure:>10.2f}" for figure in figures.values()))
    return 0


def _time(inspector: Inspector, frame: npt.NDArray[np.generic], frames: int) -> dict[str, list[float]]:
    """Inspects one frame many times; returns the ms of each inspection for "embed", "search", "score" and "total"."""
    spent_ms: dict[str, list[float]] = {"embed": [], "search": [], "score": [], "total": []}
    for index in range(frames):
        began = time.perf_counter()
        inspection = inspector.inspect(frame)
        spent_ms["total"].append((time.perf_counter() - began) * 1e3)
        for stage, stage_ms in inspection.timings_ms.items():
            spent_ms[stage].append(stage_ms)
        if index == 0 and (expected_ms := spent_ms["total"][0] * frames) > _PATIENCE_MS:
            tell(f"about {expected_ms / 1e3:.0f} s to go")
    return spent_ms


def _percentiles(spent_ms: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """The values "p50", "p95" and "p99" of each stage in ms, rounded to the microsecond."""
    return {
        stage: {f"p{percentile}": round(float(np.percentile(spent, percentile)), 3) for percentile in _PERCENTILES}
        for stage, spent in spent_ms.items()
    }


def _tiled(frame: npt.NDArray[np.generic], height_px: int, width_px: int) -> npt.NDArray[np.generic]:
    """Repeats or crops the frame to another size, because the search needs realistic content."""
    repeats = (-(-height_px // frame.shape[0]), -(-width_px // frame.shape[1]), 1)[: frame.ndim]
    return np.ascontiguousarray(np.tile(frame, repeats)[:height_px, :width_px])
