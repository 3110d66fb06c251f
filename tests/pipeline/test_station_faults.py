"""The benchmark of station faults: every fault makes a frame, and verdicts are counted before and after."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from small_parts import draw_defect, draw_good


@pytest.fixture(scope="module")
def category(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("washer")
    for name, draw, seeds in (
        ("train/good", draw_good, range(24)), ("test/good", draw_good, range(100, 102)),
        ("test/spot", draw_defect, range(100, 102)),
    ):  # fmt: skip
        (root / name).mkdir(parents=True)
        for seed in seeds:
            cv2.imwrite(str(root / name / f"{seed}.png"), draw(seed)[:, :, ::-1])
    return root


def test_station_faults(bench, built_bundle, category, faults):
    found = bench(
        "station_faults", built_bundle, "--data", category, "--other", category / "test" / "spot", "--frames", 2
    )
    assert found["bundle_digest"] == read_bundle(built_bundle).digest
    assert len(found["faults"]) == len(faults) == 91
    for row in found["faults"]:
        assert row["frames"] == sum(row["before"].values()) == sum(row["after"].values()) == 2
    rows = {(row["kind"], row["strength"]): row for row in found["faults"]}
    assert rows["light", 0.5]["after"] == {"UNKNOWN": 2}
    assert rows["light", 0.5]["before"].get("UNKNOWN", 0) == 0
    assert rows["size", "480x640"]["after"] == {"REFUSED": 2}
    assert set(found["own_light"]) == {"good", "spot"}
    assert found["held_out"]["frames"] == 24
    assert 0 <= found["goals"]["flagged_share"] <= 1
    json.dumps(found, allow_nan=False)


def test_every_fault_changes_the_frame_and_leaves_its_argument_alone(faults, scene):
    frame = draw_good(1, height_px=200, width_px=240)
    before = frame.copy()
    for fault in faults:
        made = fault(frame, scene)
        assert made.dtype == np.uint8, fault
        assert made.shape != frame.shape or (made != frame).any(), fault
        np.testing.assert_array_equal(frame, before)


@pytest.fixture
def faults(script):
    from faults import FAULTS

    return FAULTS


@pytest.fixture
def scene(script):
    from faults import Scene

    size = {"height_px": 200, "width_px": 240}
    return Scene(rng=np.random.default_rng(0), previous=draw_good(2, **size), other=draw_good(3, **size))
