"""Two independent Modbus clients against the server in a process of its own: modbus-serial as a PLC, and mbpoll."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import peers

PLC = Path(__file__).parent / "plc"
PATIENCE_S = 120.0
PARTS = int(os.environ.get("GOODPART_PARTS", "1000"))
"""`make plc` runs 10,000."""


class Plc:
    """The PLC of plc.js."""

    def __init__(self, process):
        self._process = process

    def run(self, parts, **options):
        asked = {"run": parts, "timeout_ms": 20_000, "expect": True, **options}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        counts = json.loads(self._process.stdout.readline())
        assert counts["passed"] + counts["rejected"] == parts
        return counts


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
def plc(port, last_number=0):
    peers.npm_package("modbus-serial")
    with talking(peers.program("node", "nodejs"), PLC / "plc.js", "127.0.0.1", port, last_number) as process:
        yield Plc(process)


def mbpoll(port, *options, values=()):
    """What mbpoll reads, by address, or its exit code."""
    command = [peers.program("mbpoll"), "-m", "tcp", "-p", port, "-a", 1, "-0", "-1", *options, "127.0.0.1", *values]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {int(at): int(value) for at, value in re.findall(r"^\[(\d+)\]:\s+(\d+)", done.stdout, re.MULTILINE)}


def state_of(process):
    """What the system says of a process: "T" when it is stopped."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("window", [1, 12])
def test_every_part_gets_its_own_verdict(window):
    # the numbers go around their end on the way
    with station() as (_, port), plc(port, last_number=65535 - PARTS // 2) as client:
        counts = client.run(PARTS, window=window)
        print(f"{PARTS} parts, {window} at a time: {json.dumps(counts)}")
        assert (counts["wrong"], counts["unanswered"], counts["errors"]) == (0, 0, {})
        assert counts["passed"] == counts["verdicts"]["1"]
        # the rule of station.py: each third number is a defect
        numbers = [(65535 - PARTS // 2 + index) % 65535 + 1 for index in range(PARTS)]
        assert counts["rejected"] == sum(number % 3 == 0 for number in numbers)


def test_a_frozen_station_lets_no_part_pass():
    with station() as (process, port), plc(port) as client:
        assert client.run(20)["unanswered"] == 0
        process.send_signal(signal.SIGSTOP)
        while state_of(process) != "T":
            pass
        try:
            frozen = client.run(3, timeout_ms=200)
        finally:
            process.send_signal(signal.SIGCONT)
        assert (frozen["passed"], frozen["unanswered"]) == (0, 3)
        # what it answers late to those three is nobody's verdict
        after = client.run(50)
        assert (after["wrong"], after["unanswered"]) == (0, 0)


def test_a_station_that_was_killed_is_found_again():
    with station(code=-signal.SIGKILL) as (process, port), plc(port) as client:
        assert client.run(20)["unanswered"] == 0
        process.kill()
        process.wait(PATIENCE_S)
        assert client.run(3, timeout_ms=200)["passed"] == 0
        with station("0", port):
            after = client.run(50)
            assert (after["wrong"], after["unanswered"]) == (0, 0)


def test_a_second_client_reads_what_the_page_says():
    peers.program("mbpoll")
    with station() as (_, port), plc(port) as client:
        client.run(31)
        head = mbpoll(port, "-t", 3, "-r", 0, "-c", 16)
        known = {0: 0x4750, 1: 1, 3: 2, 4: 0, 5: 31, 6: 31, 7: 1, 15: 0}
        assert {at: head[at] for at in known} == known
        slot = mbpoll(port, "-t", 3, "-r", 16 + 8 * (31 % 16), "-c", 8)
        score = 31 * 65537 * 7 % 1000003
        assert [slot[16 + 8 * 15 + index] for index in (0, 1, 2, 3, 4, 5, 7)] == [
            *(31, 1, 0, 1, score // 65536, score % 65536, 31),
        ]
        assert mbpoll(port, "-t", 1, "-r", 0, "-c", 6) == {0: 1, 1: 0, 2: 1, 3: 1, 4: 0, 5: 0}
        # a command, and the answer to it
        mbpoll(port, "-t", 4, "-r", 6, values=(99, 5))
        assert mbpoll(port, "-t", 3, "-r", 10, "-c", 2) == {10: 5, 11: 12}
        # the PLC's connection is untouched
        assert client.run(5)["unanswered"] == 0


def test_a_missing_peer_skips_with_its_reason(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match="apt install mosquitto-clients"):
        peers.program("mosquitto_sub", "mosquitto-clients")
    monkeypatch.setenv(peers.VARIABLE, str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match="npm package modbus-serial"):
        peers.npm_package("modbus-serial")
    monkeypatch.delenv(peers.VARIABLE)
    with pytest.raises(pytest.skip.Exception, match="GOODPART_PEERS is not set"):
        peers.npm_package("modbus-serial")
