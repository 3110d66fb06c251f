"""A camera that repeats one of its last frames has frozen, and says nothing about the part."""

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


def test_a_frame_that_came_before_is_unknown(inspector):
    guard = FrozenGuard(inspector)
    assert verdicts(guard, [100, 101, 101, 101, 102, 100, 103]) == [
        "GOOD", "GOOD", "UNKNOWN", "UNKNOWN", "GOOD", "UNKNOWN", "GOOD",
    ]  # fmt: skip


def test_so_many_frames_are_remembered(inspector):
    loop = [*range(100, 108), 100]
    assert verdicts(FrozenGuard(inspector), loop)[-1] == "UNKNOWN"
    assert verdicts(FrozenGuard(inspector), [*loop[:-1], 108, 100])[-1] == "GOOD"
    assert verdicts(FrozenGuard(inspector, compared_frames=1), [100, 101, 100, 100])[2:] == ["GOOD", "UNKNOWN"]
    assert verdicts(FrozenGuard(inspector, frozen_after=3, compared_frames=2), [100] * 3)[1:] == ["GOOD", "UNKNOWN"]


def test_the_reason_and_the_score(inspector):
    guard = FrozenGuard(inspector)
    first, second, _, last = (guard.inspect(draw_small(seed)) for seed in (100, 100, 101, 100))
    assert first.reason is None
    assert second.reason == "no signal: this frame repeats the one before it; check whether the camera has frozen"
    assert second.score == first.score
    assert "repeats the one 2 frames before it;" in last.reason


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


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"compared_frames": 0}, r"compared_frames: expected 1 \(frozen_after - 1\) to 1000 frames, found 0"),
        ({"compared_frames": 2, "frozen_after": 4}, "expected 3 "),
        ({"compared_frames": 1001}, "found 1001"),
        ({"noise": -0.1}, "noise: expected a number of grey levels from 0 on, found -0.1"),
        ({"noise": float("nan")}, "found nan"),
        ({"noise": float("inf")}, "found inf"),
    ],
)
def test_odd_settings_are_refused(inspector, wrong, words):
    with pytest.raises(UsageError, match=words):
        FrozenGuard(inspector, **wrong)


def test_a_few_other_pixels_make_no_other_frame_but_another_size_does(inspector):
    guard = FrozenGuard(inspector)
    frame = draw_small(100)
    guard.inspect(frame)
    other = frame.copy()
    other[-1, -1, -1] ^= 1
    assert guard.inspect(other).verdict is Verdict.UNKNOWN
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


def test_a_missing_frame_makes_one_unknown(inspector):
    guard = FrozenGuard(inspector)
    found = [guard.inspect(draw_small(seed), frame_id=number) for seed, number in enumerate([7, 8, 11, 12, 12, 3], 100)]
    assert [inspection.verdict.value for inspection in found] == [
        "GOOD", "GOOD", "UNKNOWN", "GOOD", "UNKNOWN", "UNKNOWN",
    ]  # fmt: skip
    assert found[2].reason.startswith("2 frames are missing before this one: frame id 11 came after 8;")
    assert found[4].reason.startswith("frame id 12 came twice:")
    assert found[5].reason.startswith("frame id 3 came after 12:")


def test_the_number_of_a_refused_frame_counts(inspector):
    guard = FrozenGuard(inspector)
    guard.inspect(draw_small(100), frame_id=1)
    with pytest.raises(FrameError):
        guard.inspect(draw_small(101).astype(np.float32), frame_id=2)
    assert guard.inspect(draw_small(102), frame_id=3).verdict is Verdict.GOOD


def test_an_incomplete_frame_is_unknown_and_keeps_its_score(inspector):
    guard, frame = FrozenGuard(inspector), draw_small(100, defect=True)
    found = guard.inspect(frame, complete=False)
    assert (found.verdict, found.score) == (Verdict.UNKNOWN, inspector.inspect(frame).score)
    assert found.reason.startswith("incomplete frame:")
    assert guard.inspect(draw_small(101)).verdict is Verdict.GOOD


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


def test_a_frame_that_was_passed_over_is_compared_with(inspector):
    guard = FrozenGuard(inspector)
    guard.pass_over(draw_small(100))
    assert "repeats the one before it" in guard.inspect(draw_small(100)).reason
