"""A GenICam camera as a source: opened, set, read back, triggered, lost and opened again."""

import time

import numpy as np
import pytest

from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.sources.camera import CameraSource
from goodpart_station.sources.camera_setup import CameraSetup
from goodpart_station.sources.source import Opening, SourceLostError
from small_camera import SmallDevice, grabbed
from small_frames import draw_small
from station_parts import part_of


def setup_of(trigger=TriggerKind.NONE, **facts):
    return CameraSetup(**{"pixel_format": "RGB8", "trigger": trigger, "exposure_s": 60.0, **facts})


class Run:
    """A source whose frames a test takes one by one."""

    def __init__(self, device, setup):
        self.device = device
        self.source = CameraSource(lambda: device, setup)
        self.frames = self.source.frames()
        while isinstance(found := next(self.frames), Opening):
            pass
        assert found is None or found.stray

    def next(self):
        """The next frame."""
        while (frame := next(self.frames)) is None:
            pass
        return frame

    def lost(self):
        """Why the source is lost."""
        with pytest.raises(SourceLostError) as raised:
            while True:
                next(self.frames)
        return str(raised.value)


def refused(device, setup):
    """Why a camera cannot be opened."""
    with pytest.raises(SourceLostError) as raised:
        list(zip(range(1000), CameraSource(lambda: device, setup).frames(), strict=False))
    assert not device.is_open
    return str(raised.value)


def test_settings_are_written_in_their_order_before_format_and_trigger():
    settings = (("Gain", 2), ("ExposureTime", 2000.0), ("ReverseX", True), ("Width", 20))
    run = Run(SmallDevice(), setup_of(settings=settings, trigger=TriggerKind.HARDWARE, trigger_line="Line3"))
    assert run.device.told == [
        ("TriggerSelector", "FrameStart"),
        *settings,
        ("PixelFormat", "RGB8"),
        ("AcquisitionMode", "Continuous"),
        ("TriggerMode", "On"),
        ("TriggerSource", "Line3"),
        "start",
    ]


@pytest.mark.parametrize(
    ("trigger", "held"),
    [
        (TriggerKind.NONE, {"TriggerMode": "Off", "TriggerSource": "Line0"}),
        (TriggerKind.SOFTWARE, {"TriggerMode": "On", "TriggerSource": "Software"}),
        (TriggerKind.HARDWARE, {"TriggerMode": "On", "TriggerSource": "Line1"}),
    ],
)
def test_the_trigger_of_the_file_is_that_of_the_camera(trigger, held):
    run = Run(SmallDevice(TriggerMode="On" if trigger is TriggerKind.NONE else "Off"), setup_of(trigger))
    assert {name: run.device.features[name] for name in held} == held


def test_a_camera_without_triggers_runs_free():
    device = SmallDevice()
    for name in ("TriggerMode", "TriggerSelector", "TriggerSource", "AcquisitionMode"):
        del device.features[name]
    Run(device, setup_of())
    assert "trigger: expected the feature TriggerMode of this camera, found none" in refused(
        device, setup_of(TriggerKind.SOFTWARE)
    )


def test_a_value_that_the_camera_rounds_is_told_with_both(caplog):
    device = SmallDevice()
    device.rules["ExposureTime"] = lambda given: given - 2
    Run(device, setup_of(settings=(("ExposureTime", 2000.0),)))
    assert "camera Small SN1: ExposureTime 2000.0 became 1998.0: the camera has rounded it" in caplog.text


def test_the_rounding_of_a_register_is_not_told(caplog):
    device = SmallDevice()
    device.rules["ExposureTime"] = lambda given: float(np.float32(given))
    Run(device, setup_of(settings=(("ExposureTime", 2000.1),)))
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("name", "value", "held", "words"),
    [
        ("ExposureTime", 2000.0, 10000.0, "ExposureTime: expected 2000.0 after it was written, found 10000.0"),
        ("Gain", 0.0, 0.5, "Gain: expected 0.0 after it was written, found 0.5"),
        ("ReverseX", True, False, "ReverseX: expected True after it was written, found False"),
        ("PixelFormat", "RGB8", "BGR8", "PixelFormat: expected 'RGB8' after it was written, found 'BGR8'"),
        ("TriggerMode", "Off", "On", "TriggerMode: expected 'Off' after it was written, found 'On'"),
        ("Width", 1, True, "Width: expected 1 after it was written, found True"),
    ],
)
def test_a_camera_that_holds_another_value_is_not_taken(name, value, held, words):
    device = SmallDevice(TriggerMode="On")
    device.rules[name] = lambda given: held
    settings = () if name in ("PixelFormat", "TriggerMode") else ((name, value),)
    assert f"camera Small SN1: {words}; give a value" in refused(device, setup_of(settings=settings))


def test_a_setting_that_the_camera_does_not_have():
    why = refused(SmallDevice(), setup_of(settings=(("ExpsureTime", 1.0),)))
    assert why == "camera Small SN1: ExpsureTime: expected a feature of the camera, found none"


