"""A PLC in Node.js, and stations in processes of their own, for tests of Modbus."""

import contextlib
import json
import signal
import sys
from pathlib import Path

from peers import PATIENCE_S, PLC, node, talking

BUNDLE = Path(__file__).parent / "fixtures" / "format_2"


class Plc:
    """The PLC of plc.js."""

    def __init__(self, talker):
        self._talker = talker

    def run(self, parts, **options):
        """Triggers parts and counts what became of them."""
        counts = self._talker.ask(**{"run": parts, "timeout_ms": 20_000, "expect": True, **options})
        assert counts["passed"] + counts["rejected"] == parts
        return counts

    def wait(self):
        """Waits until the station is READY; returns its state."""
        return self._talker.ask(timeout_ms=int(PATIENCE_S * 1000))["state"]


@contextlib.contextmanager
def station(*arguments, code=0):
    with talking(sys.executable, PLC / "station.py", *arguments, code=code) as talker:
        yield talker.process, talker.hear()


@contextlib.contextmanager
def judging(folder):
    """The real station, with the bundle of the fixtures; also the scores that it gives the two kinds of parts."""
    good, defect, _ = json.loads((BUNDLE / "manifest.json").read_text())["golden"]
    with talking(sys.executable, PLC / "judging.py", BUNDLE, folder) as talker:
        scores = {"1": round(good["score"] * 1000), "2": round(defect["score"] * 1000)}
        yield talker.process, talker.hear(), scores


@contextlib.contextmanager
def plc(port, last_number=0):
    with node("plc.js", "127.0.0.1", port, last_number, package="modbus-serial") as talker:
        yield Plc(talker)


@contextlib.contextmanager
def frozen(process):
    """A process that is stopped, and goes on afterwards."""
    process.send_signal(signal.SIGSTOP)
    try:
        # "T" in its third field: stopped
        while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            pass
        yield
    finally:
        process.send_signal(signal.SIGCONT)
