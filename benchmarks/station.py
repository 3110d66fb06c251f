"""Station: the time from a trigger to the part's slot, as a multiple of a bare `Inspector.inspect` in the same run.

The station runs in this process, assembled as `goodpart-station run` does it. The camera has its frame in memory at
once, and the PLC is a link that takes the time. A bare inspection and a part take turns, each with a frame of its own,
so that other work on the machine affects both alike. Every combination runs once per round, in a new random order each
round. What stands beside the PLC:

- nothing; or sinks: log, ring, drift, a webhook and MQTT (mosquitto with TLS), whose peers are processes of their own
- page: four clients in a process of their own. One takes the newest state, one opened it and never reads, and two ask
  for the newest picture with its heat map, two and a half times a second each
- both; or opcua: a client that hears all events and variables, and one that never reads
    python benchmarks/station.py BUNDLE --threads 1 2
"""

import argparse
import contextlib
import dataclasses
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common import PERCENTILES, count, headline, load, parser, tell, varied_frames
from goodpart import Inspector, Store
from goodpart.cli.common import print_json, run
from goodpart_station.codes import PartVerdict, State
from goodpart_station.config.config import read_config
from goodpart_station.engine import Engine
from goodpart_station.part import Frame, Part, Slot
from goodpart_station.running import Plan, Plugs, started
from goodpart_station.sources.source import POLL_S, taken
from goodpart_station.station import plan_of
from station_opcua import TABLE, opcua_clients
from station_peers import Broker, free_port, receiver

_DIFFERENT = 60
"""Frames in turn; a camera that repeats one of the last eight counts as frozen."""

_PATIENCE_S, _GAP_S = 120.0, 0.1
"""The gap stands before each inspection: without it the bare one meets what sinks do about the part before it."""

_FILE = """
[station]
name = "bench"
data = "data"
deadline_ms = 60_000
threads = {threads}
[[product]]
number = 1
name = "bench"
store = "bench"
[source]
kind = "folder"
path = "frames"
trigger = "software"
pair_after_ms = 59_000
resync_ms = 60_000
timeout_s = 60
"""

_SINKS = """
[sink.jsonl]
path = "log.jsonl"
[ring]
max_bytes = "100 MB"
random_rate = 0.05
[drift]
[sink.mqtt]
url = "{mqtt.url}"
ca = "{mqtt.ca}"
[sink.webhook]
url = "{webhook.url}"
secret_file = "{webhook.secret_file}"
"""

_PAGE = """
[page]
listen = "127.0.0.1:{port}"
"""

BESIDE = {"nothing": "", "sinks": "sinks", "page": "page", "both": "sinks page", "opcua": "opcua"}
"""What stands beside the PLC, by its name in the figures."""

