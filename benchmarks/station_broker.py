"""What a broker that hangs, and one that dies, costs a station: results, memory, and time of the judge (Linux).

The parts come at a steady rate from a thread that stands for the judge: it makes a frame, and times each hand-over to
the MQTT sink. In the first third mosquitto (TLS) works, in the second it hangs (SIGSTOP), in the third it works again;
then the same with a broker that is killed and started again. A hung broker is noticed by its missing answers.

    python benchmarks/station_broker.py --seconds 30
"""

import argparse
import contextlib
import gc
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common import RUNTIME_PACKAGES, count, headline, parser, percentiles, tell
from goodpart.cli.common import print_json, run
from goodpart_station.codes import PartVerdict, Reason
from goodpart_station.message import Messages, new_boot
from goodpart_station.part import Frame, Part, Result
from goodpart_station.sinks.mqtt import MqttSink
from station_peers import Broker, Listener

_SIDE_PX = 900
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_AWAIT_S = 60.0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__, bundle=False)
    made.add_argument("--seconds", type=count, default=30, help="how long the broker is away (default %(default)s)")
    made.add_argument("--rate", type=count, default=50, help="parts per second (default %(default)s)")
    return run(measure, made, argv)


def measure(options: argparse.Namespace) -> int:
    """Lets a broker hang, then kills one; returns 1 if a result is missing that nobody was told of."""
    found = {}
    for name in ("hung", "killed"):
        found[name] = _away(name, options.seconds, options.rate)
        tell(f"{name}: {found[name]}")
    print_json({**headline("station_broker", seed=None, digest=None, packages=RUNTIME_PACKAGES), **found})
    return int(any(each["untold"] for each in found.values()))


def _away(how: str, seconds: int, rate: int) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="station-broker-")))
        broker = stack.enter_context(Broker(folder))
        sink = MqttSink(broker.settings, Messages("bench", new_boot(), None), station="bench")
        sink.start()
        listener = stack.enter_context(Listener(broker.settings, "goodpart/bench/result"))
        listener.await_connection(_AWAIT_S)
        phases: dict[str, dict[str, Any]] = {}
        seq = 0
        for phase in ("before", "away", "after"):
            if phase == "away":
                broker.signal(signal.SIGSTOP if how == "hung" else signal.SIGKILL)
            if phase == "after":
                began_s = time.monotonic()
                broker.signal(signal.SIGCONT) if how == "hung" else broker.start()
            spent_us = []
            for _ in range(seconds * rate):
                seq += 1
                spent_us.append(_hand_over(sink, seq))
                time.sleep(1 / rate)
            gc.collect()
            phases[phase] = {"put_us": percentiles(spent_us), "resident_mb": _resident_mb(), "dropped": sink.dropped}
            if phase == "after":
                phases[phase]["last_arrived_s"] = round(listener.await_seq(seq, _AWAIT_S) - began_s, 1)
        sink.close()
        arrived, told = listener.seqs, listener.dropped
    # a broker that is started again may pass on twice what it has passed on before
    first = list(dict.fromkeys(arrived))
    missing = seq - len(first)
    return {
        "parts": seq,
        "arrived": len(first),
        "repeated": len(arrived) - len(first),
        "in_order": first == sorted(first),
        "dropped": sink.dropped,
        "told": told,
        # a broker that dies takes what it has acknowledged and not passed on; that is its loss
        "untold": missing - told if how == "hung" else max(0, sink.dropped - told),
        "phases": phases,
    }


def _hand_over(sink: MqttSink, seq: int) -> float:
    """Microseconds that the judge gives away for a part."""
    now_ns = time.monotonic_ns()
    result = Result(
        part=Part(seq, None, 0, 1, now_ns, now_ns), verdict=PartVerdict.REFUSED, reason=Reason.FRAME_REFUSED,
        detail=None, product="bench", bundle="", serial=0, inspection=None,
        frame=Frame(np.zeros((_SIDE_PX, _SIDE_PX, 3), np.uint8), now_ns), late=False, simulated=False,
        answered_ns=now_ns, at=time.time(), ms={},
    )  # fmt: skip
    began = time.perf_counter()
    sink.put(result)
    return (time.perf_counter() - began) * 1e6


def _resident_mb() -> float:
    return round(int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES / 1e6, 1)


if __name__ == "__main__":
    sys.exit(main())
