"""The camera's own numbers of its frames: a gap, a repeat, a counter that begins again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodpart.errors import UsageError
from goodpart.frames.frame_ids import FrameIds

IDS = st.integers(0, 2**70)


def told(*ids):
    """What is said about the last one."""
    frame_ids = FrameIds()
    return [frame_ids.take(number) for number in ids][-1]


@given(IDS)
def test_the_next_number_is_in_order(first):
    assert told(first) is None
    assert told(first, first + 1) is None


@given(IDS, st.integers(2, 2**70))
def test_a_gap_is_counted(first, step):
    words = told(first, first + step)
    assert words.startswith(f"{step - 1} frame")
    assert f"frame id {first + step} came after {first}" in words


@given(IDS)
def test_a_repeat_is_told(number):
    assert told(number, number).startswith(f"frame id {number} came twice")


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_a_counter_may_begin_again(bits):
    last = 2**bits - 1
    assert told(last, 0) is None
    assert told(last, 1) is None
    assert told(last, 0, 1, 2) is None
    assert told(last, 2) is not None
    assert told(last - 1, 0) is not None
    assert told(last - 1, last + 1) is not None


@given(IDS, st.integers(1, 100))
def test_a_lower_number_is_told_once(number, back):
    if number < back or (number in (2**16 - 1, 2**32 - 1, 2**64 - 1) and number - back < 2):
        return
    assert "came after" in told(number, number - back)
    assert told(number, number - back, number - back + 1) is None


def test_a_frame_without_a_number_is_compared_with_nothing():
    assert told(5, None) is None
    assert told(5, None, 9) is None
    assert told(5, None, 9, 10, 12) is not None


@pytest.mark.parametrize("odd", [-1, 1.0, "1", True, b"1"])
def test_what_is_no_number_is_refused(odd):
    with pytest.raises(UsageError, match="frame_id: expected a whole number from 0 on, found"):
        told(odd)


def test_numbers_of_numpy_are_numbers():
    assert told(np.uint16(65535), np.uint16(0), np.int64(1)) is None
