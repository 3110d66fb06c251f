"""`goodpart drift`: a log of results says the same as the results themselves; its messages, state and exit codes."""

import json

import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.device import drift_path
from goodpart.cli import drift as command
from goodpart.cli.main import main
from goodpart.drift import Drift
from goodpart.scoring.stats import STATS
from goodpart.store.store import Store
from small_frames import draw_defect, draw_small

FAST = ["--block", "1", "--false-alarm-every", "6250"]


def line(values, verdict="GOOD", **facts):
    return {"file": "x.png", "verdict": verdict, "reason": None, "threshold": 3.0, "checks_moved": False,
            "stats": dict(zip(STATS, map(float, values), strict=True))} | facts  # fmt: skip


def drawn(seed, frames, shift=0.0):
    values = np.random.default_rng(seed).normal(size=(frames, len(STATS))).round(4)
    values[:, STATS.index("grey")] += shift
    return [line(row) for row in values]


def write(path, lines):
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    return str(path)


@pytest.fixture
def quiet(tmp_path):
    return write(tmp_path / "quiet.jsonl", drawn(0, 400))


@pytest.fixture
def darker(tmp_path):
    return write(tmp_path / "darker.jsonl", drawn(1, 60, shift=-5.0))


def test_a_quiet_log_ends_with_0(quiet, capsys):
    assert main(["drift", quiet, *FAST]) == 0
    shown = capsys.readouterr().out
    assert "WATCHING  250 blocks of 1 frames; 400 frames, of which 0 UNKNOWN or REFUSED" in shown
    assert "an alarm comes at 1" in shown


def test_an_alarm_ends_with_1_and_says_where_and_what(quiet, darker, capsys):
    assert main(["drift", quiet, darker, *FAST]) == 1
    first, state, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("ALARM     at frame 42")
    assert "darker.jsonl:" in first
    assert "darker since frame " in first
    assert "lamp, exposure or dirt?" in first
    assert state.startswith("ALARM     310 blocks")


def test_json_has_a_line_for_each_alarm_and_one_for_the_state(quiet, darker, capsys):
    assert main(["drift", quiet, darker, "--json", *FAST]) == 1
    alarm, state = (json.loads(each) for each in capsys.readouterr().out.splitlines())
    found = alarm["alarm"]
    assert (found["statistic"], found["direction"]) == ("grey", "lower")
    assert abs(found["since"] - 401) <= 8 < found["frame"] - 401 <= 25
    assert found["where"] == f"{darker}:{found['frame'] - 400}"
    assert state["state"]["phase"] == "ALARM"
    assert state["state"]["since"] == found["since"]


def test_while_it_learns_it_says_so(darker, capsys):
    assert main(["drift", darker]) == 0
    assert "LEARNING  3 of 150 blocks of 16 frames" in (shown := capsys.readouterr().out)
    assert "it learns what is normal" in shown


def test_a_state_goes_on_where_it_stopped(quiet, darker, tmp_path, capsys):
    whole, parts = tmp_path / "whole.json", tmp_path / "parts.json"
    assert main(["drift", quiet, darker, "--state", str(whole), *FAST]) == 1
    assert main(["drift", quiet, "--state", str(parts), *FAST]) == 0
    assert main(["drift", darker, "--state", str(parts)]) == 1
    assert whole.read_bytes() == parts.read_bytes()
    capsys.readouterr()
    assert main(["drift", "--state", str(parts)]) == 1  # it stays
    assert "not acknowledged" in capsys.readouterr().out
    assert main(["drift", "--state", str(parts), "--acknowledge"]) == 0
    assert main(["drift", quiet, "--state", str(parts), "--new-reference"]) == 0
    assert "WATCHING  250 blocks" in capsys.readouterr().out
    assert main(["drift", quiet, "--state", str(parts), "--block", "2"]) == 2
    assert "found a state, which has its own" in capsys.readouterr().err


def test_a_state_is_bound_to_its_bundle(quiet, older, newer, tmp_path, capsys):
    state = tmp_path / "state.json"
    assert main(["drift", quiet, "--state", str(state), "--bundle", str(older)]) == 0
    Drift.load(state, bundle=read_bundle(older).digest)
    assert main(["drift", quiet, "--state", str(state), "--bundle", str(newer)]) == 2
    assert "expected the drift of bundle" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "expected UTF-8 JSON"),
        ("[1]", "expected a result of goodpart score --json"),
        ('{"verdict": "FINE"}', "expected a result of goodpart score --json"),
        ('{"verdict": "GOOD", "threshold": 1}', 'expected "stats" in the result, found none: an older goodpart'),
        ('{"verdict": "GOOD", "threshold": 1, "stats": {"score": "high"}}', "expected finite numbers"),
        ('{"verdict": "GOOD", "threshold": 1, "stats": {"score": 1e300}}', "expected finite numbers"),
        ('{"verdict": "GOOD", "threshold": null, "stats": {"score": 1}}', "expected finite numbers"),
        ('{"verdict": "GOOD", "threshold": 1, "stats": [1]}', "expected finite numbers"),
        ('{"verdict": "GOOD", "threshold": 1, "stats": {"score": NaN}}', "expected finite numbers"),
    ],
)
def test_a_broken_line_is_named_in_one_line_and_no_state_is_written(text, words, quiet, tmp_path, capsys):
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(drawn(0, 1)[0]) + "\n\n" + text + "\n")
    state = tmp_path / "state.json"
    assert main(["drift", str(log), "--state", str(state)]) == 2
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 1
    assert f"{log}:3: " in captured.err
    assert words in captured.err
    assert not state.exists()


