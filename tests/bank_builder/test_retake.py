"""`goodpart checks`: an engineer widens the ranges on a device, within the limits of the bundle, and it is told."""

import json
import logging
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.device import device_path
from goodpart.cli.main import main
from goodpart.errors import DeviceFileError
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from goodpart.store.store import Store
from small_parts import draw_good


def lit(seed, factor):
    return np.clip(draw_good(seed) * factor, 0, 255).astype(np.uint8)


def write(folder, *, factor, count=12):
    folder.mkdir()
    for seed in range(100, 100 + count):
        cv2.imwrite(str(folder / f"{seed}.png"), lit(seed, factor)[:, :, ::-1])
    return folder


@pytest.fixture
def bundle(tmp_path, built_bundle):
    return Path(shutil.copytree(built_bundle, tmp_path / "washer"))


@pytest.fixture
def retaken(bundle, tmp_path, capsys):
    """The bundle, after frames in a light that is a tenth brighter."""
    assert main(["checks", str(bundle), "--retake", str(write(tmp_path / "bright", factor=1.1))]) == 0
    assert "WIDENED from" in capsys.readouterr().out
    return bundle


def test_frames_of_the_new_light_are_judged_and_those_of_another_are_not(bundle, retaken):
    with Inspector.load(retaken, threads=1, on_device=False) as inspector:
        assert not inspector.checks_moved
        assert inspector.inspect(lit(150, 1.1)).verdict is Verdict.UNKNOWN
    with Inspector.load(retaken, threads=1) as inspector:
        assert inspector.checks_moved
        for seed in range(150, 160):
            assert inspector.inspect(lit(seed, 1.1)).verdict is not Verdict.UNKNOWN
            assert inspector.inspect(lit(seed, 1.0)).verdict is not Verdict.UNKNOWN
        assert inspector.inspect(lit(150, 1.3)).verdict is Verdict.UNKNOWN
        assert inspector.inspect(lit(150, 0.8)).verdict is Verdict.UNKNOWN


def test_wider_checks_are_told_everywhere(retaken, tmp_path, caplog, capsys):
    with caplog.at_level(logging.WARNING), Inspector.load(retaken, threads=1) as inspector:
        assert inspector.inspect(lit(150, 1.1)).to_dict()["checks_moved"] is True
    assert "frame checks WIDENED on this device: " in caplog.text
    assert main(["info", str(retaken)]) == 0
    assert capsys.readouterr().out.startswith("CHECKS      frame checks WIDENED on this device: ")
    assert main(["verify", str(retaken)]) == 0
    assert "frame checks WIDENED" in capsys.readouterr().out
    for command in ("verify", "selftest", "checks"):
        assert main([command, str(retaken), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["checks_moved"] is True


def test_a_store_lists_wider_checks(retaken, tmp_path, capsys):
    store = Store(tmp_path / "store")
    digest = store.activate(store.add(retaken).digest).digest
    assert not store.bundles()[0].checks_moved
    assert main(["checks", str(store.path(digest)), "--retake", str(tmp_path / "bright")]) == 0
    assert store.bundles()[0].checks_moved
    capsys.readouterr()
    assert main(["store", "list", str(store.folder)]) == 0
    assert "frame checks WIDENED on this device" in capsys.readouterr().out


def test_reset_removes_them_and_keeps_what_else_the_device_has_set(bundle, tmp_path, capsys):
    lowest = read_bundle(bundle).manifest.threshold_range.lowest
    assert main(["threshold", str(bundle), "--value", repr(lowest)]) == 0
    before = device_path(bundle).read_bytes()
    assert main(["checks", str(bundle), "--retake", str(write(tmp_path / "bright", factor=1.1))]) == 0
    capsys.readouterr()
    assert main(["checks", str(bundle), "--reset", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["checks_moved"] is False
    assert found["device"] == {}
    assert device_path(bundle).read_bytes() == before


@pytest.mark.parametrize(
    ("factor", "count", "words"),
    [(1.9, 12, "the limits of the bundle, found"), (0.2, 12, "the limits of the bundle, found"),
     (1.1, 9, "at least 10 frames, found 9")],
)  # fmt: skip
def test_frames_beyond_the_limits_and_few_frames_change_nothing(bundle, tmp_path, capsys, factor, count, words):
    assert main(["checks", str(bundle), "--retake", str(write(tmp_path / "frames", factor=factor, count=count))]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert not device_path(bundle).exists()


def test_frames_of_another_size_or_without_signal_are_named(bundle, tmp_path, capsys):
    folder = write(tmp_path / "frames", factor=1.0)
    for name, frame in (("size.png", draw_good(1, height_px=80)), ("black.png", np.zeros((90, 70, 3), np.uint8))):
        cv2.imwrite(str(folder / name), frame)
        assert main(["checks", str(bundle), "--retake", str(folder)]) == 4
        assert name in capsys.readouterr().err
        (folder / name).unlink()


def test_frames_like_the_learned_ones_move_nothing(bundle, tmp_path, capsys):
    assert main(["checks", str(bundle), "--retake", str(write(tmp_path / "same", factor=1.0))]) == 0
    assert "WIDENED" not in capsys.readouterr().out
    assert not device_path(bundle).exists()


def test_frames_that_the_threshold_rejects_are_told(retaken, tmp_path, capsys):
    with Inspector.load(retaken, threads=1) as inspector:
        above = sum(inspector.inspect(lit(seed, 1.1)).score_above_threshold for seed in range(100, 112))
    main(["checks", str(retaken), "--retake", str(tmp_path / "bright")])
    text = capsys.readouterr().err
    assert (f"{above} of 12 of these frames have scores above the threshold" in text) == (above > 0)


@pytest.mark.parametrize("bad", ["beyond", "narrower", "unknown", "empty"])
def test_a_device_file_beyond_the_bundles_limits_is_refused(bundle, bad, capsys):
    whole = read_bundle(bundle)
    (low, high), limit = whole.manifest.checks.ranges["grey"], whole.manifest.checks.limits["grey"]
    ranges = {
        "beyond": {"grey": [low, limit[1] + 1.0]}, "narrower": {"grey": [low + 0.1, high]}, "unknown": {"odd": [0, 1]},
        "empty": {},
    }[bad]  # fmt: skip
    facts = {"bundle": whole.digest, "threshold": None, "pixel_threshold": None, "threads": None, "spinning": None}
    device_path(bundle).write_text(json.dumps(facts | {"ranges": ranges}))
    with pytest.raises(DeviceFileError, match=r"washer\.device\.json"):
        Inspector.load(bundle, threads=1)
    for command in ("info", "verify", "checks"):
        assert main([command, str(bundle)]) == 3
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert main(["checks", str(bundle), "--reset"]) == 0
    Inspector.load(bundle, threads=1).close()


def test_the_ranges_are_shown(bundle, capsys):
    assert main(["checks", str(bundle)]) == 0
    text = capsys.readouterr().out
    checks = read_bundle(bundle).manifest.checks
    assert "90x70 pixels (HxW)" in text
    for name in checks.ranges:
        assert f"\n{name} " in text
    assert main(["checks", str(bundle), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["limits"].keys() == found["ranges"].keys() == checks.ranges.keys()
