"""Frames that a camera's source throws away: no part's, but known to the judge, and no trigger waits for a question."""

import math

import pytest

from goodpart_station.codes import PartVerdict, Reason, State
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.sources.camera import CameraSource
from goodpart_station.sources.camera_setup import CameraSetup
from goodpart_station.sources.source import Opening, SourceLostError
from small_camera import SmallDevice
from small_frames import draw_small
from station_parts import Site, part_of


def source_of(device, trigger, **facts):
    setup = CameraSetup(**{"pixel_format": "RGB8", "trigger": trigger, "timeout_s": 60.0, "exposure_s": 60.0, **facts})
    return CameraSource(lambda: device, setup)


def opened(source):
    """Its frames, and the first thing that it yields when it is open."""
    frames = source.frames()
    while isinstance(found := next(frames), Opening):
        pass
    return frames, found


def test_a_stray_frame_is_no_part_and_a_repeat_of_it_is_no_good_one(tmp_path):
    site = Site(tmp_path, trigger=TriggerKind.NONE)
    with site.running() as engine:
        site.camera.show(draw_small(100), stray=True)
        site.camera.show(draw_small(100))
        frozen = site.records.next()
        assert (frozen.part.seq, frozen.verdict, frozen.reason) == (1, PartVerdict.UNKNOWN, Reason.FROZEN_CAMERA)
        site.camera.show(draw_small(101))
        assert site.records.next().verdict is PartVerdict.GOOD
        assert engine.status().good_total == 1
    assert site.records.told.empty()


@pytest.mark.parametrize("trigger", [TriggerKind.SOFTWARE, TriggerKind.HARDWARE])
def test_a_stray_frame_is_nothing_to_the_conductor(tmp_path, trigger):
    ms = 1_000_000
    site = Site(tmp_path, trigger=trigger, pair_after_ns=ms, min_spacing_ns=2 * ms)
    with site.running() as engine:
        done = site.camera.show(draw_small(100), stray=True)
        assert site.camera.finished.get(timeout=60) is done
        # longer than a frame may wait for its trigger
        engine.tick()
        assert engine.status().state is State.READY


def test_a_camera_that_froze_before_the_start_is_noticed_at_the_first_part(tmp_path):
    device = SmallDevice()
    for _ in range(3):
        device.shoot(100)
    site = Site(tmp_path, trigger=TriggerKind.NONE)
    site.camera = source_of(device, TriggerKind.NONE)
    with site.running():
        device.shoot(100)
        frozen = site.records.next()
    assert (frozen.part.seq, frozen.verdict, frozen.reason) == (1, PartVerdict.UNKNOWN, Reason.FROZEN_CAMERA)


def test_of_the_frames_of_the_opening_the_last_is_told():
    device = SmallDevice()
    device.shoot()
    device.shoot()
    frames, first = opened(source_of(device, TriggerKind.HARDWARE, dated_within_s=math.inf))
    assert (first.stray, first.camera_frame) == (True, 2)
    device.shoot()
    frame = next(found for found in frames if found is not None)
    assert (frame.stray, frame.camera_frame) == (False, 3)


def test_a_trigger_does_not_wait_for_the_question_whether_the_camera_is_there(monkeypatch):
    # the question is always due
    monkeypatch.setattr("goodpart_station.sources.camera.ALIVE_S", -1.0)
    device = SmallDevice()
    source = source_of(device, TriggerKind.SOFTWARE)
    frames, _ = opened(source)
    assert next(frames) is None
    assert device.told[-1] == "alive"
    device.told.clear()
    source.trigger(part_of(1))
    assert next(found for found in frames if found is not None).asked_by == 1
    assert device.told == ["TriggerSoftware"]


def test_a_camera_that_waits_for_triggers_is_asked_all_the_same(monkeypatch):
    monkeypatch.setattr("goodpart_station.sources.camera.ALIVE_S", -1.0)
    for trigger in (TriggerKind.SOFTWARE, TriggerKind.HARDWARE):
        device = SmallDevice()
        frames, _ = opened(source_of(device, trigger))
        device.gone = SourceLostError("unplugged")
        with pytest.raises(SourceLostError, match="unplugged"):
            [next(frames) for _ in range(3)]
