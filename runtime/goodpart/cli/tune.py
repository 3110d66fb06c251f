"""`goodpart tune`: measures on this device how many threads, and whether busy waiting, inspect a frame fastest."""

import argparse
import dataclasses
import sys
import time
from pathlib import Path

import numpy as np

from goodpart._host.machine import usable_cores
from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.device import change_device, device_path
from goodpart.cli.common import print_json
from goodpart.cli.trust import Trust, trust
from goodpart.errors import UsageError
from goodpart.inspector import Inspector

_WORTH = 0.95
"""A choice that takes more of the machine must need at most this share of the time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """One way of running, and what one frame took: median and 95th percentile of the wall time, median of the CPU time
    of all threads, in ms.
    """

    threads: int
    spinning: bool
    p50_ms: float
    p95_ms: float
    cpu_ms: float


def tune(options: argparse.Namespace) -> int:
    """Tries all ways in turn, writes the best into the device file, and says what each took.

    Raises:
        UsageError: no frames, or the disk refuses.
    """
    if options.frames < 1:
        raise UsageError(f"--frames: expected at least 1, found {options.frames}")
    bundle = read_bundle(options.bundle, **trust(options))
    if options.reset:
        change_device(bundle, lambda settings: dataclasses.replace(settings, threads=None, spinning=None))
        print(f"{device_path(bundle.folder)}: no tuning any more", file=sys.stderr)
        return 0
    trials = measure(options.bundle, frames=options.frames, **trust(options))
    best = choose(trials)
    change_device(bundle, lambda settings: dataclasses.replace(settings, threads=best.threads, spinning=best.spinning))
    path = device_path(bundle.folder)
    if options.json:
        print_json(
            {
                "device_file": str(path),
                "best": dataclasses.asdict(best),
                "trials": list(map(dataclasses.asdict, trials)),
            }
        )
        return 0
    print(f"{'threads':>7}  {'waiting':<8}{'p50 ms':>8}{'p95 ms':>8}{'CPU ms':>8}")
    for trial in trials:
        mark = "  <- written" if trial is best else ""
        waiting = "busy" if trial.spinning else "asleep"
        print(f"{trial.threads:>7}  {waiting:<8}{trial.p50_ms:>8.2f}{trial.p95_ms:>8.2f}{trial.cpu_ms:>8.2f}{mark}")
    print(f"{path}: an Inspector reads it when it loads the bundle; --reset takes it back")
    return 0


def measure(folder: Path, *, frames: int, public_key: Path | None = None, minimum_serial: int = 0) -> list[Trial]:
    """Inspects the bundle's first golden frame in every way, taking turns, so that other work hits all alike.

    Args:
        folder: the bundle.
        frames: per way.
        public_key, minimum_serial: as in `read_bundle`.

    Returns:
        one trial per way, fewer threads first, without busy waiting first.
    """
    cores = usable_cores()
    ways = [(threads, spinning) for threads in _counts(cores) for spinning in (False, True)[: 1 if threads == 1 else 2]]
    shown: Trust = {"public_key": public_key, "minimum_serial": minimum_serial}
    inspectors = [Inspector.load(folder, threads=threads, spinning=spinning, **shown) for threads, spinning in ways]
    frame = inspectors[0].bundle.read_golden(inspectors[0].bundle.manifest.golden[0].file)
    wall_ms: list[list[float]] = [[] for _ in ways]
    cpu_ms: list[list[float]] = [[] for _ in ways]
    began, rounds = time.perf_counter(), max(1, frames // 10)
    for done in range(rounds):
        for at, inspector in enumerate(inspectors):
            inspector.inspect(frame)  # not counted: caches still hold another way's data
            for _ in range(-(-frames // rounds)):
                wall, busy = time.perf_counter(), time.process_time()
                inspector.inspect(frame)
                wall_ms[at].append((time.perf_counter() - wall) * 1e3)
                cpu_ms[at].append((time.process_time() - busy) * 1e3)
        left_s = (time.perf_counter() - began) / (done + 1) * (rounds - done - 1)
        print(f"round {done + 1} of {rounds}, about {left_s:.0f} s to go", file=sys.stderr, flush=True)
    return [
        Trial(
            threads=threads,
            spinning=spinning,
            p50_ms=round(float(np.median(wall_ms[at])), 3),
            p95_ms=round(float(np.percentile(wall_ms[at], 95)), 3),
            cpu_ms=round(float(np.median(cpu_ms[at])), 3),
        )
        for at, (threads, spinning) in enumerate(ways)
    ]


def choose(trials: list[Trial]) -> Trial:
    """The fastest, but of those nearly as fast the one that takes least of the machine.

    Args:
        trials: modest ones first.
    """
    best = trials[0]
    for trial in trials[1:]:
        if trial.p50_ms < best.p50_ms * _WORTH:
            best = trial
    return best


def _counts(cores: int) -> list[int]:
    """1, 2, 4, ... and all cores."""
    return sorted({cores, *(1 << power for power in range(cores.bit_length()) if 1 << power <= cores)})
