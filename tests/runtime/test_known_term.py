"""A known term per patch: the search, the verdict, the grid and the regions are those of brute force with the term."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.errors import InferenceError, UsageError
from goodpart.facts.manifest import SearchMethod
from goodpart.inspector import Inspector
from goodpart.model.seen import SeenFrame
from goodpart.scoring.inspection import Verdict
from goodpart.scoring.term import KnownTerm
from small_banks import brute_force, make_bank, scenes, unit
from small_frames import draw_good

SIZES = [1e-9, 1e-5, 0.02, 1.0, 50.0, 1e9, 1e300]
"""From far below the margin of the search to far beyond every distance."""


@st.composite
def terms(draw, patches):
    """Terms of either sign: of one size, mostly zero, tied in steps, or of all sizes at once."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    size = draw(st.sampled_from(SIZES))
    kind = draw(st.sampled_from(["spread", "sparse", "steps", "one", "every size"]))
    found = rng.normal(size=patches) * size
    if kind == "sparse":
        found[rng.random(patches) < 0.9] = 0.0
    if kind == "steps":
        found = np.round(rng.normal(size=patches)) * size
    if kind == "one":
        found[:] = found[0]
    if kind == "every size":
        found = rng.normal(size=patches) * rng.choice(SIZES, patches)
    return found


@st.composite
def scenes_with_terms(draw):
    scene = draw(scenes())
    return *scene, draw(terms(len(scene[1])))


def close_to(found, true, term):
    """Float64 sums keep 1e-7 of the distance, or what the size of the term leaves of it."""
    return np.abs(found - true) <= 1e-7 + 4e-16 * np.abs(term)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(scenes_with_terms(), st.floats(-0.05, 1.05), st.sampled_from(SearchMethod))
def test_the_worst_sums_and_all_above_a_limit_are_those_of_brute_force(scene, share, method):
    vectors, queries, neighbours, top_k, graph, term = scene
    bank = make_bank(vectors, neighbours, **graph)
    bank._method = method
    true = brute_force(vectors, queries, neighbours) + term
    limit = true.min() / 2 + share * (true.max() / 2 - true.min() / 2) + true.min() / 2
    found = bank.search(queries, top_k=top_k, exact_above=limit, term=term)
    largest = np.abs(term).max()
    assert close_to(np.sort(found.sums)[-top_k:], np.sort(true)[-top_k:], largest).all()
    kth = np.sort(true)[-top_k]
    slack = 1e-6 + 4e-16 * largest
    assert (found.sums >= true - 1e-6 - 4e-16 * np.abs(term)).all()  # what was not recomputed is an upper bound
    assert (found.sums <= np.maximum(true, kth) + slack).all()  # ... that stays below the k-th worst
    above = true > limit + slack
    assert close_to(found.sums[above], true[above], term[above]).all()
    assert (found.sums[true <= limit - slack] <= limit).all()  # none is taken for one


@settings(derandomize=True, deadline=None, max_examples=100)
@given(scenes(), st.floats(-0.05, 1.05))
def test_a_term_of_zero_changes_no_bit(scene, share):
    vectors, queries, neighbours, top_k, graph = scene
    bank = make_bank(vectors, neighbours, **graph)
    without = bank.search(queries, top_k=top_k, exact_above=share)
    zero = bank.search(queries, top_k=top_k, exact_above=share, term=np.zeros(len(queries)))
    assert without.sums is without.distances
    worst = np.sort(without.sums)[-top_k:]
    np.testing.assert_array_equal(np.sort(zero.sums)[-top_k:], worst)
    np.testing.assert_array_equal(zero.sums[zero.sums > share], without.sums[without.sums > share])


def test_a_term_spares_the_search_what_it_decides():
    """Sixteen patches far above all others: no other one needs its exact distance."""
    rng = np.random.default_rng(0)
    vectors, queries = unit(rng.normal(size=(400, 16))), unit(rng.normal(size=(300, 16)))
    term = np.where(np.arange(300) < 16, 10.0, 0.0)
    bank = make_bank(vectors)
    assert bank.search(queries, top_k=4, term=term).recomputed == 16
    assert bank.search(queries, top_k=4, term=-term).recomputed > 16


@pytest.mark.parametrize("method", SearchMethod)
@pytest.mark.parametrize("wrong", [np.zeros(3), np.zeros((5, 1)), np.full(5, np.nan), np.full(5, -np.inf)])
def test_terms_that_are_none_are_refused(wrong, method):
    vectors = unit(np.random.default_rng(0).normal(size=(40, 8)))
    bank = make_bank(vectors)
    bank._method = method
    with pytest.raises(InferenceError, match="expected 5 finite terms"):
        bank.search(vectors[:5], top_k=1, term=wrong)


