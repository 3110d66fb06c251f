"""Station: the time from a trigger to the part's slot, as a multiple of a bare `Inspector.inspect` in the same run.

The station runs in this process: conductor, judge, event loop, products and sinks are the real ones, the camera has its
frame in memory at once, and the PLC is a link that takes the time. A bare inspection and a part take turns, each with a
frame of its own, so that other work on the machine affects both alike. Every combination runs once per round, in a new
random order each round.

    python benchmarks/station.py BUNDLE --threads 1 2
"""

import argparse
import contextlib
import queue
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common import PERCENTILES, count, headline, load, parser, tell, varied_frames
from goodpart import Inspector, Store
from goodpart.cli.common import print_json, run
from goodpart_station.codes import PartVerdict, State
from goodpart_station.conductor.rules import Rules, TriggerKind
from goodpart_station.engine import Engine
from goodpart_station.line import Sink
from goodpart_station.message import Messages, new_boot
from goodpart_station.part import Frame, Part, Slot
from goodpart_station.ring.config import RingConfig
from goodpart_station.ring.ring import Ring
from goodpart_station.running import Plan, Plugs, started
from goodpart_station.sinks.jsonl import JsonlSink
from goodpart_station.sinks.ring import RingSink
from goodpart_station.sources.source import POLL_S, taken

_DIFFERENT = 60
"""Frames in turn; a camera that repeats one of the last eight counts as frozen."""

_PATIENCE_S = 120.0
_NS = 1_000_000_000


class Instant:
    """A camera whose frame is in memory as soon as it is triggered."""

    repeats = False
    simulated = False

    def __init__(self, frames: Sequence[npt.NDArray[Any]]) -> None:
        self._frames = frames
        self._triggers: queue.SimpleQueue[Part] = queue.SimpleQueue()

    def frames(self) -> Iterator[Frame | None]:
        """One frame for each trigger."""
        while True:
            part = taken(self._triggers, POLL_S)
            if part is None:
                yield None
            else:
                yield Frame(pixels=self._frames[part.seq % len(self._frames)], at_ns=time.monotonic_ns())

    def check(self) -> str:
        """Nothing to try."""
        return "frames in memory"

    def trigger(self, part: Part) -> None:
        """Takes the picture of a part."""
        self._triggers.put(part)

    def done(self, frame: Frame) -> None:
        """Nothing to put away."""


class Timed:
    """A PLC link that takes the time at which each slot is written."""

    def __init__(self) -> None:
        self.written: queue.SimpleQueue[tuple[Slot, int]] = queue.SimpleQueue()

    async def open(self) -> None:
        """Serves nobody."""

    async def close(self) -> None:
        """Serves nobody."""

    def publish(self, slot: Slot) -> None:
        """A slot is written."""
        if slot.verdict is not PartVerdict.NONE:
            self.written.put((slot, time.perf_counter_ns()))


