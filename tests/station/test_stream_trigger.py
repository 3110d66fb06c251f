"""Software triggers on a stream that is late: each part gets a frame that was exposed after its trigger."""

import contextlib
import time

import pytest

from goodpart_station.codes import PartVerdict, State
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.part import Frame
from goodpart_station.sources.source import Opening
from goodpart_station.sources.stream import StreamSource
from small_stream import Wire, bars, camera, coded, number_of, settings_of, stream_site
from station_parts import Wants, part_of, until

DELAY_MS = 300
MS = 1_000_000


def asked(source, parts_wanted):
    """The frame of each of so many parts: a trigger follows the frame of the part before, at once."""
    part, found = None, []
    for frame in source.frames():
        if isinstance(frame, Opening):
            continue
        if frame is not None and part is not None:
            found.append((part, frame))
            part = None
        if len(found) == parts_wanted:
            break
        if part is None:
            part = part_of(len(found) + 1)
            source.trigger(part)
    return found


def exposed_ns(server, frame):
    """When the server took a frame. Numbers begin again after 256 frames: the newest that had been taken counts."""
    shown = number_of(frame.pixels)
    return max(at for number, at in server.taken_ns.items() if number % 256 == shown and at <= frame.at_ns)


@pytest.mark.parametrize(("latency_ms", "is_right"), ((DELAY_MS + 200, True), (0, False)))
def test_each_part_gets_a_frame_that_was_exposed_after_its_trigger(tmp_path, latency_ms, is_right):
    with camera(tmp_path, coded(), "--delay-ms", str(DELAY_MS)) as server:
        settings = settings_of(
            server.url, timeout_s=10.0, triggered=True, latency_ns=latency_ms * MS, give_up_ns=60_000 * MS
        )
        found = asked(StreamSource(settings, wanted=Wants()), 8)
    early = 0
    for part, frame in found:
        assert frame.asked_by == part.seq
        early += exposed_ns(server, frame) < part.triggered_ns
    # with a latency that is not true the frame is one from before the trigger
    assert early == 0 if is_right else early > 4


def test_frames_that_a_stalled_network_held_back_are_older_than_their_arrival(tmp_path):
    with camera(tmp_path, coded()) as server, contextlib.closing(Wire(int(server.port))) as wire:
        url = server.url.replace(server.port, str(wire.port))
        # more than this server's delay, and less than the stall
        settings = settings_of(url, timeout_s=10.0, triggered=True, latency_ns=400 * MS, give_up_ns=60_000 * MS)
        source = StreamSource(settings, wanted=Wants())
        frames = source.frames()
        while isinstance(next(frames), Opening):
            pass
        wire.open.clear()
        begun = len(server.taken_ns)
        until(lambda: next(frames) is None and len(server.taken_ns) > begun + 20)
        part = part_of(1)
        source.trigger(part)
        until(lambda: next(frames) is None and len(server.taken_ns) > begun + 32)
        wire.open.set()
        frame = None
        while frame is None:
            frame = next(frames)
        frames.close()
    # 32 frames of at least 50 ms: the first that came after the stall would count, if arrival were all that counts
    assert frame.at_ns - 400 * MS >= part.triggered_ns
    assert exposed_ns(server, frame) >= part.triggered_ns


def test_triggers_are_answered_by_a_station(tmp_path):
    with camera(tmp_path, bars()) as server:
        settings = settings_of(server.url, timeout_s=10.0, triggered=True, latency_ns=300 * MS, give_up_ns=60_000 * MS)
        site = stream_site(tmp_path, settings, trigger=TriggerKind.SOFTWARE)
        with site.running(State.READY) as engine:
            for seq in range(1, 5):
                began_ns = time.monotonic_ns()
                assert engine.trigger(seq) == seq
                slot = site.slots.next()
                assert slot.seq == seq
                result = site.records.next()
                assert result.frame is None or result.frame.at_ns - began_ns > 250 * MS
                assert slot.verdict in (PartVerdict.GOOD, PartVerdict.DEFECT, PartVerdict.UNKNOWN)
            assert engine.status().state is State.READY


def test_a_part_that_was_given_up_leaves_no_frame_for_the_next(tmp_path):
    with camera(tmp_path, coded()) as server:
        settings = settings_of(server.url, timeout_s=10.0, triggered=True, latency_ns=400 * MS, give_up_ns=50 * MS)
        source = StreamSource(settings, wanted=Wants())
        frames = source.frames()
        while isinstance(next(frames), Opening):
            pass
        source.trigger(part_of(1))
        # no frame can be certain so soon
        until_s = time.monotonic() + 1.0
        while time.monotonic() < until_s:
            assert next(frames) is None
        frames.close()


def test_a_trigger_from_before_the_stream_was_lost_is_nobodys(tmp_path):
    with camera(tmp_path, coded()) as server:
        settings = settings_of(server.url, timeout_s=10.0, triggered=True, latency_ns=0, give_up_ns=60_000 * MS)
        source = StreamSource(settings, wanted=Wants())
        source.trigger(part_of(1))
        frames = source.frames()
        while isinstance(found := next(frames), Opening):
            pass
        assert [found, *(next(frames) for _ in range(5))] == [None] * 6
        source.trigger(part_of(2))
        assert next(frame for frame in frames if isinstance(frame, Frame)).asked_by == 2
        frames.close()
