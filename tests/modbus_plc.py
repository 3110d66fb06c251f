"""A PLC in Node.js, and stations in processes of their own, for tests of Modbus."""

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import peers

PLC = Path(__file__).parent / "station" / "plc"
BUNDLE = Path(__file__).parent / "fixtures" / "format_2"
PATIENCE_S = 120.0


class Plc:
    """The PLC of plc.js."""

    def __init__(self, process):
        self._process = process

    def run(self, parts, **options):
        """Triggers parts and counts what became of them."""
        counts = self._ask({"run": parts, "timeout_ms": 20_000, "expect": True, **options})
        assert counts["passed"] + counts["rejected"] == parts
        return counts

    def wait(self):
        """Waits until the station is READY; returns its state."""
        return self._ask({"timeout_ms": int(PATIENCE_S * 1000)})["state"]

    def _ask(self, asked):
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextlib.contextmanager
def talking(*command, code=0):
    """A process that is told over stdin, and ends with it and this exit code."""
    pipe = subprocess.PIPE
    with subprocess.Popen([str(word) for word in command], stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
            process.stdin.close()
            assert process.wait(PATIENCE_S) == code
        finally:
            process.kill()


@contextlib.contextmanager
def station(*arguments, code=0):
    with talking(sys.executable, PLC / "station.py", *arguments, code=code) as process:
        yield process, int(process.stdout.readline())


@contextlib.contextmanager
def judging(folder):
    """The real station, with the bundle of the fixtures; also the scores that it gives the two kinds of parts."""
    good, defect, _ = json.loads((BUNDLE / "manifest.json").read_text())["golden"]
    with talking(sys.executable, PLC / "judging.py", BUNDLE, folder) as process:
        scores = {"1": round(good["score"] * 1000), "2": round(defect["score"] * 1000)}
        yield process, int(process.stdout.readline()), scores


@contextlib.contextmanager
def plc(port, last_number=0):
    peers.npm_package("modbus-serial")
    with talking(peers.program("node", "nodejs"), PLC / "plc.js", "127.0.0.1", port, last_number) as process:
        yield Plc(process)


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
