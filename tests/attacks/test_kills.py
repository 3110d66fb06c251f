"""Killed at any moment, build, sign and the store leave the old or the new; `make kills` does it 500 times."""

import json
import os
import subprocess
import sys
from pathlib import Path

KILLS = Path(__file__).with_name("kills.py")
PRODUCTS = Path(__file__).with_name("kills_products.py")

# the same, with a signature that is written as most programs write files
CARELESS = """
import os, sys, tempfile
from pathlib import Path
from attacks import kills

class Careless(kills.Scene):
    def sign(self):
        file = self.bundles[0] / "manifest.sig"
        whole = file.read_bytes()
        file.write_bytes(whole[:10])
        os.listdir(self.folder)
        file.write_bytes(whole)

with tempfile.TemporaryDirectory() as folder:
    print(kills.run(60, 0, Careless(Path(folder)), operations=["sign"])["fault"]["operation"])
"""


def test_four_kills():
    # in a process of its own: one that has loaded native libraries with threads is not to be forked
    found = subprocess.run([sys.executable, str(KILLS), "--kills", "4"], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["kills"] == 4


def test_two_kills_in_a_store_of_two_products():
    asked = [sys.executable, str(PRODUCTS), "--activations", "1", "--kills", "2"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert json.loads(found.stdout)["kills"] == 2


def test_careless_writing_would_be_noticed():
    environment = {**os.environ, "PYTHONPATH": str(KILLS.parents[1])}
    found = subprocess.run(
        [sys.executable, "-c", CARELESS], capture_output=True, text=True, check=False, env=environment
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout == "sign\n"
