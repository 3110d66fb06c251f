"""A soak of the station: parts from a PLC and a replay, through every link, until memory and handles have told (Linux).

The station runs in this process, assembled as `goodpart-station run` does it, in a simulation: a PLC in another
process announces a part over Modbus as soon as the last one is answered, and the results go to the log, the ring, MQTT
(mosquitto with TLS), a webhook, drift and metrics. Resident memory, handles and threads are read every 10,000 parts.
The slope is that of a straight line through the readings after the first. The exit code is 1 if it reaches the limit,
or handles grow.

    python benchmarks/station_soak.py BUNDLE --parts 200000
"""

import argparse
import contextlib
import dataclasses
import functools
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from common import RUNTIME_PACKAGES, count, headline, parser, percentiles, tell, varied_frames
from goodpart import Store
from goodpart.bundle.bundle import read_bundle
from goodpart.cli.common import print_json, run
from goodpart_station.conductor.rules import Rules, TriggerKind
from goodpart_station.engine import Engine
from goodpart_station.links.modbus import ModbusLink, ModbusSettings
from goodpart_station.message import Messages, new_boot
from goodpart_station.part import Result
from goodpart_station.ring.config import RingConfig
from goodpart_station.ring.ring import Ring
from goodpart_station.running import Plan, Plugs, started
from goodpart_station.simulation import Replay
from goodpart_station.sinks.jsonl import JsonlSink
from goodpart_station.sinks.outside import Outside, outside
from goodpart_station.sinks.ring import RingSink
from goodpart_station.sinks.settings import DriftSettings, MqttSettings, WebhookSettings
from station_peers import broker, free_port, plc, receiver

_IMAGES = 60
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PATIENCE_NS = 60_000_000_000
"""What this measures is no time: other work on the machine must not count as a fault."""

_RING = RingConfig(max_bytes=20_000_000, random_rate=0.05)


@dataclasses.dataclass(frozen=True)
class _Product:
    number: int
    name: str
    preload: bool = False


