"""`goodpart tune`: finds the fastest number of threads on this device, with and without spinning."""

import argparse
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from goodpart._host.atomic import check_file
from goodpart._host.machine import usable_cores
from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.device import change_device, device_path
from goodpart.cli.common import print_json
from goodpart.cli.options import Trust, add_bundle_argument, add_json_option, bundle_folder, trust
from goodpart.cli.rows import say, tell
from goodpart.errors import UsageError
from goodpart.inspector import Inspector

SUMMARY = "Find the fastest number of threads on this device, and keep it for this bundle."

_WORTH = 0.95
"""A way that uses more of the machine is chosen only if it needs at most this share of the time."""

_FRAMES_PER_ROUND = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timing:
    """The time of one frame in one way of running.

    Attributes:
        threads: threads per frame.
        spinning: whether threads spin while they wait for work.
        p50_ms, p95_ms: median and 95th percentile of the wall time.
        cpu_ms: median of the CPU time of all threads.
    """

    threads: int
    spinning: bool
    p50_ms: float
    p95_ms: float
    cpu_ms: float


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_bundle_argument(parser)
    parser.add_argument(
        "--frames", type=int, default=100, metavar="N", help="number of frames to time each way (default: %(default)s)"
    )
    parser.add_argument("--reset", action="store_true", help="remove the tuning of this device")
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Measures all ways in turn, writes the best way to the device file, and prints all timings.

    Raises:
        UsageError: `--frames` is below 1, or the device file cannot be written, which is tried before measuring.
    """
    if options.frames < 1:
        raise UsageError(f"--frames: expected at least 1, found {options.frames}")
    folder = bundle_folder(options)
    bundle = read_bundle(folder, **trust(options))
    path = device_path(bundle.folder)
    if options.reset:
        change_device(bundle, lambda settings: dataclasses.replace(settings, threads=None, spinning=None))
        tell(f"{path}: tuning removed")
        return 0
    check_file(path)
    timings = measure(folder, frames=options.frames, **trust(options))
    best = choose(timings)
    change_device(bundle, lambda settings: dataclasses.replace(settings, threads=best.threads, spinning=best.spinning))
    if options.json:
        plain = [dataclasses.asdict(timing) for timing in timings]
        print_json({"device_file": str(path), "best": dataclasses.asdict(best), "timings": plain})
        return 0
    say(f"{'threads':>7}  {'waiting':<8}{'p50 ms':>8}{'p95 ms':>8}{'CPU ms':>8}")
    for timing in timings:
        mark = "  <- written" if timing is best else ""
        waiting = "spin" if timing.spinning else "sleep"
        say(f"{timing.threads:>7}  {waiting:<8}{timing.p50_ms:>8.2f}{timing.p95_ms:>8.2f}{timing.cpu_ms:>8.2f}{mark}")
    say(f"{path}: an Inspector reads it when it loads the bundle; --reset removes the tuning")
    return 0


def measure(folder: Path, *, frames: int, public_key: Path | None = None, minimum_serial: int = 0) -> list[Timing]:
    """Inspects the bundle's first golden frame in every way. The ways take turns, so other work slows all ways alike.

    Args:
        folder: the bundle.
        frames: for each way.
        public_key, minimum_serial: as in `read_bundle`.

    Returns:
        one timing for each way: fewer threads first, without spinning first.
    """
    ways = [
        (threads, spinning)
        for threads in _thread_counts(usable_cores())
        for spinning in (False, True)[: 1 if threads == 1 else 2]
    ]
    given: Trust = {"public_key": public_key, "minimum_serial": minimum_serial}
    inspectors = [Inspector.load(folder, threads=threads, spinning=spinning, **given) for threads, spinning in ways]
    spent_ms = _spent_ms(inspectors, frames)
    return [
        Timing(
            threads=threads,
            spinning=spinning,
            p50_ms=round(float(np.median(wall_ms)), 3),
            p95_ms=round(float(np.percentile(wall_ms, 95)), 3),
            cpu_ms=round(float(np.median(cpu_ms)), 3),
        )
        for (threads, spinning), (wall_ms, cpu_ms) in zip(ways, spent_ms, strict=True)
    ]


def _spent_ms(inspectors: Sequence[Inspector], frames: int) -> list[tuple[list[float], list[float]]]:
    """Wall times and CPU times of the frames of each inspector; the remaining time is printed to stderr."""
    frame = inspectors[0].bundle.read_golden(inspectors[0].bundle.manifest.golden[0].file)
    spent_ms: list[tuple[list[float], list[float]]] = [([], []) for _ in inspectors]
    began, rounds = time.perf_counter(), max(1, frames // _FRAMES_PER_ROUND)
    for done in range(1, rounds + 1):
        for inspector, (wall_ms, cpu_ms) in zip(inspectors, spent_ms, strict=True):
            inspector.inspect(frame)  # not counted, because caches still hold the data of another way
            for _ in range(-(-frames // rounds)):
                wall, cpu = time.perf_counter(), time.process_time()
                inspector.inspect(frame)
                wall_ms.append((time.perf_counter() - wall) * 1e3)
                cpu_ms.append((time.process_time() - cpu) * 1e3)
        left_s = (time.perf_counter() - began) / done * (rounds - done)
        tell(f"round {done} of {rounds}, about {left_s:.0f} s to go")
    return spent_ms


def choose(timings: Sequence[Timing]) -> Timing:
    """Chooses the fastest way, or a way that is nearly as fast and uses less of the machine.

    Args:
        timings: timings in ascending order of use of the machine.
    """
    best = timings[0]
    for timing in timings[1:]:
        if timing.p50_ms < best.p50_ms * _WORTH:
            best = timing
    return best


def _thread_counts(cores: int) -> list[int]:
    """1, 2, 4, ... and all cores."""
    return sorted({cores, *(1 << power for power in range(cores.bit_length()) if 1 << power <= cores)})
