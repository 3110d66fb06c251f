"""What `check` says of a camera, in one line; and a judge that takes no frame of another format or size."""

import dataclasses
import queue
import re
import threading

import numpy as np
import pytest

from goodpart import read_bundle
from goodpart.facts.spec import Channels
from goodpart_station.check import check
from goodpart_station.codes import PartVerdict, Reason
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.sources.camera import CameraSource
from goodpart_station.sources.camera_setup import CameraSetup
from goodpart_station.sources.opening import Opener
from goodpart_station.sources.source import Opening, SourceLostError
from small_camera import SmallDevice, grabbed
from small_frames import draw_good, draw_small
from station_parts import BUNDLE, FIXTURES, Site, until

NAME = "product 1 (bar)"


def setup_of(trigger=TriggerKind.NONE, **facts):
    return CameraSetup(**{"pixel_format": "RGB8", "trigger": trigger, "timeout_s": 0.05, **facts})


def told(device, setup, bundle=None):
    """What check says, and that the camera is closed then."""
    source = CameraSource(lambda: device, setup)
    try:
        return source.check_against({} if bundle is None else {NAME: read_bundle(bundle)})
    finally:
        assert not device.is_open


def full(count=20, **facts):
    device = SmallDevice(**facts)
    for _ in range(count):
        device.shoot()
    return device


def test_a_camera_that_runs_free():
    words = told(full(), setup_of(settings=(("Gain", 2.5),)), BUNDLE).split("; ")
    assert words[0].startswith("camera Small SN1: 20 frames of 24x18 (HxW) RGB8, ")
    assert words[0].endswith(" per second")
    assert words[1:] == ["none missing, none incomplete", "Gain 2.5, ExposureTime 100", f"fits {NAME}"]


def test_frames_that_are_missing_or_incomplete_are_counted():
    device = SmallDevice()
    for number in (1, 2, 5, *range(7, 24)):
        device.shoot(frame_id=number, complete=number != 9)
    assert "; 3 missing, 1 incomplete; " in told(device, setup_of())
    device = SmallDevice()
    for number in range(20):
        device.box.put(grabbed(draw_small(number)))
    assert "; without frame numbers, none incomplete; " in told(device, setup_of())


def test_a_software_trigger_is_timed():
    device = SmallDevice()
    words = told(device, setup_of(TriggerKind.SOFTWARE, exposure_s=60.0)).split("; ")
    assert device.told.count("TriggerSoftware") == 20
    found = re.fullmatch(
        r"from trigger to frame (\S+) ms \(p50\), (\S+) ms \(longest\): pair_after_ms 60000 is enough "
        r"\((\d+) or more\)",
        words[-1],
    )
    median_ms, longest_ms, proposed_ms = map(float, found.groups())
    assert median_ms <= longest_ms
    # the longest time and half of it again, rounded up to tens
    assert longest_ms * 1.5 - 0.1 <= proposed_ms <= longest_ms * 1.5 + 10


def test_a_window_that_is_too_short_for_the_camera():
    with pytest.raises(SourceLostError) as raised:
        told(SmallDevice(), setup_of(TriggerKind.SOFTWARE, exposure_s=1e-9))
    assert re.match(
        r"camera Small SN1: pair_after_ms: expected \d+ or more, found 1e-06; from trigger to frame", str(raised.value)
    )


def test_a_wire_without_pulses_is_no_fault(monkeypatch):
    monkeypatch.setattr("goodpart_station.sources.camera_check._WIRE_S", 0.05)
    setup = setup_of(TriggerKind.HARDWARE, trigger_line="Line3")
    assert told(SmallDevice(), setup).startswith(
        "camera Small SN1: 0 frames in 0.05 s, it waits for pulses at Line3; ExposureTime 100"
    )
    assert "3 frames in 0.05 s, it waits for pulses at Line3 of 24x18 (HxW) RGB8" in told(full(3), setup)


def test_a_camera_that_gives_no_frame():
    with pytest.raises(SourceLostError) as raised:
        told(full(3), setup_of())
    assert str(raised.value).startswith(
        "camera Small SN1: expected 20 frames, found none within 0.05 s after 3 of them; look at trigger, exposure"
    )


def test_what_the_camera_rounds_is_told():
    device = full()
    device.rules["ExposureTime"] = lambda given: given - 2
    assert "; ExposureTime 1998; ExposureTime 2000.0 became 1998.0" in told(
        device, setup_of(settings=(("ExposureTime", 2000.0),))
    )


