"""A soak of the station: parts from a PLC and a replay, through every link, until memory and handles have told (Linux).

The station runs in this process, assembled as `goodpart-station run` does it, in a simulation: a PLC in another
process announces a part over Modbus as soon as the last one is answered, and the results go to the log, the ring, MQTT
(mosquitto with TLS), a webhook, drift, metrics, and a page that somebody looks at. Resident memory, handles and threads
are read every 10,000 parts. The slope is that of a straight line through the readings after the first. The exit code is
1 if it reaches the limit, or handles grow. SIGTERM and Ctrl-C end it earlier, with the figures until then.

    python benchmarks/station_soak.py BUNDLE --parts 200000
"""

import argparse
import contextlib
import dataclasses
import functools
import os
import signal
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
from goodpart_station.config.config import read_config
from goodpart_station.engine import Engine
from goodpart_station.part import Result
from goodpart_station.running import Plan, Plugs, started
from goodpart_station.station import plan_of
from station_peers import Broker, free_port, plc, receiver, viewer

_IMAGES = 60
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_FILE = """
[station]
name = "soak"
data = "data"
deadline_ms = 60000
auto_reset = true
threads = {threads}
[[product]]
number = 1
name = "soaked"
store = "soaked"
[source]
kind = "replay"
path = "images"
shuffle = true
trigger = "software"
pair_after_ms = 59000
resync_ms = 60000
timeout_s = 60
[plc.modbus]
listen = "127.0.0.1:{port}"
heartbeat_timeout_s = 60
[sink.jsonl]
path = "log.jsonl"
max_bytes = "5 MB"
keep = 2
[ring]
max_bytes = "20 MB"
random_rate = 0.05
[sink.mqtt]
url = "{mqtt.url}"
ca = "{mqtt.ca}"
[sink.webhook]
url = "{webhook.url}"
secret_file = "{webhook.secret_file}"
[drift]
[page]
listen = "127.0.0.1:{page_port}"
"""
"""What this measures is no time: other work on the machine must not count as a fault, so every limit is a minute."""


class Readings:
    """A sink that counts the parts, and reads what this process takes every so many of them."""

    name = "readings"
    dropped = 0

    def __init__(self, engine: Engine, *, parts: int, every: int) -> None:
        self._engine, self._parts, self._every = engine, parts, every
        self._began_s = time.monotonic()
        self.verdicts: Counter[str] = Counter()
        self.total_ms: list[float] = []
        self.rows: list[dict[str, Any]] = []

    def put(self, result: Result) -> None:
        """Counts a part, and ends the station after the last one."""
        self.verdicts[result.verdict.name] += 1
        self.total_ms.append(result.ms["total"])
        seen = self.verdicts.total()
        # a part or two are answered after the last one, while the station ends
        if seen == self._parts or (seen % self._every == 0 and seen < self._parts):
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
        return {
            "parts": seen,
            "resident_mb": round(pages * _PAGE_BYTES / 1e6, 3),
            "handles": len(list(Path("/proc/self/fd").iterdir())),
            "threads": threads,
            "total_ms": percentiles(self.total_ms),
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
        mqtt = stack.enter_context(Broker(folder)).settings
        webhook = stack.enter_context(receiver(folder))
        port, page_port, file = free_port(), free_port(), folder / "station.toml"
        text = _FILE.format(threads=options.threads, port=port, page_port=page_port, mqtt=mqtt, webhook=webhook)
        file.write_text(text)
        _fill(options, folder)
        plan = plan_of(read_config(file))
        readings: list[Readings] = []
        plugs = functools.partial(_plugs, plan, options, readings)
        engine = stack.enter_context(started(dataclasses.replace(plan, plugs=plugs)))
        stack.enter_context(viewer(page_port))
        stack.enter_context(plc(port))
        for number in (signal.SIGTERM, signal.SIGINT):
            stack.callback(signal.signal, number, signal.signal(number, lambda *_: engine.stop()))
        engine.run()
        rows, verdicts = readings[0].rows, readings[0].verdicts
    slope = _slope([row["parts"] for row in rows[1:]], [row["resident_mb"] for row in rows[1:]])
    # connections that the peers have just closed come and go
    middle = len(rows) // 2
    grown = 0
    if middle:
        grown = min(row["handles"] for row in rows[middle:]) - max(row["handles"] for row in rows[:middle])
    print_json({**facts, "verdicts": dict(verdicts), "slope_mb": slope, "handles_grown": grown, "rows": rows})
    return int(grown > 0 or (slope is not None and slope >= options.limit_mb))


def _fill(options: argparse.Namespace, folder: Path) -> None:
    """Puts images and a store with the bundle where the file says that they are."""
    images = folder / "images"
    images.mkdir()
    bundle = read_bundle(options.bundle)
    for number, frame in enumerate(varied_frames(bundle, _IMAGES, seed=options.seed)):
        cv2.imwrite(str(images / f"{number:03}.png"), frame[:, :, ::-1] if frame.ndim == 3 else frame)
    store = Store(folder / "data" / "stores" / "soaked")
    store.activate(store.add(options.bundle).digest)


def _plugs(plan: Plan, options: argparse.Namespace, made: list[Readings], engine: Engine) -> Plugs:
    """What the file plugs in, and what reads memory and handles."""
    plugs = plan.plugs(engine)
    made.append(Readings(engine, parts=options.parts, every=options.every))
    return dataclasses.replace(plugs, sinks=[*plugs.sinks, *made])


def _slope(parts: Sequence[int], resident_mb: Sequence[float]) -> float | None:
    """By how many MB memory grows per 1,000,000 parts: least squares; None with fewer than three readings."""
    if len(parts) < 3:
        return None
    return round(float(np.polyfit(np.array(parts) / 1e6, resident_mb, 1)[0]), 3)


if __name__ == "__main__":
    sys.exit(main())
