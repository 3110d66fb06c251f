"""The facade: what an Inspector promises beyond one frame."""

import concurrent.futures
import dataclasses
import math

import numpy as np
import pytest

from goodpart.bank.graph import Graph
from goodpart.bank.search import Bank
from goodpart.errors import UsageError
from goodpart.facts.manifest import SearchMethod
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from goodpart.scoring.maps import enlarge
from small_frames import draw_defect, draw_good


def with_threshold(inspector, threshold):
    """The same parts with another threshold."""
    calibration = dataclasses.replace(
        inspector.calibration,
        scores=(threshold,) * 20,
        peaks=(threshold,) * 20,
        false_reject_rate=0.5,
        threshold=threshold,
        pixel_threshold=threshold,
    )
    return Inspector(backbone=inspector.backbone, bank=inspector.bank, calibration=calibration)


def test_a_score_at_the_threshold_is_good_and_the_next_number_above_is_not(inspector):
    frame = draw_good(5)
    score = inspector.inspect(frame).score
    inspection = with_threshold(inspector, score).inspect(frame)
    assert (inspection.verdict, inspection.margin, inspection.score) == (Verdict.GOOD, 0.0, score)
    assert with_threshold(inspector, math.nextafter(score, -math.inf)).inspect(frame).verdict is Verdict.DEFECT


def test_unknown_is_never_replaced_by_good(inspector):
    inspection = with_threshold(inspector, 1e9).inspect(np.zeros((9, 9, 3), np.uint8))
    assert inspection.score < inspection.threshold
    assert inspection.verdict is Verdict.UNKNOWN


def test_the_image_score_is_that_of_brute_force(inspector):
    for seed in range(6):
        frame = draw_good(seed) if seed % 2 else draw_defect(seed)
        vectors = inspector.bank.vectors.astype(np.float64)
        distances = np.sort(1.0 - inspector.backbone.embed(frame).astype(np.float64) @ vectors.T, axis=1)[:, :3]
        scores = (distances.mean(axis=1) - inspector.calibration.mean) / inspector.calibration.std
        assert inspector.inspect(frame).score == pytest.approx(np.sort(scores)[-4:].mean(), abs=1e-5)


def test_the_score_is_the_top_k_mean_of_the_grid(inspector):
    inspection = inspector.inspect(draw_defect(2))
    assert inspection.score == pytest.approx(np.sort(inspection.grid.ravel())[-4:].mean(), abs=1e-5)
    assert inspection.p_value == inspector.calibration.p_value(inspection.score)


def test_the_same_frame_gives_the_same_bits(inspector, built_bundle):
    frame = draw_defect(3)
    first, again = inspector.inspect(frame), inspector.inspect(frame.copy())
    other = Inspector.load(str(built_bundle)).inspect(frame)
    assert first.score == again.score == other.score
    np.testing.assert_array_equal(first.grid, other.grid)


def test_the_number_of_threads_does_not_change_a_verdict(inspector, built_bundle):
    many = Inspector.load(built_bundle, threads=3)
    for frame in (draw_good(1), draw_defect(1)):
        one, three = inspector.inspect(frame), many.inspect(frame)
        assert one.verdict is three.verdict
        assert three.score == pytest.approx(one.score, abs=1e-4)


def test_one_inspector_serves_several_threads(inspector):
    frames = [draw_defect(seed) if seed % 3 == 0 else draw_good(seed) for seed in range(40)]
    alone = [inspector.inspect(frame).score for frame in frames]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = [inspection.score for inspection in pool.map(inspector.inspect, frames)]
    assert together == alone


def test_a_later_frame_does_not_change_an_earlier_result(inspector):
    first = inspector.inspect(draw_defect(4))
    kept = first.grid.copy()
    inspector.inspect(draw_good(4))
    np.testing.assert_array_equal(first.grid, kept)
    with pytest.raises(ValueError, match="read-only"):
        first.grid[0, 0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.verdict = Verdict.GOOD


def test_an_inspector_made_of_parts_has_no_bundle(inspector):
    parts = with_threshold(inspector, 1.0)
    for call in (lambda: parts.bundle, parts.self_test):
        with pytest.raises(UsageError, match="loaded from a bundle"):
            call()


@pytest.mark.parametrize("threads", [0, -1, 257])
def test_a_thread_count_out_of_range(built_bundle, threads):
    with pytest.raises(UsageError, match="threads: expected 1 to 256"):
        Inspector.load(built_bundle, threads=threads)


def test_any_search_effort_gives_the_same_score(inspector, built_bundle):
    index = inspector.backbone.spec.profile.index
    vectors, projection = inspector.bundle.read_bank()
    scores = set()
    for effort, search in ((1, SearchMethod.GRAPH), (8, SearchMethod.GRAPH), (300, SearchMethod.EXACT)):
        spec = dataclasses.replace(index, ef_search=effort, candidates=effort)
        graph = Graph.load(built_bundle / "bank.hnsw", vectors=vectors, projection=projection, index=spec)
        bank = Bank(vectors, graph, neighbours=3, candidates=effort, search=search)
        made = Inspector(backbone=inspector.backbone, bank=bank, calibration=inspector.calibration)
        scores.add(made.inspect(draw_defect(6)).score)
    assert max(scores) - min(scores) < 1e-5


def test_the_maps_are_smoothed_as_the_profile_says_and_grid_and_regions_are_not(inspector):
    inspection = inspector.inspect(draw_defect(0))
    assert inspection.smoothing == inspector.backbone.spec.profile.smoothing
    smooth = dataclasses.replace(inspection, smoothing=2.0)
    expected = enlarge(inspection.grid, 24, 18, smoothing=2.0)
    np.testing.assert_array_equal(smooth.calibrated_map(), expected)
    assert smooth.calibrated_map().max() < inspection.calibrated_map().max()
    assert smooth.regions == inspection.regions
