"""The example station of docs/deploy, run as systemd runs it."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from goodpart.store.store import Store
from small_network import draw_small, small_bundle

ROOT = Path(__file__).parents[2]
LINE = ROOT / "docs" / "deploy" / "line.py"


class Station:
    """The running program, what it tells systemd, and a folder to put frames into."""

    def __init__(self, store: Path, folder: Path) -> None:
        self.folder = folder / "frames"
        self.folder.mkdir()
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.systemd.bind(str(folder / "notify"))
        self.systemd.settimeout(60)
        command = [sys.executable, str(LINE), str(store), str(self.folder), "--threads", "1", "--keep", "4"]
        environment = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify")}
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def told(self) -> str:
        return self.systemd.recv(100).decode()

    def judge(self, name: str, frame: np.ndarray) -> dict[str, object]:
        """Puts a frame in whole, as a camera program would, and waits for its line."""
        np.save(self.folder.parent / "whole.npy", frame)
        (self.folder.parent / "whole.npy").rename(self.folder / f"{name}.npy")
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path / "store")
    store.activate(store.add(small_bundle(tmp_path / "from", tmp_path / "one", serial=1)).digest)
    return store


@pytest.fixture
def station(store, tmp_path):
    station = Station(store.folder, tmp_path)
    yield station
    station.process.kill()
    station.process.communicate()
    station.systemd.close()


def drained(station: Station) -> set[str]:
    """What systemd was told and has not read yet."""
    station.systemd.setblocking(False)
    found = set()
    while True:
        try:
            found.add(station.told())
        except BlockingIOError:
            return found


def test_it_goes_on_when_nobody_reads_what_it_tells(station):
    assert [station.judge(f"a{index}", draw_small(index))["file"] for index in range(30)] == [
        f"a{index}.npy" for index in range(30)
    ]


def test_it_judges_goes_over_and_ends(station, store, tmp_path):
    assert station.told() == "READY=1"
    assert station.told() == "WATCHDOG=1"
    good = station.judge("a", draw_small(100))
    assert (good["file"], good["verdict"]) == ("a.npy", "GOOD")
    assert station.judge("b", draw_small(100, defect=True))["verdict"] == "DEFECT"
    assert station.judge("c", draw_small(100, defect=True))["reason"].startswith("no signal: this frame repeats")
    assert station.judge("d", np.zeros((24, 18, 3), np.uint8))["verdict"] == "UNKNOWN"
    assert station.judge("e", draw_small(100).astype(np.float32))["verdict"] == "REFUSED"
    store.activate(store.add(small_bundle(tmp_path / "from", tmp_path / "two", serial=2, seed=1)).digest)
    station.process.send_signal(signal.SIGHUP)
    for line in station.process.stderr:
        if "switched to" in line:
            assert store.state.active in line
            break
    assert station.judge("f", draw_small(100))["score"] != good["score"]
    assert drained(station) == {"WATCHDOG=1"}
    station.process.send_signal(signal.SIGTERM)
    _, printed = station.process.communicate(timeout=60)
    assert station.process.returncode == 0, printed
    assert len(list((station.folder / "judged").iterdir())) == 4


def test_without_an_active_bundle_it_ends_with_one_line(tmp_path):
    asked = [sys.executable, str(LINE), str(tmp_path / "nothing"), str(tmp_path)]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert found.returncode == 3
    assert found.stderr.count("\n") == 1
    assert "expected an active bundle" in found.stderr
