"""Profile: the choices that make a way of detecting, and what cannot be one."""

import dataclasses
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.errors import UsageError
from small_parts import TINY


@pytest.mark.parametrize(
    ("share", "patches", "expected"),
    [
        (10 / 256, 256, 10),  # the paper's ten of 16 x 16
        (0.01, 1024, 10),
        (0.01, 100, 1),
        (0.01, 49, 1),  # never none
        (0.01, 150, 2),  # a half is rounded up
        (1.0, 7, 7),
        (1e-9, 1_000_000, 1),
        (0.5, 1, 1),
    ],
)
def test_the_share_of_patches_that_make_the_score(share, patches, expected):
    assert dataclasses.replace(TINY, top_share=share).top_k(patches) == expected


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.floats(0.0, 1.0, exclude_min=True), st.integers(1, 1 << 20))
def test_there_are_at_least_one_and_at_most_all_and_it_is_the_nearest_whole_number(share, patches):
    found = dataclasses.replace(TINY, top_share=share).top_k(patches)
    assert 1 <= found <= patches
    exact = Fraction(share) * patches
    assert abs(found - exact) <= Fraction(1, 2) + Fraction(1, 10**6) or (found, exact < 1) == (1, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "profile name"),
        ({"name": "x" * 65}, "profile name"),
        ({"name": "two\nlines"}, "profile name"),
        ({"stages": ()}, "profile stages"),
        ({"stages": ("layer2", "layer1")}, "profile stages"),
        ({"stages": ("layer1", "layer1")}, "profile stages"),
        ({"stages": ("layer4",)}, "profile stages"),
        ({"grid": "layer2"}, "profile grid: expected one of the stages"),
        ({"grid": ""}, "profile grid"),
        ({"neighbourhood": 2}, "profile neighbourhood"),
        ({"neighbourhood": 0}, "profile neighbourhood"),
        ({"input_height_px": 40}, "input size"),
        ({"input_width_px": 16}, "input size"),
        ({"input_width_px": 4112}, "input size"),
        ({"neighbours": 0}, "profile neighbours"),
        ({"neighbours": 101}, "profile neighbours"),
        ({"top_share": 0.0}, "profile top_share: expected more than 0 and at most 1, found 0.0"),
        ({"top_share": -0.1}, "profile top_share"),
        ({"top_share": 1.001}, "profile top_share"),
        ({"top_share": float("nan")}, "profile top_share"),
        ({"smoothing": -0.1}, "profile smoothing"),
        ({"smoothing": 16.1}, "profile smoothing"),
        ({"smoothing": float("nan")}, "profile smoothing"),
        ({"bank_vectors": 3}, "profile bank_vectors: expected 4 to 10000000"),
        ({"bank_vectors": 10_000_001}, "profile bank_vectors"),
    ],
    ids=str,
)
def test_a_profile_that_cannot_be_is_refused(change, words):
    with pytest.raises(UsageError, match=words):
        dataclasses.replace(TINY, **change)
