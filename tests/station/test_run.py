"""`goodpart-station run FILE` as systemd runs it, with a folder source: what was promised for the example station."""

import json
import os
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

from small_frames import draw_defect, draw_small
from small_network import small_bundle
from station_parts import small_store, until

_FILE = """
[station]
name = "line1"
data = "data"
threads = 1
deadline_ms = 60_000
[[product]]
number = 1
name = "bar"
store = "bar"
[source]
kind = "folder"
path = "frames"
keep = 4
[sink.jsonl]
path = "results.jsonl"
"""

_WHERE_SOME_FRAMES_KILL = """
import os, signal, sys, time
from pathlib import Path
from goodpart.frames.images import ImageReader
from goodpart_station.cli.main import main
real = ImageReader.read
def read(self, path, spec):
    if "killer" in path.name:
        log = Path(sys.argv[-1]).with_name("results.jsonl")
        while path.name.startswith("c") and "b.npy" not in log.read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, path, spec)
ImageReader.read = read
sys.exit(main())
"""


class Program:
    """The running program, what it tells systemd, and a folder to put frames into."""

    def __init__(self, folder, *, before=("-m", "goodpart_station.cli.main"), watchdog_s=60):
        self.folder, self.frames = folder, folder / "frames"
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        (folder / "notify").unlink(missing_ok=True)
        self.systemd.bind(str(folder / "notify"))
        self.systemd.settimeout(300)
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": str(int(watchdog_s * 1e6)),
        }
        self.process = subprocess.Popen(
            [sys.executable, *before, "run", str(folder / "line.toml")],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    def hear(self, words):
        """What systemd is told, until it begins with these words."""
        while not (found := self.systemd.recv(5000).decode()).startswith(words):
            pass
        return found

    def results(self):
        log = self.folder / "results.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def after(self, count):
        """The results, as soon as there are so many."""
        until(lambda: len(self.results()) >= count)
        assert len(self.results()) == count
        return self.results()

    def put(self, name, frame):
        np.save(self.folder / "whole.npy", frame)
        (self.folder / "whole.npy").rename(self.frames / f"{name}.npy")

    def judge(self, name, frame):
        """Puts a frame in whole, as a camera program would, and waits for its result."""
        count = len(self.results())
        self.put(name, frame)
        return self.after(count + 1)[-1]

    def end(self):
        """Tells it to end; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=300)
        return self.process.returncode

    def close(self):
        self.process.kill()
        self.process.communicate()
        self.systemd.close()


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "line.toml").write_text(_FILE)
    (tmp_path / "frames").mkdir()
    return tmp_path


@pytest.fixture
def store(folder):
    return small_store(folder / "data" / "stores" / "bar")


@pytest.fixture
def start(folder):
    """Starts the program; what is left running is killed in the end."""
    started = []

    def run(**options):
        started.append(Program(folder, **options))
        return started[-1]

    yield run
    for program in started:
        program.close()


def test_it_judges_goes_over_and_ends(store, start, folder, tmp_path_factory):
    newer = small_bundle(tmp_path_factory.mktemp("from"), folder / "newer", serial=10)
    program = start(watchdog_s=2)
    program.hear("READY=1")
    program.hear("WATCHDOG=1")
    good = program.judge("a", draw_small(100))
    assert (good["source_file"], good["verdict"], good["serial"]) == ("a.npy", "GOOD", 9)
    assert program.judge("b", draw_defect(101))["verdict"] == "DEFECT"
    frozen = program.judge("c", draw_defect(101))
    assert (frozen["verdict"], frozen["reason"]) == ("UNKNOWN", "FROZEN_CAMERA")
    assert frozen["detail"].startswith("no signal: this frame repeats")
    assert program.judge("d", np.zeros((24, 18, 3), np.uint8))["reason"] == "NO_SIGNAL"
    refused = program.judge("e", draw_small(100).astype(np.float32))
    assert (refused["verdict"], refused["reason"]) == ("REFUSED", "FRAME_REFUSED")
    store.activate(store.add(newer).digest)
    program.process.send_signal(signal.SIGHUP)
    for line in program.process.stderr:
        if "switched to" in line:
            assert store.state.active in line
            break
    other = program.judge("f", draw_small(100))
    assert (other["bundle"], other["serial"]) == (store.state.active, 10)
    assert other["score"] != good["score"]
    assert program.end() == 0
    assert program.hear("STOPPING=1")
    assert len(names(folder / "frames" / "judged")) == 4
    assert [result["seq"] for result in program.results()] == [1, 2, 3, 4, 5, 6]


def test_it_goes_on_when_nobody_reads_what_it_tells(store, start, folder):
    program = start(watchdog_s=0.4)  # and so tells it ten times a second
    for seed in range(30):
        program.put(f"a{seed:02}", draw_small(seed))
    assert [result["source_file"] for result in program.after(30)] == [f"a{seed:02}.npy" for seed in range(30)]
    assert program.end() == 0


def test_without_an_active_bundle_it_says_so_and_waits_for_one(start, folder):
    program = start()
    assert program.hear("READY=1")
    assert "expected an active bundle, found none" in program.hear("STATUS=FAULT")
    program.put("a", draw_small(1))
    assert program.end() == 0
    assert names(folder / "frames") == ["a.npy"]


def test_a_frame_that_kills_is_not_tried_again(store, start, folder):
    frames, killing = folder / "frames", ("-c", _WHERE_SOME_FRAMES_KILL)
    for name in ("a-killer", "b", "c-killer", "d"):
        np.save(frames / f"{name}.npy", draw_small(100 + len(name)))
    first = start(before=killing)
    assert first.process.wait(timeout=300) == -signal.SIGKILL
    assert first.results() == []
    assert (names(frames / "judging"), names(frames)) == (["a-killer.npy"], ["b.npy", "c-killer.npy", "d.npy"])

    second = start(before=killing)
    assert second.process.wait(timeout=300) == -signal.SIGKILL
    third = start(before=killing)
    results = third.after(4)
    assert third.end() == 0
    by_name = {result["source_file"]: result for result in results}
    assert list(by_name) == ["a-killer.npy", "b.npy", "c-killer.npy", "d.npy"]
    for name in ("a-killer.npy", "c-killer.npy"):
        assert (by_name[name]["verdict"], by_name[name]["reason"]) == ("REFUSED", "FRAME_REFUSED")
        assert "not tried again" in by_name[name]["detail"]
    assert by_name["b.npy"]["verdict"] == by_name["d.npy"]["verdict"] == "GOOD"
    assert (names(frames), names(frames / "judging")) == ([], [])
    assert names(frames / "poison") == ["a-killer.npy", "c-killer.npy"]
    assert names(frames / "judged") == ["b.npy", "d.npy"]


def test_a_second_run_on_the_same_folder_is_refused(store, start, folder):
    program = start()
    program.hear("READY=1")
    asked = [sys.executable, "-m", "goodpart_station.cli.main", "run", str(folder / "line.toml")]
    found = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=300)
    assert found.returncode == 2
    assert "expected no other station on this folder" in found.stderr
    assert program.judge("a", draw_small(100))["verdict"] == "GOOD"


def test_a_replay_in_the_place_of_the_source_gives_no_good(store, folder):
    (folder / "images").mkdir()
    np.save(folder / "images" / "a.npy", draw_small(100))
    asked = [sys.executable, "-m", "goodpart_station.cli.main", "run", str(folder / "line.toml")]
    asked += ["--simulate", str(folder / "images"), "--once", "--product", "1"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=300)
    assert found.returncode == 0, found.stderr
    (result,) = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert (result["verdict"], result["judged"], result["simulated"]) == ("SIMULATED", "GOOD", True)
