"""The stream source against an RTSP server in a process of its own."""

import itertools
import time

import pytest

from goodpart_station.codes import PartVerdict, Reason, State
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.sources.source import Opening, SourceLostError
from goodpart_station.sources.stream import StreamSource
from small_stream import bars, camera, settings_of, stream_site
from station_parts import Site, Wants, small_store, until

LIMIT_S = 2.0


def results_until(records, enough, *, most=400):
    """Results, until these are enough."""
    found = []
    while not enough(found):
        assert len(found) < most
        found.append(records.next())
    return found


@pytest.mark.parametrize("codec", ("jpeg", "h264"))
def test_frames_are_judged_by_a_bundle(tmp_path, codec):
    with camera(tmp_path, bars(), "--codec", codec) as server:
        site = stream_site(tmp_path, settings_of(server.url, timeout_s=10.0), trigger=TriggerKind.NONE)
        with site.running(State.READY):
            found = results_until(
                site.records,
                lambda found: {PartVerdict.GOOD, PartVerdict.DEFECT} <= {each.verdict for each in found},
            )
    for each in found:
        if each.verdict in (PartVerdict.GOOD, PartVerdict.DEFECT):
            assert each.frame.pixels.shape == (192, 144, 3)
            # the hole is black, the bar is not
            assert (each.frame.pixels[96, 72].max() > 60) == (each.verdict is PartVerdict.GOOD)
            assert not each.simulated


@pytest.mark.parametrize("how", ("kill", "stop"))
def test_a_server_that_is_gone_is_a_fault_and_comes_back_by_itself(tmp_path, how, record_property):
    with camera(tmp_path, bars()) as server:
        settings = settings_of(server.url, timeout_s=LIMIT_S, rate=2)
        site = stream_site(tmp_path, settings, trigger=TriggerKind.NONE)
        with site.running(State.READY) as engine:
            site.records.next()
            began_s = time.monotonic()
            server.kill() if how == "kill" else server.stop()
            until(lambda: engine.status().state is State.FAULT)
            fault_s = time.monotonic() - began_s
            why = engine.status().why
            began_s = time.monotonic()
            server.start_again() if how == "kill" else server.go_on()
            until(lambda: engine.status().state is State.READY)
            ready_s = time.monotonic() - began_s
            while not site.records.told.empty():
                site.records.next()
            assert site.records.next().frame is not None
    assert ("its end" if how == "kill" else "nothing for 2 s") in why
    record_property("fault_s", fault_s)
    record_property("ready_s", ready_s)
    print(f"{how}: FAULT after {fault_s:.2f} s, READY {ready_s:.2f} s after it was back")


def test_frames_of_another_size_than_the_good_images_are_refused(tmp_path):
    with camera(tmp_path, bars()) as server:
        settings = settings_of(server.url, timeout_s=10.0)
        site = stream_site(tmp_path, settings, trigger=TriggerKind.NONE, store=small_store)
        with site.running(State.READY):
            refused = site.records.next()
        assert (refused.verdict, refused.reason) == (PartVerdict.REFUSED, Reason.FRAME_REFUSED)
        assert "expected 24x18" in refused.detail


def test_only_so_many_frames_per_second_are_parts(tmp_path):
    with camera(tmp_path, bars(), "--fps", "20") as server:
        source = StreamSource(settings_of(server.url, timeout_s=10.0, rate=4), wanted=Wants())
        frames = [frame for frame, _ in zip(parts(source), range(6), strict=False)]
    steps_ms = [(later.at_ns - earlier.at_ns) / 1e6 for earlier, later in itertools.pairwise(frames)]
    assert sum(steps_ms) / len(steps_ms) > 200


def parts(source):
    """The frames of a source, without its signs of life."""
    return (frame for frame in source.frames() if frame is not None and not isinstance(frame, Opening))


def test_the_source_shows_life_while_it_is_opened_and_while_no_frame_comes(tmp_path):
    with camera(tmp_path, bars()) as server:
        source = StreamSource(settings_of(server.url, timeout_s=LIMIT_S), wanted=Wants())
        signs, last_s, longest_s = 0, time.monotonic(), 0.0
        with pytest.raises(SourceLostError, match="nothing for 2 s"):
            for count, frame in enumerate(source.frames()):
                now_s = time.monotonic()
                last_s, longest_s = now_s, max(longest_s, now_s - last_s)
                signs += frame is None
                if isinstance(frame, Opening):
                    assert signs == 0
                elif frame is not None and count:
                    server.stop()
    # of two seconds without a frame
    assert signs >= 8


def test_a_station_that_ends_lets_the_camera_go(tmp_path):
    with camera(tmp_path, bars()) as server:
        source = StreamSource(settings_of(server.url, timeout_s=LIMIT_S), wanted=Wants())
        for _ in range(2):
            frames = parts(source)
            next(frames)
            frames.close()
        until(lambda: source._reader is not None and not source._reader.is_alive)


def test_check_measures_the_stream(tmp_path):
    with camera(tmp_path, bars()) as server:
        source = StreamSource(settings_of(server.url, timeout_s=10.0), wanted=Wants())
        site = Site(tmp_path)
        found = source.check()
        assert found.startswith(f"{server.url}: mjpeg, 192x144 (HxW); 20 frames, ")
        assert "\n" not in found
        store = site.stores[1]
        with pytest.raises(Exception, match=r"product 1: frame: expected 24x18 .* found 192x144"):
            source.check_against({"product 1": store.read(store.active())})