def test_no_log_and_a_missing_log_are_usage_errors(tmp_path, capsys):
    assert main(["drift"]) == 2
    assert main(["drift", str(tmp_path / "none.jsonl")]) == 2
    assert main(["drift", str(tmp_path)]) == 2
    for told in capsys.readouterr().err.splitlines():
        assert "expected" in told


def test_an_interrupt_leaves_the_old_state(quiet, tmp_path, monkeypatch, capsys):
    state = tmp_path / "state.json"
    assert main(["drift", quiet, "--state", str(state)]) == 0
    before = state.read_bytes()

    def interrupted(*_: object, **__: object):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "of_result", interrupted)
    assert main(["drift", quiet, "--state", str(state)]) == 130
    assert state.read_bytes() == before
    assert "interrupted" in capsys.readouterr().err
    assert sorted(each.name for each in tmp_path.iterdir()) == ["quiet.jsonl", "state.json"]


def test_long_logs_tell_how_far_they_are(quiet, monkeypatch, capsys):
    monkeypatch.setattr(command, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(command, "_EACH", 100)
    assert main(["drift", quiet]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[1].startswith("goodpart drift: 200 frames, 50 %, about")


def test_a_log_says_what_the_frames_said(inspector, built_bundle, tmp_path, capsys):
    """Frames are inspected and watched; the log of the same frames gives the same state, byte by byte."""
    drift, paths = Drift(block=2), []
    for seed in range(12):
        frame = draw_defect(seed) if seed % 5 == 4 else draw_small(seed)
        frame = np.zeros_like(frame) if seed == 7 else frame
        np.save(tmp_path / f"{seed:02}.npy", frame)
        paths.append(str(tmp_path / f"{seed:02}.npy"))
        drift.add(inspector.inspect(frame))
    np.save(tmp_path / "12.npy", np.zeros((5, 5), np.uint8))
    main(["score", str(built_bundle), *paths, str(tmp_path / "12.npy"), "--threads", "1", "--json"])
    log = tmp_path / "log.jsonl"
    log.write_text(capsys.readouterr().out)
    results = [json.loads(each) for each in log.read_text().splitlines()]
    assert {each["verdict"] for each in results} == {"GOOD", "DEFECT", "UNKNOWN", "REFUSED"}
    assert "stats" not in results[-1]
    drift.add_refused(results[-1]["error"])
    assert main(["drift", str(log), "--block", "2", "--state", str(tmp_path / "state.json")]) == 0
    replayed = Drift.load(tmp_path / "state.json")
    assert replayed.state == drift.state
    plain, live = json.loads(replayed.to_json()), json.loads(drift.to_json())
    assert plain.pop("threshold") == pytest.approx(live.pop("threshold"), abs=1e-4)
    assert plain == live


def test_stats_are_the_median_of_what_counts_and_change_no_score(masked_bundle, inspector):
    found = inspector.inspect(draw_small(100))
    assert list(found.stats) == ["score", "grid"]  # a bundle of format 1 measures no pictures
    assert found.stats["score"] == pytest.approx(found.score, rel=1e-5)
    assert found.stats["grid"] == pytest.approx(float(np.median(found.grid)), rel=1e-5)
    inspector_of_masked = type(inspector).load(masked_bundle, threads=1)
    masked = inspector_of_masked.inspect(draw_small(100))
    assert masked.stats["grid"] == pytest.approx(float(np.median(masked.grid[~masked.ignored])), rel=1e-5)
    assert masked.stats["grid"] != pytest.approx(float(np.median(masked.grid)), rel=1e-5)
    assert masked.to_dict()["stats"] == masked.stats


def test_gc_removes_the_drift_of_a_removed_bundle(older, newer, tmp_path):
    store = Store(tmp_path / "store")
    digests = [store.add(bundle).digest for bundle in (older, newer)]
    for digest in digests:
        drift_path(store.path(digest)).write_text("{}")
    store.activate(digests[1])
    assert store.gc() == [digests[0]]
    assert not drift_path(store.path(digests[0])).exists()
    assert drift_path(store.path(digests[1])).exists()