_CLIENTS = """
import http.client, json, sys, threading, time
port, newest = int(sys.argv[1]), [None]

def events(reads):
    stream = http.client.HTTPConnection("127.0.0.1", port)
    stream.request("GET", "/events")
    answer = stream.getresponse()
    while reads:
        line = answer.readline()
        if line.startswith(b"data: "):
            found = json.loads(line[6:]).get("part") or {}
            newest[0] = found.get("seq", newest[0])
    time.sleep(1e6)

def pictures():
    while True:
        if newest[0] is not None:
            asks = http.client.HTTPConnection("127.0.0.1", port)
            asks.request("GET", f"/frame/{newest[0]}.jpg?heat=1")
            answer = asks.getresponse()
            answer.read()
            counts[answer.status] = counts.get(answer.status, 0) + 1
            asks.close()
        time.sleep(0.4)

counts = {}
for work in (lambda: events(True), lambda: events(False), pictures, pictures):
    threading.Thread(target=work, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
print(json.dumps(counts), flush=True)
"""


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
    """Stations of one product in temporary folders."""

    def __init__(self, bundle: Path, frames: Sequence[npt.NDArray[Any]]) -> None:
        self._bundle, self._frames = bundle, frames
        self._seq = 0
        self.pictures: dict[str, int] = {}

    def round(self, threads: int, beside: str, parts: int) -> list[tuple[int, int]]:
        """Nanoseconds of a bare inspection and of a part, in turns."""
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="station-bench-")))
            timed, port = Timed(), free_port()
            plugs = (plan := self._plan(stack, folder, threads, BESIDE[beside], port)).plugs

            def with_time(engine: Engine) -> Plugs:
                found = plugs(engine)
                return dataclasses.replace(found, plc=[*found.plc, timed])

            plan = dataclasses.replace(plan, plugs=with_time, source=lambda _: Instant(self._frames))
            engine = stack.enter_context(started(plan))
            (judging := threading.Thread(target=engine.run)).start()
            stack.callback(judging.join)
            stack.callback(engine.stop)
            _await_ready(engine)
            if "page" in BESIDE[beside]:
                stack.enter_context(self._clients(port))
            if "opcua" in BESIDE[beside]:
                stack.enter_context(opcua_clients(port))
            if (live := engine.products.get(1)) is None:
                raise RuntimeError(f"expected a bundle that is ready, found {engine.status()}")
            return [self._pair(engine, live.inspector, timed) for _ in range(parts)]

    def _plan(self, stack: contextlib.ExitStack, folder: Path, threads: int, beside: str, port: int) -> Plan:
        text = _FILE.format(threads=threads)
        if "sinks" in beside:
            mqtt = stack.enter_context(Broker(folder)).settings
            text += _SINKS.format(mqtt=mqtt, webhook=stack.enter_context(receiver(folder)))
        if "page" in beside:
            text += _PAGE.format(port=port)
        if "opcua" in beside:
            text += TABLE.format(port=port)
        (folder / "frames").mkdir()
        store = Store(folder / "data" / "stores" / "bench")
        store.activate(store.add(self._bundle).digest)
        return plan_of(read_config(folder / "line.toml", text))

    @contextlib.contextmanager
    def _clients(self, port: int) -> Iterator[None]:
        command = [sys.executable, "-c", _CLIENTS, str(port)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as clients:
            if clients.stdout is None or clients.stdout.readline() != "ready\n":
                raise RuntimeError("expected clients of the page, found none")
            try:
                yield
            finally:
                counts, _ = clients.communicate("")
                for status, number in json.loads(counts).items():
                    self.pictures[status] = self.pictures.get(status, 0) + number

    def _pair(self, engine: Engine, inspector: Inspector, timed: Timed) -> tuple[int, int]:
        self._seq = self._seq % 65535 + 1
        time.sleep(_GAP_S)
        began = time.perf_counter_ns()
        inspector.inspect(self._frames[self._seq % len(self._frames)])
        bare = time.perf_counter_ns() - began
        time.sleep(_GAP_S)
        began = time.perf_counter_ns()
        engine.trigger(self._seq)
        slot, written = timed.written.get(timeout=_PATIENCE_S)
        if slot.seq != self._seq or slot.verdict in (PartVerdict.REFUSED, PartVerdict.TIMEOUT):
            raise RuntimeError(f"expected a verdict for part {self._seq}, found {slot}")
        return bare, written - began


def _await_ready(engine: Engine) -> None:
    until_s = time.monotonic() + _PATIENCE_S
    while engine.status().state is not State.READY and time.monotonic() < until_s:
        time.sleep(0.01)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__)
    made.add_argument("--threads", type=count, nargs="+", default=[1, 2], help="default %(default)s")
    made.add_argument("--beside", choices=BESIDE, nargs="+", default=[*BESIDE], help="default: all of them")
    made.add_argument("--parts", type=count, default=400, help="parts of each combination (default %(default)s)")
    made.add_argument("--rounds", type=count, default=4, help="rounds that share them (default %(default)s)")
    return run(_measure, made, argv)


def _measure(options: argparse.Namespace) -> int:
    _, bundle = load(options.bundle, threads=1)
    bench = Bench(options.bundle, varied_frames(bundle, _DIFFERENT, seed=options.seed))
    pairs: dict[tuple[int, str], list[tuple[int, int]]] = {
        (threads, beside): [] for threads in options.threads for beside in options.beside
    }
    rng = np.random.default_rng(options.seed)
    for done in range(options.rounds):
        tell(f"round {done + 1} of {options.rounds}")
        for turn in rng.permutation(len(pairs)):
            threads, beside = [*pairs][turn]
            pairs[threads, beside] += bench.round(threads, beside, -(-options.parts // options.rounds))
    figures = [{"threads": threads, "beside": beside, **_figures(taken)} for (threads, beside), taken in pairs.items()]
    facts = headline("station", seed=options.seed, digest=bundle.digest)
    print_json({**facts, "pictures": bench.pictures, "results": figures})
    return 0


def _figures(pairs: Sequence[tuple[int, int]]) -> dict[str, Any]:
    bare, part = np.array(pairs, np.float64).T / 1e6
    found: dict[str, Any] = {"parts": len(pairs)}
    for name, taken_ms in (("bare_ms", bare), ("trigger_to_slot_ms", part)):
        found[name] = {f"p{each}": round(float(np.percentile(taken_ms, each)), 3) for each in PERCENTILES}
    found["ratio"] = {
        key: round(found["trigger_to_slot_ms"][key] / found["bare_ms"][key], 3) for key in found["bare_ms"]
    }
    found["added_ms"] = {f"p{each}": round(float(np.percentile(part - bare, each)), 3) for each in PERCENTILES}
    return found


if __name__ == "__main__":
    sys.exit(main())
