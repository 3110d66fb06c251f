"""The benchmarks that run for long, and the faults that they are there to notice."""

import itertools
import json
import mmap
from pathlib import Path

import pytest

import goodpart.frames.checks as checks_module
from goodpart.facts.spec import FrameSpec
from goodpart.inspector import Inspector

BUNDLE = Path(__file__).parents[1] / "fixtures" / "format_1"
REFUSED = {
    *("NaN", "another channel", "float64", "infinite", "int32", "list", "masked", "no pixels", "nothing"),
    *("one row", "other bit depth"),
}
DEAD = {"black", "constant", "one colour", "saturated"}


def test_soak(bench):
    found = bench("soak", BUNDLE, "--frames", 1500, "--bad", 0.5, "--seed", 3)
    assert (found["frames"], found["complete"], found["wrong_frames"], found["wrong"]) == (1500, True, 0, [])
    assert set(found["bad_frames"]) == REFUSED | DEAD
    assert found["results"]["FrameError"] == sum(found["bad_frames"][name] for name in REFUSED)
    assert found["results"]["UNKNOWN"] == sum(found["bad_frames"][name] for name in DEAD)
    assert sum(found["results"].values()) == 1500
    assert found["results"]["GOOD"] > 0 < found["results"]["DEFECT"]
    assert len(found["resident_mb"]) == 11
    assert 0 <= found["growth_mb"] < found["limit_mb"] == 2
    assert found["frames_per_s"] > 0


@pytest.mark.parametrize("name", ["built_bundle", "masked_bundle"])
def test_soak_with_other_bundles(bench, name, request):
    found = bench("soak", request.getfixturevalue(name), "--frames", 60, "--bad", 0.9, "--threads", 2, "--limit-mb", 99)
    assert found["wrong_frames"] == 0


def test_soak_that_is_interrupted_tells_what_it_has(script, monkeypatch, capfd):
    inspect, calls = Inspector.inspect, itertools.count()

    def interrupted(self, frame):
        if next(calls) == 700:
            raise KeyboardInterrupt
        return inspect(self, frame)

    monkeypatch.setattr(Inspector, "inspect", interrupted)
    assert script("soak", BUNDLE, "--frames", 1000) == 130
    captured = capfd.readouterr()
    found = json.loads(captured.out)
    assert found["complete"] is False
    assert 600 < found["frames"] < 700
    assert found["growth_mb"] >= 0
    assert "interrupted after" in captured.err


def test_soak_notices_memory_that_grows(script, monkeypatch, capfd):
    inspect, kept = Inspector.inspect, []

    def leaking(self, frame):
        # straight from the system: an array would fit into what earlier tests gave back, and nothing would grow
        page = mmap.mmap(-1, 240_000)
        page.write(b"1" * 240_000)
        kept.append(page)
        return inspect(self, frame)

    monkeypatch.setattr(Inspector, "inspect", leaking)
    assert script("soak", BUNDLE, "--frames", 600) == 1
    assert json.loads(capfd.readouterr().out)["growth_mb"] > 2


def test_soak_notices_a_dead_frame_that_is_judged(script, monkeypatch, capfd):
    monkeypatch.setattr(checks_module, "no_signal", lambda *_: None)
    assert script("soak", BUNDLE, "--frames", 200, "--bad", 0.5) == 1
    found = json.loads(capfd.readouterr().out)
    assert found["wrong_frames"] == sum(found["bad_frames"][name] for name in DEAD)
    assert found["wrong"][0].startswith(tuple(f"{name}: expected UNKNOWN" for name in DEAD))
    assert len(found["wrong"]) <= 20


def test_soak_notices_an_error_that_is_no_frame_error(script, monkeypatch, capfd):
    inspect = Inspector.inspect
    monkeypatch.setattr(Inspector, "inspect", lambda self, frame: inspect(self, frame.view()))
    assert script("soak", BUNDLE, "--frames", 300, "--bad", 0.5) == 1
    found = json.loads(capfd.readouterr().out)
    without_a_view = found["bad_frames"]["list"] + found["bad_frames"]["nothing"]
    assert found["wrong_frames"] == found["results"]["AttributeError"] == without_a_view
    assert "has no attribute 'view'" in found["wrong"][0]


def test_soak_notices_a_score_that_changes(script, monkeypatch, capfd):
    check, calls = FrameSpec.check, itertools.count()

    def dimmed(self, frame):
        return check(self, frame) // 2 if next(calls) == 150 else check(self, frame)

    monkeypatch.setattr(FrameSpec, "check", dimmed)
    assert script("soak", BUNDLE, "--frames", 300, "--bad", 0) == 1
    assert json.loads(capfd.readouterr().out)["wrong_frames"] == 1


@pytest.mark.parametrize("share", ["-0.1", "1.1", "nan", "some"])
def test_soak_refuses_what_is_no_share(script, share, capfd):
    with pytest.raises(SystemExit):
        script("soak", BUNDLE, "--bad", share)
    assert "expected a share from 0 to 1" in capfd.readouterr().err


def test_threads(bench):
    found = bench("threads", BUNDLE, "--at-a-time", 3, "--frames", 20)
    assert (found["at_a_time"], found["frames"], found["mismatches"]) == (3, 20, 0)
    ways = [(row["search"], row["threads"]) for row in found["results"]]
    assert ways == [("graph", 1), ("exact", 1), ("graph", 2), ("exact", 2)]
    for row in found["results"]:
        assert row["verdicts"]["GOOD"] > 0 < row["verdicts"]["DEFECT"]
        assert row["frames_per_s"] > 0


def test_threads_notices_a_frame_that_comes_out_different(script, monkeypatch, capfd):
    check, calls = FrameSpec.check, itertools.count()

    def dimmed(self, frame):
        return check(self, frame) // 2 if next(calls) == 100 else check(self, frame)

    monkeypatch.setattr(FrameSpec, "check", dimmed)
    assert script("threads", BUNDLE, "--at-a-time", 2, "--frames", 50, "--threads", 1) == 1
    assert json.loads(capfd.readouterr().out)["mismatches"] == 1
