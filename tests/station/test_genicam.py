"""GenICam with the simulated producer of the genicam wheel: cameras of 400x400 pixels, in processes of their own."""

import dataclasses
import importlib.util
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import station_parts
from goodpart import read_bundle
from goodpart_station.codes import PartVerdict, Reason, State
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.sources.camera import CameraSource
from goodpart_station.sources.camera_setup import CameraSetup, set_up
from goodpart_station.sources.device import FeatureError
from goodpart_station.sources.device_process import ProcessDevice
from goodpart_station.sources.genicam import genicam_source
from goodpart_station.sources.source import SourceLostError
from station_parts import BUNDLE, FIXTURES, Site, until

if importlib.util.find_spec("genicam") is None or importlib.util.find_spec("harvesters") is None:
    pytest.skip("missing: the extra goodpart-station[genicam]", allow_module_level=True)

import genicam

VIKY = Path(genicam.__file__).parent / "viky.cti"
CHILD = "goodpart_station.sources.genicam_child"
JUDGED = {PartVerdict.GOOD, PartVerdict.DEFECT}
SLOW = (("AcquisitionFrameRate", 10),)


def camera(device="1", *, producer=VIKY, **setup):
    return genicam_source(Path(producer), device, CameraSetup(**{"pixel_format": "RGBa8", **setup}))


class Watched:
    """A source of the camera, and the processes that it has started."""

    def __init__(self, **setup):
        self.devices = []
        self.source = CameraSource(self.open, CameraSetup(**{"pixel_format": "RGBa8", "settings": SLOW, **setup}))

    def open(self):
        self.devices.append(ProcessDevice(CHILD, [str(VIKY)], device="1"))
        return self.devices[-1]


def alive(pid):
    return Path(f"/proc/{pid}").exists()


@pytest.fixture
def opened():
    """Opens a camera without a source, and gives it back in the end."""
    devices = []

    def opens(device="1", producer=VIKY):
        devices.append(ProcessDevice(CHILD, [str(producer)], device=device))
        return devices[-1]

    yield opens
    for device in devices:
        device.close()
        assert not alive(device.pid)


def test_settings_frames_and_a_new_start(opened):
    device = opened()
    assert (device.model, device.serial) == ("Viky", "1")
    device.write("PixelFormat", "Mono8")
    # a whole number for a feature that holds any number, and the other way round
    device.write("AcquisitionFrameRate", 100)
    device.write("Width", 200.0)
    assert [device.read(name) for name in ("PixelFormat", "AcquisitionFrameRate", "Width")] == ["Mono8", 100.0, 200]
    device.start()
    frames = [device.fetch(10) for _ in range(5)]
    assert [frame.frame_id for frame in frames] == [1, 2, 3, 4, 5]
    assert all(frame.complete and (frame.pixel_format, frame.pixels.shape) == ("Mono8", (400, 200)) for frame in frames)
    assert (frames[0].pixels != frames[4].pixels).any()
    device.alive()
    device.stop()
    device.stop()
    assert device.fetch(0) is None
    device.write("PixelFormat", "RGBa8")
    device.start()
    frame = device.fetch(10)
    assert (frame.frame_id, frame.pixel_format, frame.pixels.shape) == (1, "RGBa8", (400, 200, 3))
    assert frame.pixels.dtype == np.uint8


def test_a_camera_in_words(opened):
    source = camera(settings=(("AcquisitionFrameRate", 20),), pixel_format="Mono8")
    told = source.check_against({})
    assert told.startswith("camera Viky 1: 20 frames of 400x400 (HxW) Mono8, ")
    assert told.endswith(", none incomplete; AcquisitionFrameRate 20")
    bundle = read_bundle(BUNDLE)
    with pytest.raises(SourceLostError) as raised:
        source.check_against({"product 1 (bar)": bundle})
    words = "camera Viky 1: product 1 (bar): frame: expected uint8 RGB as the bundle declares, found uint8 GRAY; set"
    assert str(raised.value).startswith(words)
    # nobody is left with an open camera
    opened().start()


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("9", "device: expected 9, found 0 (Viky), 1 (Viky), 2 (Viky); write the serial number, which stands before"),
        (None, "device: expected one camera, found 0 (Viky), 1 (Viky), 2 (Viky); name its serial number"),
    ],
)
def test_a_camera_that_is_not_there_is_told_with_those_that_are(device, words):
    with pytest.raises(SourceLostError) as raised:
        camera(device).check()
    assert str(raised.value).startswith(words)


