"""A stream whose clock jumps forwards, and keys that a stream of another kind would not look at."""

from pathlib import Path

import pytest

from goodpart.errors import UsageError
from goodpart_station.config.stream import StreamTable, Transport
from goodpart_station.sources.address import address_of
from goodpart_station.sources.dating import SETTLED_AFTER_NS
from goodpart_station.sources.stream_reader import followed
from goodpart_station.sources.video import Picture

MS = 1_000_000
STEP_NS, DELAY_NS, BEGAN_NS = 40 * MS, 80 * MS, 10**12
JUMP, BACK, COUNT = 200, 215, 300


def pictures():
    """A camera's frames, and in the place of each the time of its exposure.

    After 200 frames its clock jumps by a second, while the network holds back 15 frames.
    """
    for number in range(COUNT):
        exposed_ns = BEGAN_NS + number * STEP_NS
        arrived_ns = exposed_ns + DELAY_NS
        if JUMP <= number < BACK:
            arrived_ns = BEGAN_NS + BACK * STEP_NS + DELAY_NS - (BACK - number) * MS
        stamp_ns = number * STEP_NS + (1000 * MS if number >= JUMP else 0)
        yield Picture(exposed_ns, stamp_ns, arrived_ns, True, None)


def test_no_frame_is_dated_too_late_when_the_clock_jumps_while_frames_wait():
    dated = {}
    for picture, exposed_ns in followed(pictures(), address_of("rtsp://10.0.0.2/cam"), latency_ns=DELAY_NS + 10 * MS):
        number = (picture.frame - BEGAN_NS) // STEP_NS
        if exposed_ns is not None:
            dated[number] = exposed_ns
            assert exposed_ns <= picture.frame
    assert JUMP - 1 in dated
    # a second later it has settled again
    settled = BACK + SETTLED_AFTER_NS // STEP_NS + 1
    assert set(dated) & set(range(JUMP, COUNT)) == set(range(min(n for n in dated if n >= JUMP), COUNT))
    assert BACK < min(number for number in dated if number >= JUMP) <= settled


@pytest.mark.parametrize(
    ("key", "setting"),
    [
        ("transport", {"url": "tcp://10.0.0.2:9000", "transport": Transport.UDP}),
        ("transport", {"url": Path("/dev/video0"), "transport": Transport.TCP}),
        ("repeat", {"url": "rtsp://10.0.0.2/cam", "repeat": False}),
    ],
)
def test_a_key_that_nothing_would_look_at_is_refused(key, setting):
    with pytest.raises(UsageError, match=f"{key}: expected no such key but with a url of kind "):
        StreamTable(**setting)