class Readings:
    """A sink that counts the parts, and reads what this process takes every so many of them."""

    name = "readings"
    dropped = 0

    def __init__(self, engine: Engine, *, parts: int, every: int) -> None:
        self._engine, self._parts, self._every = engine, parts, every
        self._began_s = time.monotonic()
        self.others: Outside | None = None
        self.verdicts: Counter[str] = Counter()
        self.total_ms: list[float] = []
        self.rows: list[dict[str, Any]] = []

    def put(self, result: Result) -> None:
        """Counts a part, and ends the station after the last one."""
        self.verdicts[result.verdict.name] += 1
        self.total_ms.append(result.ms["total"])
        seen = self.verdicts.total()
        if seen % self._every == 0 or seen == self._parts:
            self.rows.append(self._read(seen))
            tell(f"{seen:,} parts: {self.rows[-1]}")
            self.total_ms.clear()
        if seen == self._parts:
            self._engine.stop()

    def start(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def _read(self, seen: int) -> dict[str, Any]:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        threads = len(list(Path("/proc/self/task").iterdir()))
        metrics = self.others.metrics if self.others is not None else None
        return {
            "parts": seen,
            "resident_mb": round(pages * _PAGE_BYTES / 1e6, 3),
            "handles": len(list(Path("/proc/self/fd").iterdir())),
            "threads": threads,
            "total_ms": percentiles(self.total_ms),
            "metrics_bytes": None if metrics is None else len(metrics.text()),
            "dropped": {sink.name: sink.dropped for sink in self._engine.sinks if sink.dropped},
            "spent_s": round(time.monotonic() - self._began_s, 1),
        }


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the soak; returns the exit code."""
    made = parser(__doc__)
    made.add_argument("--parts", type=count, default=200_000, help="default %(default)s")
    made.add_argument("--every", type=count, default=10_000, help="parts between readings (default %(default)s)")
    made.add_argument("--threads", type=count, default=1, help="for one frame (default %(default)s)")
    made.add_argument("--limit-mb", type=float, default=1.0, help="slope per 1,000,000 parts (default %(default)s)")
    return run(measure, made, argv)


def measure(options: argparse.Namespace) -> int:
    """Runs the station until it has answered all parts; returns 1 if memory or handles grow."""
    facts = headline(
        "station_soak", seed=options.seed, digest=read_bundle(options.bundle).digest, packages=RUNTIME_PACKAGES
    )
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="station-soak-")))
        mqtt, _ = stack.enter_context(broker(folder))
        webhook = stack.enter_context(receiver(folder))
        port = free_port()
        readings: list[Readings] = []
        plugs = functools.partial(_plugs, options, folder, port, mqtt, webhook, readings)
        engine = stack.enter_context(started(_plan(options, folder, plugs)))
        stack.enter_context(plc(port))
        engine.run()
        rows, verdicts = readings[0].rows, readings[0].verdicts
    slope = _slope([row["parts"] for row in rows[1:]], [row["resident_mb"] for row in rows[1:]])
    grown = rows[-1]["handles"] - rows[min(1, len(rows) - 1)]["handles"]
    print_json({**facts, "verdicts": dict(verdicts), "slope_mb": slope, "handles_grown": grown, "rows": rows})
    return int(grown > 0 or (slope is not None and slope >= options.limit_mb))


def _plan(options: argparse.Namespace, folder: Path, plugs: Any) -> Plan:
    images = folder / "images"
    images.mkdir()
    bundle = read_bundle(options.bundle)
    for number, frame in enumerate(varied_frames(bundle, _IMAGES, seed=options.seed)):
        cv2.imwrite(str(images / f"{number:03}.png"), frame[:, :, ::-1] if frame.ndim == 3 else frame)
    store = Store(folder / "store")
    store.activate(store.add(options.bundle).digest)
    rules = Rules(
        trigger=TriggerKind.SOFTWARE, products=frozenset({1}), deadline_ns=_PATIENCE_NS, pair_after_ns=_PATIENCE_NS - 1,
        resync_ns=_PATIENCE_NS, plc_timeout_ns=_PATIENCE_NS, simulated=True, auto_reset=True,
    )  # fmt: skip
    replay = Replay(folder=images, shuffle=True)
    return Plan(
        data=folder / "data",
        products=(_Product(1, bundle.manifest.name),),
        store_of=lambda _: store,
        threads=options.threads,
        rules=rules,
        source=lambda wanted: replay.source(wanted, triggered=True),
        plugs=plugs,
        product=1,
        source_timeout_s=_PATIENCE_NS / 1e9,
    )


def _plugs(
    options: argparse.Namespace,
    folder: Path,
    port: int,
    mqtt: MqttSettings,
    webhook: WebhookSettings,
    made: list[Readings],
    engine: Engine,
) -> Plugs:
    messages = Messages("soak", new_boot(), _RING)
    ring = RingSink(Ring(folder / "data" / "ring", _RING, boot=messages.boot))
    log = JsonlSink(folder / "data" / "log.jsonl", messages, max_bytes=5_000_000, keep=2)
    others = outside(
        engine, messages, data=folder / "data", others=[log, ring], mqtt=mqtt, webhook=webhook, drift=DriftSettings(),
        prometheus=True, ring_bytes=lambda: ring.ring.used_bytes,
    )  # fmt: skip
    readings = Readings(engine, parts=options.parts, every=options.every)
    readings.others = others
    made.append(readings)
    link = ModbusLink(engine, ModbusSettings(port=port))
    return Plugs(plc=[link], sinks=[log, ring, *others.sinks, readings])


def _slope(parts: Sequence[int], resident_mb: Sequence[float]) -> float | None:
    """By how many MB memory grows per 1,000,000 parts: least squares; None with fewer than three readings."""
    if len(parts) < 3:
        return None
    return round(float(np.polyfit(np.array(parts) / 1e6, resident_mb, 1)[0]), 3)


if __name__ == "__main__":
    sys.exit(main())
