"""Two independent Modbus clients against the server in a process of its own: modbus-serial as a PLC, and mbpoll."""

import json
import os
import re
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest

import peers
from goodpart import Store
from goodpart_station.codes import PartVerdict, State
from modbus_plc import BUNDLE, PATIENCE_S, frozen, judging, plc, station, talking

PARTS = int(os.environ.get("GOODPART_PARTS", "1000"))
"""`make plc` runs 10,000, in front of a rule, and a tenth of them in front of a bundle."""

JUDGED = PARTS // 10


def mbpoll(port, *options, values=()):
    """What mbpoll reads, by address, or its exit code."""
    command = [peers.program("mbpoll"), "-m", "tcp", "-p", port, "-a", 1, "-0", "-1", *options, "127.0.0.1", *values]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {int(at): int(value) for at, value in re.findall(r"^\[(\d+)\]:\s+(\d+)", done.stdout, re.MULTILINE)}


@pytest.mark.parametrize("window", [1, 12])
def test_every_part_gets_its_own_verdict(window):
    # the numbers go around their end on the way
    with station() as (_, port), plc(port, last_number=65535 - PARTS // 2) as client:
        counts = client.run(PARTS, window=window)
        print(f"{PARTS} parts, {window} at a time: {json.dumps(counts)}")
        assert (counts["wrong"], counts["unanswered"], counts["errors"]) == (0, 0, {})
        assert counts["verdicts"].keys() == {"1", "2"}
        # the rule of station.py: each third number is a defect
        numbers = [(65535 - PARTS // 2 + index) % 65535 + 1 for index in range(PARTS)]
        assert counts["rejected"] == sum(number % 3 == 0 for number in numbers)


def test_every_part_of_the_real_station_gets_its_own_verdict(tmp_path):
    with judging(tmp_path) as (_, port, scores), plc(port) as client:
        counts = client.run(JUDGED, expect=scores)
        print(f"{JUDGED} judged parts, one at a time: {json.dumps(counts)}")
        assert (counts["wrong"], counts["unanswered"], counts["errors"]) == (0, 0, {})
        assert counts["verdicts"] == {"1": JUDGED - JUDGED // 3, "2": JUDGED // 3}
        # the camera takes one picture at a time: of parts that come too fast some are REFUSED, and none gets another's
        fast = client.run(JUDGED // 2, window=6, expect=scores)
        assert (fast["wrong"], fast["unanswered"], fast["errors"]) == (0, 0, {})
        assert fast["verdicts"].keys() <= {"1", "2", "4"}
        assert fast["passed"] > 0


def test_the_real_station_frozen_lets_no_part_pass(tmp_path):
    with judging(tmp_path) as (process, port, scores), plc(port) as client:
        assert client.run(5, expect=scores)["unanswered"] == 0
        with frozen(process):
            assert client.run(3, timeout_ms=200, expect=scores)["passed"] == 0
        # the three that it takes up late have their own numbers; those after them get their own verdicts, or none
        after = client.run(30, expect=scores)
        assert after["wrong"] == 0
        assert after["passed"] > 0


FILE = """\
[station]
name = "line1"
data = "data"
deadline_ms = 60000
[[product]]
number = 1
name = "bar"
store = "bar"
[source]
kind = "replay"
path = "images"
trigger = "software"
timeout_s = 60
pair_after_ms = 50000
resync_ms = 51000
[plc.modbus]
listen = "127.0.0.1:{port}"
heartbeat_timeout_s = 60
"""


def test_a_plc_and_a_station_that_its_file_describes(tmp_path):
    """A replay: every number is answered, and no part passes by what was recorded."""
    port = peers.free_port()
    (tmp_path / "line.toml").write_text(FILE.format(port=port))
    (tmp_path / "images").mkdir()
    for index in range(3):
        frame = np.load(BUNDLE / "golden" / f"{index:03}.npy")
        cv2.imwrite(str(tmp_path / "images" / f"{index}.png"), frame if frame.ndim == 2 else frame[:, :, ::-1])
    store = Store(tmp_path / "data" / "stores" / "bar")
    store.activate(store.add(BUNDLE).digest)
    with talking(sys.executable, "-m", "goodpart_station.cli.main", "run", tmp_path / "line.toml") as station:
        with plc(port) as client:
            assert client.wait() == State.READY
            counts = client.run(60)
            assert (counts["unanswered"], counts["errors"], counts["passed"]) == (0, {}, 0)
            assert counts["verdicts"] == {str(int(PartVerdict.SIMULATED)): 60}
        station.process.send_signal(signal.SIGTERM)


def test_a_frozen_station_lets_no_part_pass():
    with station() as (process, port), plc(port) as client:
        assert client.run(20)["unanswered"] == 0
        with frozen(process):
            counts = client.run(3, timeout_ms=200)
        assert (counts["passed"], counts["unanswered"]) == (0, 3)
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
