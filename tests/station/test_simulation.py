"""`goodpart-station run --simulate`: a folder through the whole station, in a process of its own."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from goodpart import UsageError
from goodpart_station.running import started
from small_frames import draw_defect, draw_small
from station_parts import BUNDLE, Site

STATION = [sys.executable, "-m", "goodpart_station.cli.main", "run"]


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(3):
        np.save(folder / f"{number}.npy", draw_small(100 + number))
    np.save(folder / "3.npy", draw_defect(3))
    (folder / "4.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def start():
    """Starts a program; what is left running is killed in the end."""
    started = []

    def run(asked, **options):
        started.append(subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            stream.close()


def test_a_folder_is_judged_and_nothing_reads_as_good(images):
    asked = [*STATION, "--simulate", str(images), "--bundle", str(BUNDLE), "--once", "--threads", "1"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=300)
    assert found.returncode == 0, found.stderr
    rows = [row.split() for row in found.stdout.splitlines()]
    assert found.stdout.splitlines()[5:] == [".  5 parts: 3 GOOD, 1 DEFECT, 1 REFUSED"]
    rows = rows[:5]
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row[1] for row in rows] == ["SIMULATED"] * 4 + ["REFUSED"]
    assert [row[4] for row in rows] == ["0.npy", "1.npy", "2.npy", "3.npy", "4.png"]
    assert [row[5] for row in rows[:4]] == ["GOOD,"] * 3 + ["DEFECT,"]
    # READY is told ten times a second at most, and the five images may take less
    assert "product 1 (bar): bundle " in found.stderr


def test_it_goes_on_until_it_is_told_to_end(images, start, tmp_path):
    asked = [*STATION, "--simulate", str(images), "--bundle", str(BUNDLE), "--threads", "1", "--rate", "200"]
    process = start(asked, env={**os.environ, "TMPDIR": str(tmp_path)})
    # the folder has five; a part that comes too soon is refused before the one in hand is answered
    assert len({process.stdout.readline().split()[0] for _ in range(12)}) == 12
    process.send_signal(signal.SIGHUP)  # refreshes, and ends nothing
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, printed = process.communicate(timeout=300)
    assert process.returncode == 0, printed
    assert not list(tmp_path.glob("goodpart-station-*"))


def test_it_ends_when_nobody_reads(images, start):
    asked = [*STATION, "--simulate", str(images), "--bundle", str(BUNDLE), "--threads", "1"]
    process = start(asked)
    process.stdout.readline()
    process.stdout.close()
    printed = process.stderr.read()
    assert process.wait(timeout=300) in (0, 2), printed
    assert "Traceback" not in printed


def test_two_stations_never_share_a_data_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("goodpart.store.store.try_bundle", lambda folder, limits: None)
    site = Site(tmp_path)
    with site.running(), pytest.raises(UsageError, match="expected no other station"), started(site.plan):
        pass
    with site.running():
        pass