class Bench:
    """A station of one product in a temporary folder."""

    def __init__(self, bundle: Path, frames: Sequence[npt.NDArray[Any]]) -> None:
        self._bundle, self._frames = bundle, frames
        self._seq = 0

    number, name, preload = 1, "product", False

    def round(self, threads: int, sinks: Callable[[Path], Sequence[Sink]], parts: int) -> list[tuple[int, int]]:
        """Nanoseconds of a bare inspection and of a part, in turns."""
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            store = Store(Path(folder) / "store")
            store.activate(store.add(self._bundle).digest)
            timed = Timed()
            plan = Plan(
                data=Path(folder),
                products=(self,),
                store_of=lambda _: store,
                threads=threads,
                rules=Rules(trigger=TriggerKind.SOFTWARE, products=frozenset({1}), deadline_ns=60 * _NS),
                source=lambda _: Instant(self._frames),
                plugs=lambda _: Plugs(plc=[timed], sinks=sinks(Path(folder))),
                product=1,
            )
            engine = stack.enter_context(started(plan))
            judging = threading.Thread(target=engine.run)
            judging.start()
            stack.callback(judging.join)
            stack.callback(engine.stop)
            _wait_for(engine, State.READY)
            live = engine.products.get(1)
            assert live is not None  # noqa: S101 - READY says so
            return [self._pair(engine, live.inspector, timed) for _ in range(parts)]

    def _pair(self, engine: Engine, inspector: Inspector, timed: Timed) -> tuple[int, int]:
        self._seq = self._seq % 65535 + 1
        began = time.perf_counter_ns()
        inspector.inspect(self._frames[self._seq % len(self._frames)])
        bare = time.perf_counter_ns() - began
        began = time.perf_counter_ns()
        engine.trigger(self._seq)
        slot, written = timed.written.get(timeout=_PATIENCE_S)
        if slot.seq != self._seq or slot.verdict in (PartVerdict.REFUSED, PartVerdict.TIMEOUT):
            raise RuntimeError(f"expected a verdict for part {self._seq}, found {slot}")
        return bare, written - began


def _wait_for(engine: Engine, state: State) -> None:
    until_s = time.monotonic() + _PATIENCE_S
    while engine.status().state is not state:
        if time.monotonic() > until_s:
            raise RuntimeError(f"expected {state.name}, found {engine.status()}")
        time.sleep(0.01)


def _without(folder: Path) -> Sequence[Sink]:
    return ()


def _log_and_ring(folder: Path) -> Sequence[Sink]:
    boot, config = new_boot(), RingConfig(random_rate=0.05)
    ring = Ring(folder / "ring", config, boot=boot)
    return JsonlSink(folder / "results.jsonl", Messages("bench", boot, config)), RingSink(ring)


SINKS = {"none": _without, "log and ring": _log_and_ring}
"""What stands beside the PLC, by its name in the figures."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__)
    made.add_argument("--threads", type=count, nargs="+", default=[1, 2], help="default %(default)s")
    made.add_argument("--parts", type=count, default=400, help="parts of each combination (default %(default)s)")
    made.add_argument("--rounds", type=count, default=4, help="rounds that share them (default %(default)s)")
    return run(_measure, made, argv)


def _measure(options: argparse.Namespace) -> int:
    _, bundle = load(options.bundle, threads=1)
    bench = Bench(options.bundle, varied_frames(bundle, _DIFFERENT, seed=options.seed))
    pairs: dict[tuple[int, str], list[tuple[int, int]]] = {
        (threads, sinks): [] for threads in options.threads for sinks in SINKS
    }
    rng = np.random.default_rng(options.seed)
    for done in range(options.rounds):
        tell(f"round {done + 1} of {options.rounds}")
        for turn in rng.permutation(len(pairs)):
            threads, sinks = [*pairs][turn]
            pairs[threads, sinks] += bench.round(threads, SINKS[sinks], -(-options.parts // options.rounds))
    figures = [{"threads": threads, "sinks": sinks, **_figures(taken)} for (threads, sinks), taken in pairs.items()]
    print_json({**headline("station", seed=options.seed, digest=bundle.digest), "results": figures})
    return 0


def _figures(pairs: Sequence[tuple[int, int]]) -> dict[str, Any]:
    bare, part = np.array(pairs, np.float64).T / 1e6
    found: dict[str, Any] = {"parts": len(pairs)}
    for name, taken_ms in (("bare_ms", bare), ("trigger_to_slot_ms", part)):
        found[name] = {f"p{each}": round(float(np.percentile(taken_ms, each)), 3) for each in PERCENTILES}
    found["ratio"] = {
        key: round(found["trigger_to_slot_ms"][key] / found["bare_ms"][key], 3) for key in found["bare_ms"]
    }
    found["added_ms_p50"] = round(float(np.median(part - bare)), 3)
    return found


if __name__ == "__main__":
    sys.exit(main())
