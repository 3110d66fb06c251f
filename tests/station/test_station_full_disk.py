"""A station whose ring has no disk left: every part gets its verdict, and the journal says once what is missing."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from goodpart import Store
from goodpart_station.ring.frames import Frames
from small_frames import draw_small

PARTS = 300
FILE = """
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
path = "frames"
repeat = false
[sink.jsonl]
path = "results.jsonl"
[ring]
max_bytes = "5 MB"
random_rate = 1.0
"""
BUNDLE = Path(__file__).parents[1] / "fixtures" / "format_2"
RUN = ["-c", "import sys; from goodpart_station.cli.main import main; sys.exit(main(['run', 'station.toml']))"]


@pytest.fixture
def place(tmp_path):
    store = Store(tmp_path / "data" / "stores" / "bar")
    store.activate(store.add(BUNDLE).digest)
    (tmp_path / "station.toml").write_text(FILE)
    (tmp_path / "frames").mkdir()
    for number in range(PARTS):
        np.save(tmp_path / "frames" / f"{number:03}.npy", draw_small(1000 + number))
    (tmp_path / "data" / "ring").mkdir()
    return tmp_path


def judged(place):
    return [json.loads(line)["judged"] for line in (place / "results.jsonl").read_bytes().splitlines()]


def test_verdicts_go_on_when_the_ring_has_no_disk(place):
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode != 0:
        pytest.skip("this system gives no mount namespace (unshare -rm)")
    mount = 'mount -t tmpfs -o size=1m tmpfs data/ring && "$@"; code=$?; cp -r data/ring kept; exit $code'
    found = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount, "sh", sys.executable, *RUN],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
    )
    assert found.returncode == 0, found.stderr
    assert len(judged(place)) == PARTS
    assert set(judged(place)) <= {"GOOD", "DEFECT"}
    assert found.stderr.count("no images are kept") == 1, found.stderr
    kept = Frames(place / "kept").newest(count=PARTS)
    assert 20 < len(kept) < PARTS
