"""The benchmark of drift: its fast detector says what `Drift` says, and it runs on a small bundle."""

import numpy as np
import pytest

from goodpart.drift import Drift
from goodpart.scoring.stats import STATS
from goodpart.watch.observed import Observed
from small_parts import draw_good


@pytest.fixture
def streams(script, monkeypatch):
    import importlib

    return importlib.import_module("drift_streams")


def drawn(streams, seed, *, shift):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(3200, len(STATS))).round(3)
    values[2600:, 2] += shift
    judged = rng.random(len(values)) > 0.05
    return streams.Stream(
        values=values,
        judged=judged,
        defects=rng.random(len(values)) < 0.03,
        reasons=np.where(judged, "", "too dark"),
    )


@pytest.mark.parametrize("shift", [0.0, -3.0])
def test_block_by_block_is_frame_by_frame(streams, shift):
    stream = drawn(streams, 0, shift=shift)
    drift = Drift(seed=5)
    found = []
    for row, values in enumerate(stream.values.tolist()):
        judged = bool(stream.judged[row])
        outcome = "UNKNOWN" if not judged else "DEFECT" if stream.defects[row] else "GOOD"
        stats = dict(zip(STATS, values, strict=True)) if judged else {}
        frame = Observed(
            outcome=outcome, stats=stats, reason=str(stream.reasons[row]), threshold=1.0, checks_moved=False
        )
        found.append(drift.observe(frame))
    first = next((alarm for alarm in found if alarm is not None), None)
    fast = streams.first_alarm(stream, seed=5)
    assert (fast.alarm, fast.block) == (first, 16)
    assert (first is not None) == (shift != 0)


def test_psi_and_cusum_find_a_shift_and_nothing_else(streams):
    rng = np.random.default_rng(0)
    reference, same = rng.normal(size=2400), rng.normal(size=250)
    shifted = np.concatenate([same, rng.normal(size=400) + 3])
    assert streams.psi_alarm(reference, same) is None
    assert 250 < streams.psi_alarm(reference, shifted) < 400
    assert 250 < streams.cusum_alarm(reference, shifted) < 260


def test_it_runs_on_a_small_bundle(bench, built_bundle, tmp_path):
    for seed in range(6):
        np.save(tmp_path / f"{seed}.npy", draw_good(200 + seed))
    scores = tmp_path / "scores.json"
    options = ["--frames", tmp_path, "--repeats", 1, "--unchanged", 320, "--runs", 1, "--scores", scores]
    found = bench("drift", built_bundle, *options)
    assert (found["frames"], found["parts"], found["repeats"]) == (6, 6, 1)
    assert set(found["outcomes"]) == set(found["means"]) == {"none", *found["all_judged"][0]["changes"]}
    assert found["means"]["light .9"]["grey"] == pytest.approx(0.9 * found["means"]["none"]["grey"], rel=0.01)
    assert found["means"]["defocus 1.5"]["sharpness"] < found["means"]["none"]["sharpness"]
    assert found["means"]["shift 8"]["column"] != found["means"]["none"]["column"]
    for table in ("with_checks", "all_judged"):
        assert set(found[table][0]["runs_with_false_alarm"]) == {"drift", "psi", "cusum"}
    darker = found["all_judged"][0]["changes"]["light .9"]
    assert sum(darker["named"].values()) == 1
    assert darker["drift"]["median"] <= 400
    assert found["cost"]["together_over_backbone"] > 0
    assert scores.exists()


def test_the_cost_alone_by_the_side_of_the_frame(bench, built_bundle, tmp_path):
    np.save(tmp_path / "0.npy", draw_good(0))
    found = bench("drift", built_bundle, "--frames", tmp_path, "--only-cost", 64, 96)
    assert list(found["cost"]) == ["64x64", "96x96"]
    assert all(each["checks_us"] > 0 and each["add_us"] > 0 for each in found["cost"].values())
    assert "slow" not in found