def test_what_cannot_be_set_is_told_in_a_line(opened):
    device = opened()
    for setup, words in (
        ({"settings": (("Exposure", 3),)}, "Exposure: expected a feature of this camera, found none"),
        (
            {"settings": (("AcquisitionFramRate", 3),)},
            "AcquisitionFramRate: expected a feature of this camera, found none of this name; do you mean "
            "AcquisitionFrameRate?",
        ),
        (
            {"settings": (("Width", 5),)},
            "Width: expected to write 5, found that the camera refuses it (Value = 5 must be",
        ),
        ({"settings": (("Width", 5.5),)}, "Width: expected a whole number, found 5.5; correct it"),
        ({"settings": (("Width", True),)}, "Width: expected a whole number, found True; correct it"),
        ({"settings": (("AcquisitionStart", 1),)}, "AcquisitionStart: expected no value, for it cannot be written"),
        ({"settings": (("PayloadSize", 1),)}, "PayloadSize: expected to write 1, found that the camera refuses it"),
        ({"pixel_format": "RGB8"}, "PixelFormat: expected to write 'RGB8', found that the camera refuses it"),
        (
            {"trigger": TriggerKind.SOFTWARE},
            "trigger: expected the feature TriggerMode of this camera, found none; this ",
        ),
    ):
        with pytest.raises(FeatureError) as raised:
            set_up(device, CameraSetup(**{"pixel_format": "RGBa8", **setup}))
        assert str(raised.value).startswith(words)
        assert "\n" not in str(raised.value)
        assert "pixel_format" not in setup or str(raised.value).endswith("; it takes RGBa8, Mono8")


def test_files_that_are_no_producers(opened, tmp_path):
    with pytest.raises(SourceLostError, match=r"producer: expected a GenTL producer \(.cti\) at .*found nothing"):
        camera(producer=tmp_path / "none.cti").check()
    # a library that is none crashes the process that loads it, and not the station
    (library,) = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "libc.so" in line}
    with pytest.raises(SourceLostError, match="found it ended by SIG"):
        opened(producer=library)
    with pytest.raises(SourceLostError, match=r"producer: expected a GenTL producer at .*, found none that opens"):
        opened(producer=tmp_path)


def judged(folder, monkeypatch, bundle, watched):
    """A station that judges the camera's frames with a bundle, and its results."""
    monkeypatch.setattr(station_parts, "BUNDLE", bundle)
    site = Site(folder, trigger=TriggerKind.NONE, pair_after_ns=1, resync_ns=2)
    site.camera = watched.source
    return site


def first_judged(site):
    """Whether frames are judged. On a busy machine some are lost, or come too fast."""
    return any(site.records.next().verdict in JUDGED for _ in range(200))


def test_frames_are_judged_and_a_killed_or_hanging_process_is_a_fault_that_ends(tmp_path, monkeypatch):
    watched = Watched()
    # a bundle that takes any size
    site = judged(tmp_path, monkeypatch, FIXTURES / "format_1", watched)
    # what the file says where it says nothing
    site.plan = dataclasses.replace(site.plan, source_timeout_s=2.0)
    with site.running(State.READY, State.BUSY) as engine:
        assert first_judged(site)
        for number, sign in enumerate((signal.SIGKILL, signal.SIGSTOP)):
            began_s = time.monotonic()
            os.kill(watched.devices[-1].pid, sign)
            until(lambda: engine.status().state is State.FAULT)
            fault_s = time.monotonic() - began_s
            # what a person reads
            assert "camera Viky 1" in engine.status().why or "expected life from the source" in engine.status().why
            until(lambda: engine.status().state in (State.READY, State.BUSY))
            print(f"{sign.name}: FAULT after {fault_s:.2f} s, READY after {time.monotonic() - began_s:.2f} s")
            assert len(watched.devices) == number + 2
            while not site.records.told.empty():
                site.records.next()
            assert first_judged(site)
    assert site.failure is None
    until(lambda: not any(alive(device.pid) for device in watched.devices))


def test_frames_of_another_size_than_the_good_images_are_refused(tmp_path, monkeypatch):
    watched = Watched()
    site = judged(tmp_path, monkeypatch, BUNDLE, watched)
    with site.running(State.READY, State.BUSY):
        # the camera may be there before the product
        results = (site.records.next() for _ in range(200))
        result = next(each for each in results if each.reason is not Reason.PRODUCT_NOT_READY)
        assert (result.verdict, result.reason) == (PartVerdict.REFUSED, Reason.FRAME_REFUSED)
        assert "as of the good images, found 400x400 (HxW); set the camera's region" in result.detail
