"""Thousands of parts in front of a camera that misses triggers and loses frames: none gets the verdict of another one.

`make camera` runs 10,000 of each kind.
"""

import os
import time

import pytest

from camera_belt import AFTER, BEFORE, MS, RESYNC, SPACING, Belt, run
from goodpart_station.conductor.rules import TriggerKind
from station_parts import Site

PARTS = int(os.environ.get("GOODPART_PARTS", "200"))
RATE = 0.001 if PARTS >= 10_000 else 0.02


@pytest.mark.parametrize("kind", [TriggerKind.HARDWARE, TriggerKind.SOFTWARE])
def test_no_part_gets_the_verdict_of_another_one(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("goodpart_station.sources.camera.POLL_S", 0.01 if kind is TriggerKind.HARDWARE else 1e-6)
    belt = Belt(PARTS, kind, seed=5, rate=RATE, begin_ns=time.monotonic_ns())
    hardware = kind is TriggerKind.HARDWARE
    site = Site(
        tmp_path,
        trigger=kind,
        pair_before_ns=BEFORE * MS if hardware else 0,
        pair_after_ns=AFTER * MS,
        min_spacing_ns=SPACING * MS if hardware else 0,
        resync_ns=RESYNC * MS,
        deadline_ns=500 * MS,
    )
    # the station lives in the time of the belt
    monkeypatch.setattr(time, "monotonic_ns", lambda: belt.now_ns)
    counts = run(site, belt)
    print(f"{PARTS} parts, {kind.value}: {counts}, {belt.spoilt}")
    assert counts["wrong"] == 0
    assert counts["right"] + counts["refused"] == PARTS
    assert counts["right"] > 0.8 * PARTS
    # all of it happens
    assert sum(belt.spoilt.values()) > 0
    assert counts["refused"] > 0
    assert counts["good"] > 0.5 * PARTS
