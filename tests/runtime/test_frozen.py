"""A camera that repeats a frame bit for bit has frozen, and says nothing about the part."""

import numpy as np
import pytest

from goodpart.errors import FrameError, UsageError
from goodpart.frames.frozen import FrozenGuard
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from small_frames import draw_small


@pytest.fixture(scope="module")
def inspector(older) -> Inspector:
    return Inspector.load(older)


def verdicts(guard, seeds):
    return [guard.inspect(draw_small(seed)).verdict.value for seed in seeds]


def test_the_same_frame_again_is_unknown_until_another_comes(inspector):
    guard = FrozenGuard(inspector)
    assert verdicts(guard, [100, 101, 101, 101, 100, 100, 101]) == [
        "GOOD", "GOOD", "UNKNOWN", "UNKNOWN", "GOOD", "UNKNOWN", "GOOD",
    ]  # fmt: skip


def test_the_reason_and_the_score(inspector):
    guard = FrozenGuard(inspector)
    first, second = (guard.inspect(draw_small(100)) for _ in range(2))
    assert first.reason is None
    assert second.reason == "no signal: the last 2 frames are bit for bit the same; check whether the camera has frozen"
    assert second.score == first.score


def test_a_defect_that_stays_is_unknown_too(inspector):
    guard = FrozenGuard(inspector)
    frame = draw_small(100, defect=True)
    assert [guard.inspect(frame).verdict for _ in range(2)] == [Verdict.DEFECT, Verdict.UNKNOWN]


def test_more_equal_frames_can_be_allowed(inspector):
    guard = FrozenGuard(inspector, frozen_after=4)
    assert verdicts(guard, [100] * 5) == ["GOOD", "GOOD", "GOOD", "UNKNOWN", "UNKNOWN"]
    for few in (1, 0, -1):
        with pytest.raises(UsageError, match="at least 2"):
            FrozenGuard(inspector, frozen_after=few)


def test_one_pixel_or_another_size_make_another_frame(inspector):
    guard = FrozenGuard(inspector)
    frame = draw_small(100)
    guard.inspect(frame)
    other = frame.copy()
    other[-1, -1, -1] ^= 1
    assert guard.inspect(other).verdict is Verdict.GOOD
    assert guard.inspect(np.ascontiguousarray(other[:-1])).verdict is not Verdict.UNKNOWN


def test_a_buffer_that_is_filled_again_is_another_frame(inspector):
    guard, buffer = FrozenGuard(inspector), draw_small(100)
    guard.inspect(buffer)
    for seed in (101, 102, 103):
        buffer[:] = draw_small(seed)
        assert guard.inspect(buffer).verdict is Verdict.GOOD
    assert guard.inspect(buffer).verdict is Verdict.UNKNOWN


def test_a_refused_frame_counts_as_none(inspector):
    guard = FrozenGuard(inspector)
    guard.inspect(draw_small(100))
    with pytest.raises(FrameError):
        guard.inspect(draw_small(100).astype(np.float32))
    assert guard.inspect(draw_small(100)).verdict is Verdict.UNKNOWN


def test_a_frame_without_signal_keeps_its_own_reason(inspector):
    guard = FrozenGuard(inspector)
    black = np.zeros((24, 18, 3), np.uint8)
    assert {guard.inspect(black).reason for _ in range(3)} == {"no signal: every pixel is [0, 0, 0]"}


def test_guards_that_share_an_inspector_do_not_disturb_each_other(inspector):
    one, other = FrozenGuard(inspector), FrozenGuard(inspector)
    for guard in (one, other):
        assert guard.inspect(draw_small(100)).verdict is Verdict.GOOD


def test_frames_of_another_dtype_are_kept_whole(one_of_each):
    """As when a live inspector switches to the bundle of another camera."""

    class Switching:
        def inspect(self, frame):
            return one_of_each[0 if frame.ndim == 3 else 1 if frame.dtype == np.uint8 else 2].inspect(frame)

    guard = FrozenGuard(Switching())
    thermal = (1000 + 16 * draw_small(1)[:, :, 0].astype(np.uint16)).astype(np.uint16)
    guard.inspect(draw_small(1)[:, :, 0])
    assert guard.inspect(thermal).verdict is not Verdict.UNKNOWN
    assert guard.inspect(thermal.copy()).verdict is Verdict.UNKNOWN
