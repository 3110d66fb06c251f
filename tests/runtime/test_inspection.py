"""What an Inspection says of itself."""

import copy
import dataclasses
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.facts.spec import Roi
from goodpart.inspector import Inspector
from goodpart.scoring import inspection as inspection_module
from goodpart.scoring.inspection import Inspection, Verdict
from goodpart.scoring.rounding import rounded, significant
from small_frames import draw_small

KEYS = [
    "schema", "verdict", "reason", "score", "threshold", "threshold_moved", "checks_moved", "score_above_threshold",
    "margin", "p_value", "pixel_threshold", "regions", "frame_height_px", "frame_width_px", "timings_ms", "stats",
]  # fmt: skip


@pytest.fixture(scope="module")
def defect(older) -> Inspection:
    with Inspector.load(older, threads=1) as inspector:
        found = inspector.inspect(draw_small(100, defect=True))
    return dataclasses.replace(found, pixel_threshold=0.9 * float(found.grid.max()))


def test_a_dict_is_plain_and_rounded(defect):
    found = defect.to_dict()
    assert list(found) == KEYS
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["schema"], found["verdict"], found["reason"]) == (1, "DEFECT", None)
    assert found["score"] == round(defect.score, 4)
    assert found["margin"] == round(found["score"] - found["threshold"], 4)
    assert (found["frame_height_px"], found["frame_width_px"]) == (24, 18)
    assert found["timings_ms"] == {stage: round(ms, 3) for stage, ms in defect.timings_ms.items()}
    assert len(found["regions"]) == len(defect.regions) > 0
    for plain, region in zip(found["regions"], defect.regions, strict=True):
        assert plain["peak"] == round(region.peak, 4)
        assert plain["area_share"] == pytest.approx(region.area_share, rel=1e-5)
        assert {**plain, "peak": 0, "area_share": 0} == {**dataclasses.asdict(region), "peak": 0, "area_share": 0}


def test_the_grid_comes_on_request_and_without_what_never_counts(defect):
    ignored = np.zeros(defect.grid.shape, bool)
    ignored[0, 1] = True
    roi = Roi(y_px=1, x_px=2, height_px=12, width_px=9)
    spec = dataclasses.replace(defect.frame_spec, roi=roi)
    found = dataclasses.replace(defect, ignored=ignored, frame_spec=spec).to_dict(grid=True)
    assert json.loads(json.dumps(found)) == found
    assert list(found) == [*KEYS, "grid", "roi"]
    assert found["roi"] == {"y_px": 1, "x_px": 2, "height_px": 12, "width_px": 9}
    plain = np.array(found["grid"], dtype=np.float64)  # None becomes NaN
    np.testing.assert_array_equal(np.isnan(plain), ignored)
    np.testing.assert_allclose(plain[~ignored], defect.grid[~ignored], atol=5.1e-5)
    assert defect.to_dict(grid=True)["roi"] is None


def test_a_repr_is_one_short_line(defect):
    shown = dataclasses.replace(defect, score=14.2, threshold=6.234, p_value=1 / 210)
    count = len(shown.regions)
    assert repr(shown) == f"Inspection(DEFECT, score 14.20 of 6.23, p 0.0048, {count} region{'s' if count > 1 else ''})"
    assert "0 regions)" in repr(dataclasses.replace(shown, pixel_threshold=99.0))
    close = dataclasses.replace(shown, score=6.2341)
    assert "score 6.2341 of 6.2340," in repr(close)
    unknown = dataclasses.replace(shown, verdict=Verdict.UNKNOWN, reason="no signal: dark")
    assert repr(unknown).startswith("Inspection(UNKNOWN: no signal: dark, score 14.20 of")
    box = dataclasses.replace(shown.regions[0], y_px=4, x_px=8, height_px=12, width_px=30, peak=9.0)
    assert repr(box) == "Region(12x30 px (HxW) at y 4, x 8, peak 9.00)"


def test_inspections_are_compared_by_identity(defect):
    """Comparing the grids raised "truth value is ambiguous", and an Inspection was no key of a dict."""
    other = dataclasses.replace(defect)
    assert defect == defect
    assert defect != other
    assert len({defect, other}) == 2


numbers = st.floats(-1e6, 1e6)


@st.composite
def near_pairs(draw):
    """Two numbers, mostly so near that few decimals make them equal."""
    one = draw(numbers)
    apart = draw(st.sampled_from([0.0, 1e-3, 4e-5, 1e-6, 1e-9, 1e-13]))
    return one, draw(st.sampled_from([one + apart, one - apart, np.nextafter(one, np.inf), np.nextafter(one, -np.inf)]))


@settings(derandomize=True, deadline=None, max_examples=400)
@given(st.one_of(st.tuples(numbers, numbers), near_pairs()))
def test_rounding_never_contradicts_the_verdict(defect, pair):
    score, threshold = map(float, pair)
    verdict = Verdict.GOOD if score <= threshold else Verdict.DEFECT
    found = dataclasses.replace(defect, score=score, threshold=threshold, verdict=verdict).to_dict()
    assert (found["score"] <= found["threshold"]) == (found["margin"] <= 0) == (found["verdict"] == "GOOD")
    assert abs(found["score"] - score) <= 5.1e-5


@pytest.mark.parametrize("apart", [1e-3, 4e-5, 1e-6])
def test_rounding_puts_no_peak_onto_the_pixel_threshold(defect, apart):
    limit = float(defect.grid.max()) - apart
    found = dataclasses.replace(defect, pixel_threshold=limit).to_dict()
    assert all(region["peak"] > found["pixel_threshold"] for region in found["regions"])
    assert len(found["regions"]) == 1


def test_an_unknown_verdict_keeps_its_reason_and_its_score(defect):
    found = dataclasses.replace(defect, verdict=Verdict.UNKNOWN, reason="no signal: dark").to_dict()
    assert (found["verdict"], found["reason"]) == ("UNKNOWN", "no signal: dark")
    assert found["score"] > found["threshold"]


def test_rounded_numbers():
    assert str(rounded(-0.00001, 4)) == "0.0"
    assert rounded(1.23456789, 4) == 1.2346
    assert rounded(1 / 3, 17) == 1 / 3
    assert (significant(1 / 211, 6), significant(1.0, 6), significant(1234567.0, 6)) == (0.00473934, 1.0, 1234570.0)


def test_regions_are_computed_once_per_inspection(defect, monkeypatch):
    honest, calls = inspection_module.find_regions, []

    def counting(*arguments):
        calls.append(arguments)
        return honest(*arguments)

    monkeypatch.setattr(inspection_module, "find_regions", counting)
    fresh = dataclasses.replace(defect)
    assert fresh.regions is fresh.regions
    fresh.to_dict()
    assert len(calls) == 1
    # another threshold gives other regions, not the ones found before
    assert dataclasses.replace(fresh, pixel_threshold=99.0).regions == ()
    assert len(calls) == 2


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_has_the_same_result(defect, copied):
    for one in (dataclasses.replace(defect), defect):  # before and after its regions were found
        other = copied(one)
        assert other.to_dict(grid=True) == one.to_dict(grid=True)