def test_frames_come_in_their_order_with_their_numbers():
    run = Run(SmallDevice(), setup_of())
    before_ns = time.monotonic_ns()
    for _ in range(3):
        run.device.shoot()
    run.device.shoot(complete=False)
    frames = [run.next() for _ in range(4)]
    assert [frame.camera_frame for frame in frames] == [1, 2, 3, 4]
    assert [frame.complete for frame in frames] == [True, True, True, False]
    assert all((frame.pixels == draw_small(number)).all() for number, frame in enumerate(frames, 1))
    assert before_ns < frames[0].at_ns <= frames[3].at_ns < time.monotonic_ns()
    assert {frame.asked_by for frame in frames} == {None}


def test_what_came_while_it_was_opened_is_nobodys():
    device = SmallDevice()
    device.shoot(seed=50, frame_id=50)
    run = Run(device, setup_of())
    device.shoot(seed=51, frame_id=51)
    assert run.next().camera_frame == 51


def test_a_camera_that_was_changed_by_somebody_else_is_refused():
    run = Run(SmallDevice(), setup_of())
    run.device.box.put(grabbed(draw_small(1), 1, pixel_format="BGR8"))
    frame = run.next()
    assert "expected RGB8 as it was set, found BGR8" in frame.unreadable
    assert frame.pixels.size == 0


def test_a_frame_with_too_few_bytes_is_refused():
    run = Run(SmallDevice(), setup_of())
    found = grabbed(draw_small(1), 1, complete=False)
    run.device.box.put(type(found)(np.empty((0, 0), np.uint8), 1, False, "RGB8", 24, 18))
    frame = run.next()
    assert not frame.complete
    assert "expected 24x18 pixels (HxW), found fewer" in frame.unreadable


def test_a_camera_that_gives_no_frame_is_lost_and_opened_again():
    device = SmallDevice()
    run = Run(device, setup_of(timeout_s=0.05))
    device.shoot()
    run.next()
    assert run.lost().startswith("camera Small SN1: expected a frame within 0.05 s, found none; look at camera")
    assert not device.is_open
    again = run.source.frames()
    while isinstance(next(again), Opening):
        pass
    assert device.told.count("start") == 2


def test_with_triggers_a_camera_is_lost_when_it_does_not_answer(monkeypatch):
    monkeypatch.setattr("goodpart_station.sources.camera.ALIVE_S", 0.0)
    for trigger in (TriggerKind.SOFTWARE, TriggerKind.HARDWARE):
        device = SmallDevice()
        run = Run(device, setup_of(trigger, timeout_s=0.001))
        for _ in range(5):
            assert next(run.frames) is None
        device.gone = SourceLostError("expected an answer, found none; look at its cable")
        assert run.lost() == "camera Small SN1: expected an answer, found none; look at its cable"
        assert not device.is_open


def test_the_end_of_the_station_gives_the_camera_back():
    run = Run(SmallDevice(), setup_of())
    run.frames.close()
    assert not run.device.is_open


def test_a_software_trigger_gets_the_next_frame():
    run = Run(SmallDevice(), setup_of(TriggerKind.SOFTWARE))
    for seq in (1, 2, 3):
        run.source.trigger(part_of(seq))
        frame = run.next()
        assert (frame.asked_by, frame.camera_frame) == (seq, seq)
    assert run.device.told.count("TriggerSoftware") == 3


def test_a_frame_that_nobody_asked_for_is_no_parts():
    run = Run(SmallDevice(shoots=False), setup_of(TriggerKind.SOFTWARE))
    run.device.shoot()
    assert run.next().asked_by == 0
    run.device.shoot()
    run.device.shoots = True
    run.source.trigger(part_of(7))
    # the first was there before the camera was told to take a picture
    assert (run.next().asked_by, run.next().asked_by) == (0, 7)


def test_the_late_frame_of_a_part_is_not_the_next_parts():
    run = Run(SmallDevice(shoots=False), setup_of(TriggerKind.SOFTWARE, exposure_s=1e-9))
    run.source.trigger(part_of(1))
    while "stop" not in run.device.told:
        assert next(run.frames) is None
    # the camera forgets what it has not given, and begins to count again
    assert run.device.told[-2:] == ["stop", "start"]
    run.device.shoots = True
    run.source.trigger(part_of(2))
    assert run.next().asked_by == 2


def test_numbers_go_on_after_a_part_without_a_frame():
    run = Run(SmallDevice(), setup_of(TriggerKind.SOFTWARE))
    run.source.trigger(part_of(1))
    assert run.next().camera_frame == 1
    run.device.shoots = False
    run.source.trigger(part_of(2))
    assert next(run.frames) is None
    run.device.shoots = True
    run.source.trigger(part_of(3))
    frame = run.next()
    assert (frame.asked_by, frame.camera_frame) == (3, 2)
    assert run.device.told[-3:] == ["stop", "start", "TriggerSoftware"]


def test_of_several_triggers_the_newest_is_exposed():
    run = Run(SmallDevice(), setup_of(TriggerKind.SOFTWARE))
    run.source.trigger(part_of(1))
    run.source.trigger(part_of(2))
    assert run.next().asked_by == 2
    assert run.device.told.count("TriggerSoftware") == 1


def test_a_frame_whose_time_is_not_known_well_enough_is_nobodys(caplog):
    device = SmallDevice()
    run = Run(device, setup_of(TriggerKind.HARDWARE, dated_within_s=1e-9))
    device.shoot()
    frame = run.next()
    assert (frame.stray, frame.camera_frame) == (True, 1)
    for _ in range(5):
        assert next(run.frames) is None
    assert "frame 1 came while nobody looked for too long" in caplog.text
