"""A ring that is killed at any moment is mended at the next start; `kills_ring.py` does it 200 times."""

import json
import os
import subprocess
import sys
from pathlib import Path

KILLS = Path(__file__).with_name("kills_ring.py")

# the same, without what the next start mends
CARELESS = """
import tempfile
from pathlib import Path
from attacks import kills, kills_ring
from goodpart_station.ring import ring

ring.mend = lambda folder, index: (folder / "frames").mkdir(exist_ok=True)
with tempfile.TemporaryDirectory() as folder:
    print(kills.run(60, 0, kills_ring.Scene(Path(folder)), operations=["keep"])["fault"]["operation"])
"""


def test_a_dozen_kills():
    # in a process of its own: one that has loaded native libraries with threads is not to be forked
    found = subprocess.run([sys.executable, str(KILLS), "--kills", "12"], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["kills"] == 12


def test_a_ring_that_mends_nothing_would_be_noticed():
    environment = {**os.environ, "PYTHONPATH": str(KILLS.parents[1])}
    found = subprocess.run(
        [sys.executable, "-c", CARELESS], capture_output=True, text=True, check=False, env=environment
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout == "keep\n"
