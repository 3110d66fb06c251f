"""Dating: which frame of a late stream was exposed after a trigger, over thousands of parts and bad networks."""

import dataclasses
import itertools

import numpy as np
import pytest

from goodpart_station.sources.dating import SETTLED_AFTER_NS, Dating

MS = 1_000_000
STEP_NS = 40 * MS
LEAST_NS = 80 * MS


@dataclasses.dataclass
class Sent:
    """A frame of a camera: when it was exposed, what its clock said, and when it arrived."""

    exposed_ns: int
    stamp_ns: int
    arrived_ns: int


def stream_of(seed: int, count: int, *, drift: float) -> list[Sent]:
    """Frames of a camera whose clock is another one, through a network with jitter and stalls."""
    rng = np.random.default_rng(seed)
    offset_ns = int(rng.integers(-(10**15), 10**15))
    sent, free_ns = [], 0
    for number in range(count):
        exposed_ns = 10**12 + number * STEP_NS
        stall_ns = int(rng.integers(0, 3000)) * MS if rng.random() < 0.003 else 0
        # a queue: no frame overtakes another, and after a stall they come fast
        free_ns = max(exposed_ns + LEAST_NS + int(rng.exponential(4 * MS)), free_ns + MS) + stall_ns
        stamp_ns = offset_ns + round((exposed_ns - 10**12) * (1 + drift))
        sent.append(Sent(exposed_ns, stamp_ns, free_ns))
    return sent


@pytest.mark.parametrize("drift", (0.0, 80e-6, -80e-6))
def test_no_part_gets_a_frame_from_before_its_trigger(drift):
    frames = stream_of(1, 30_000, drift=drift)
    rng = np.random.default_rng(2)
    dating, asked_ns, wrong_by_arrival = Dating(latency_ns=LEAST_NS + 10 * MS), None, 0
    waits_ns: list[int] = []
    for before, frame in itertools.pairwise(frames):
        earliest_ns = dating.exposed_ns(frame.stamp_ns, frame.arrived_ns)
        if asked_ns is None and dating.settled:
            asked_ns = before.arrived_ns + int(rng.integers(0, max(frame.arrived_ns - before.arrived_ns, 1)))
            # what stations do that take the next frame that comes
            wrong_by_arrival += frame.exposed_ns < asked_ns
        if asked_ns is not None and earliest_ns >= asked_ns:
            assert frame.exposed_ns >= asked_ns
            waits_ns.append(frame.arrived_ns - asked_ns)
            asked_ns = None
    assert len(waits_ns) > 5000
    assert wrong_by_arrival > 0.9 * len(waits_ns)
    # half of the parts wait for the latency and a few frames, and no longer
    assert np.median(waits_ns) < LEAST_NS + 3 * STEP_NS


def test_frames_that_waited_together_are_older_than_their_arrival():
    dating = Dating(latency_ns=0)
    for number in range(10):
        dating.exposed_ns(number * STEP_NS, 10**12 + number * STEP_NS)
    late_ns = 10**12 + 100 * STEP_NS
    found = [dating.exposed_ns(number * STEP_NS, late_ns + number) for number in range(10, 60)]
    expected = [10**12 + number * STEP_NS for number in range(10, 60)]
    assert np.abs(np.subtract(found, expected)).max() < 2 * MS


def test_a_server_that_begins_with_old_frames_is_not_settled_until_a_second_after_them():
    dating = Dating(latency_ns=0)
    began_ns = 10**12
    for number in range(50):
        # two seconds of frames at once
        dating.exposed_ns(number * STEP_NS, began_ns + number * MS)
        assert not dating.settled
    now_ns = number = 0
    while not dating.settled:
        now_ns = began_ns + 50 * MS + number * STEP_NS
        dating.exposed_ns((50 + number) * STEP_NS, now_ns)
        number += 1
    assert SETTLED_AFTER_NS - 2 * STEP_NS <= now_ns - began_ns <= SETTLED_AFTER_NS + 4 * STEP_NS


def test_a_backlog_that_drains_slowly_is_not_settled():
    dating = Dating(latency_ns=0)
    for number in range(100):
        dating.exposed_ns(number * STEP_NS, 10**12 + number * (STEP_NS - MS))
        assert not dating.settled


def test_a_clock_that_is_this_pcs_needs_no_least_delay():
    dating = Dating(latency_ns=20 * MS, same_clock=True)
    assert dating.exposed_ns(10**12, 10**12 + 500 * MS) == 10**12 - 20 * MS
    assert dating.exposed_ns(10**12 + 3600 * 10**9, 10**12 + 3600 * 10**9 + 30 * MS) == 10**12 + 3600 * 10**9 - 20 * MS


def test_a_step_of_the_delay_is_not_believed_for_long():
    dating = Dating(latency_ns=0)
    for number in range(100):
        dating.exposed_ns(number * STEP_NS, 10**12 + number * STEP_NS)
    for number in range(100, 1600):
        found = dating.exposed_ns(number * STEP_NS, 10**12 + number * STEP_NS + 500 * MS)
        # 60 s: at most 200 ppm of it
        assert found <= 10**12 + number * STEP_NS + 13 * MS