@pytest.mark.parametrize(
    ("pixels", "pixel_format", "words"),
    [
        (draw_small(1), "BGR8", "expected uint8 RGB as the bundle declares, found uint8 BGR; set pixel_format"),
        (
            draw_small(1)[:, :, 0],
            "Mono8",
            "expected uint8 RGB as the bundle declares, found uint8 GRAY; set pixel_format",
        ),
        (draw_good(1, 48, 36), "RGB8", "expected 24x18 pixels (HxW) as of the good images, found 48x36 (HxW)"),
    ],
)
def test_a_bundle_of_another_format_or_size(pixels, pixel_format, words):
    device = SmallDevice(PixelFormat=pixel_format)
    for number in range(20):
        device.box.put(grabbed(pixels, number, pixel_format=pixel_format))
    with pytest.raises(SourceLostError) as raised:
        told(device, setup_of(pixel_format=pixel_format), BUNDLE)
    assert str(raised.value).startswith(f"camera Small SN1: {NAME}: frame: {words}")


def test_a_bundle_that_takes_any_size_is_told():
    assert told(full(), setup_of(), FIXTURES / "format_1").endswith(
        f"fits {NAME}, whose bundle takes any size: see that it is that of the good images"
    )


def test_check_compares_the_camera_with_the_bundles_and_leaves_a_running_station_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("goodpart_station.check._FRAMES", 1)
    monkeypatch.setattr("goodpart_station.check.try_bundle", lambda folder, limits: None)
    device = full(40)
    site = Site(tmp_path)
    site.camera = CameraSource(lambda: device, setup_of())
    found = {each.name: each for each in check(site.plan)}["source"]
    assert found.passed
    assert f"; fits {NAME}" in found.detail
    device.told.clear()
    site.plan = dataclasses.replace(site.plan, source=lambda wanted: site.camera)
    with Site(tmp_path / "other").running():
        pass
    monkeypatch.setattr("goodpart_station.check.held_alone", _held)
    found = {each.name: each for each in check(site.plan)}["source"]
    assert (found.passed, found.detail, device.told) == (True, "not tried: the station that runs has it", [])


def _held(data):
    from goodpart import UsageError

    raise UsageError("held")


@pytest.mark.parametrize(
    ("pixels", "channels", "reason", "words"),
    [
        (draw_small(1), Channels.RGB, Reason.NONE, None),
        (
            draw_small(1),
            Channels.BGR,
            Reason.FRAME_REFUSED,
            "expected uint8 RGB as the bundle declares, found uint8 BGR",
        ),
        (draw_good(1, 48, 36), Channels.RGB, Reason.FRAME_REFUSED, "expected 24x18 pixels (HxW) as of the good images"),
        # a file of twice the size was resized
        (draw_good(1, 48, 36), None, Reason.NONE, None),
    ],
)
def test_the_judge_takes_no_frame_of_another_format_or_size(tmp_path, pixels, channels, reason, words):
    site = Site(tmp_path, trigger=TriggerKind.NONE)
    with site.running():
        site.camera.show(np.ascontiguousarray(pixels), channels=channels)
        result = site.records.next()
        assert (result.reason, result.verdict is PartVerdict.REFUSED) == (reason, reason is not Reason.NONE)
        assert words is None or words in result.detail


def test_a_camera_that_takes_long_to_open_shows_life():
    gate, closed = threading.Event(), queue.SimpleQueue()

    def opens():
        gate.wait(60)
        return "camera"

    opener = Opener(opens, closed.put)
    steps = opener.steps()
    assert next(steps) == next(steps) == Opening()
    gate.set()
    assert {type(each) for each in steps} <= {Opening}
    assert opener.opened == "camera"
    # what opens after nobody waits any more is closed again
    gate.clear()
    steps = opener.steps()
    next(steps)
    steps.close()
    gate.set()
    assert closed.get(timeout=60) == "camera"


def test_a_camera_that_never_opens_is_told_and_never_opened_twice():
    gate, calls = threading.Event(), queue.SimpleQueue()

    def opens():
        calls.put(1)
        gate.wait(60)
        return "camera"

    opener = Opener(opens, lambda camera: None)
    for _ in range(2):
        with pytest.raises(SourceLostError, match=r"expected it open within 0\.05 s, found that its library"):
            list(opener.steps(0.05))
    assert calls.qsize() == 1
    gate.set()
    until(lambda: threading.active_count() == 1 or not any(t.name == "opening" for t in threading.enumerate()))
    list(opener.steps())
    assert (opener.opened, calls.qsize()) == ("camera", 2)


def test_what_prevents_opening_is_raised():
    def opens():
        raise SourceLostError("no camera")

    with pytest.raises(SourceLostError, match="no camera"):
        list(Opener(opens, lambda camera: None).steps())