def wave(seen):
    """A raw term that depends on the embeddings alone."""
    return 40.0 + 3.0 * np.sin(seen.embeddings.astype(np.float64) @ np.arange(8.0) * 9.0)


def inspector_with(loaded, raw, *, offset=40.0, weight=0.01, ignored=None):
    return Inspector(
        backbone=loaded.backbone,
        bank=loaded.bank,
        calibration=loaded.calibration,
        ignored=ignored,
        term=KnownTerm(raw=raw, offset=offset, weight=weight),
    )


def by_hand(inspector, frame, ignored=None):
    """Calibrated scores of the patches that count, by brute force in float64."""
    bank, calibration = inspector.bank, inspector.calibration
    embeddings = inspector.backbone.embed(frame)
    counted = embeddings if ignored is None else embeddings[~ignored.ravel()]
    neighbours = inspector.backbone.spec.profile.neighbours
    distances = brute_force(bank.vectors, counted, neighbours)
    term = 0.01 * (3.0 * np.sin(counted.astype(np.float64) @ np.arange(8.0) * 9.0))
    return (distances + term - calibration.mean) / calibration.std


@pytest.mark.parametrize("seed", range(1000, 1004))
@pytest.mark.parametrize("half", [False, True])
def test_an_inspection_with_a_term_is_that_of_brute_force(inspector, seed, half):
    ignored = np.arange(64).reshape(8, 8) >= 32 if half else None
    judged = inspector_with(inspector, wave, ignored=ignored)
    found, plain = judged.inspect(draw_good(seed)), inspector.inspect(draw_good(seed))
    scores = by_hand(inspector, draw_good(seed), ignored)
    top_k = inspector.backbone.spec.profile.top_k(len(scores))
    assert found.score == pytest.approx(np.sort(scores)[-top_k:].mean(), abs=1e-5)
    assert found.score != plain.score
    assert found.p_value == inspector.calibration.p_value(found.score)
    assert found.verdict is (Verdict.GOOD if found.score <= inspector.threshold else Verdict.DEFECT)
    grid = found.grid.ravel()[: len(scores)]
    above = scores > judged.pixel_threshold + 1e-4
    np.testing.assert_allclose(grid[above], scores[above], atol=1e-4)
    assert (grid[~above] <= max(judged.pixel_threshold, np.sort(scores)[-top_k]) + 1e-4).all()


def test_a_term_alone_makes_a_region(inspector):
    frame = draw_good(1000)
    calm = inspector.inspect(frame)

    def one_patch(seen):
        return np.where(np.arange(len(seen.embeddings)) == 27, 1.0, 0.0)

    hot = inspector_with(inspector, one_patch, offset=0.0, weight=1.0).inspect(frame)
    assert hot.verdict is Verdict.DEFECT
    assert hot.grid[3, 3] == hot.grid.max() > calm.grid.max() + 1.0
    assert len(hot.regions) > len(calm.regions)
    assert hot.anomaly_map().max() > calm.anomaly_map().max()


def test_a_patch_without_features_is_still_seen_behind_a_negative_term(inspector):
    """Otherwise the term would hide it: its sum is far below 1."""
    dead = inspector_with(inspector, lambda seen: np.full(len(seen.embeddings), -5.0), offset=0.0, weight=1.0)
    see = dead.backbone.see

    class Blind:
        spec = dead.backbone.spec

        def see(self, frame):
            found = see(frame).embeddings.copy()
            found[5] = 0.0
            return SeenFrame(embeddings=found)

    dead.backbone = Blind()
    inspection = dead.inspect(draw_good(1000))
    assert inspection.verdict is Verdict.UNKNOWN
    assert "no features in 1 of 64 patches" in inspection.reason


@pytest.mark.parametrize(
    "values", [np.zeros(63), np.zeros((64, 1)), np.full(64, np.nan), np.full(64, np.inf), np.full(64, 1e200)]
)
def test_a_source_that_gives_no_terms_gives_no_verdict(inspector, values):
    broken = inspector_with(inspector, lambda seen: values, offset=0.0, weight=1e200)
    with pytest.raises(InferenceError, match="term: expected"):
        broken.inspect(draw_good(1000))


def test_a_score_too_large_for_a_map_is_an_error(inspector):
    huge = inspector_with(inspector, lambda seen: np.full(len(seen.embeddings), 1e35), offset=0.0, weight=1.0)
    with pytest.raises(InferenceError, match="score: expected finite numbers"):
        huge.inspect(draw_good(1000))


@pytest.mark.parametrize("field", ["offset", "weight"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_the_scale_of_a_term_is_finite(field, value):
    term = KnownTerm(raw=wave, offset=0.0, weight=1.0)
    with pytest.raises(UsageError, match="term: expected a finite offset and weight"):
        dataclasses.replace(term, **{field: value})
