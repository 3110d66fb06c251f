"""Stable folds and seeds: a new part moves no other one, and chunks can be worked on in any order."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.facts.calibration import CalibrationMethod
from goodpart.facts.profile import CoresetMethod
from goodpart_bank_builder.data.parts import FOLDS, STABLE_FROM, make_folds
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.learn.coreset import Chooser
from small_parts import unit_vectors

CROSS, SPLIT = CalibrationMethod.CROSS_CONFORMAL, CalibrationMethod.SPLIT
GREEDY = CoresetMethod.GREEDY


def one_part_each(names):
    return {Path(f"/good/{name}.png"): f"{name}.png" for name in names}


def dealt(names, *, method=CROSS, rate=0.1, seed=0):
    """The fold of every part."""
    parts = one_part_each(names)
    folds = make_folds(parts, LearnSettings(calibration=method, false_reject_rate=rate, seed=seed))
    return {parts[path]: fold.number for fold in folds for path in fold.images}


names = st.lists(st.text("abcdefgh0123456789", min_size=1, max_size=9), min_size=STABLE_FROM, max_size=90, unique=True)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(names, st.integers(1, 30), st.integers(0, 2**32 - 1), st.sampled_from(CalibrationMethod))
def test_more_parts_move_none(known, more, seed, method):
    # 0.3 is supported by any third of 60 parts, so that the rate never asks for more
    before = dealt(known, method=method, rate=0.3, seed=seed)
    after = dealt([*known, *(f"new {number}" for number in range(more))], method=method, rate=0.3, seed=seed)
    assert before == {part: after[part] for part in before}


def test_the_fold_is_a_hash_of_seed_and_name():
    """The formula is fixed: another one would change every bank."""
    found = dealt([f"{number:03}" for number in range(100)], seed=7)
    for part, fold in found.items():
        digest = hashlib.blake2b(f"7\0{part}".encode(), digest_size=8).digest()
        assert fold == 1 + int.from_bytes(digest, "big") % 5


def test_the_folds_of_many_parts_are_about_even():
    sizes = [[*dealt(range(209), seed=seed).values()].count(1 + fold) for seed in range(40) for fold in range(FOLDS)]
    assert np.mean(sizes) == 209 / 5
    assert 4 < np.std(sizes) < 8  # binomial: 5.8
    assert min(sizes) > 20


def test_a_split_of_many_parts_holds_out_about_a_third():
    sizes = [[*dealt(range(120), method=SPLIT, seed=seed).values()].count(2) for seed in range(100)]
    assert 38 < np.mean(sizes) < 42
    assert 4 < np.std(sizes) < 7  # binomial: 5.2


@pytest.mark.parametrize(("rate", "least"), [(0.05, 19), (0.04, 24), (1 / 31, 30)])
def test_a_split_of_many_parts_always_supports_the_rate(rate, least):
    sizes = [[*dealt(range(60), method=SPLIT, rate=rate, seed=seed).values()].count(2) for seed in range(200)]
    assert least <= min(sizes) <= max(sizes) <= 30


@pytest.mark.parametrize("count", [7, 59, 60, 150])
@pytest.mark.parametrize("method", CalibrationMethod)
def test_the_order_of_the_images_is_irrelevant(count, method):
    assert dealt(range(count), method=method, rate=0.3) == dealt(reversed(range(count)), method=method, rate=0.3)


@pytest.mark.parametrize("count", [20, 80])
def test_a_name_that_is_not_utf_8_is_dealt(count):
    assert len(dealt([*range(count - 1), "\udcff"])) == count


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.sampled_from(CoresetMethod), st.permutations(range(6)), st.sampled_from([8, 200]))
def test_chunks_chosen_in_any_order_are_the_same(method, order, dimension):
    """200 dimensions are projected, by a projection that hangs on the seed alone."""
    pieces = unit_vectors(6, 40, dimension, 1)
    first, second = (Chooser(method, size=20, seed=3) for _ in range(2))
    expected = [first.of(piece, place=(1, 0, 40 * number), doing=None) for number, piece in enumerate(pieces)]
    found = {number: second.of(pieces[number], place=(1, 0, 40 * number), doing=None) for number in order}
    for number, coreset in enumerate(expected):
        np.testing.assert_array_equal(found[number].vectors, coreset.vectors)
        np.testing.assert_array_equal(found[number].keys, coreset.keys)
    merged = [chooser.merged(expected, name="all", doing=None).vectors for chooser in (second, first, first)]
    np.testing.assert_array_equal(merged[0], merged[1])
    np.testing.assert_array_equal(merged[1], merged[2])


@pytest.mark.parametrize("method", CoresetMethod)
@pytest.mark.parametrize("place", [(2, 0, 0), (1, 1, 0), (1, 0, 1)])
def test_every_fold_batch_and_chunk_draws_numbers_of_its_own(method, place):
    embeddings = unit_vectors(1, 300, 8, 0)[0]
    chooser = Chooser(method, size=20, seed=0)
    one, other = (chooser.of(embeddings, place=where, doing=None) for where in ((1, 0, 0), place))
    assert not np.array_equal(one.vectors, other.vectors)


def test_merges_of_other_names_draw_numbers_of_their_own():
    embeddings = unit_vectors(2, 300, 8, 0)
    chooser = Chooser(GREEDY, size=40, seed=0)
    parts = [chooser.of(half, place=(1, 0, number), doing=None) for number, half in enumerate(embeddings)]
    one, other = (chooser.merged(parts, name=name, doing=None) for name in ("without fold 1 of 5", "the bank"))
    assert not np.array_equal(one.vectors, other.vectors)
