"""A GigE Vision camera through Aravis: found, set, read back, and its frames; the camera is a process of its own."""

import contextlib
import subprocess
import sys

import numpy as np
import pytest

from aravis_camera import FakeCamera
from aravis_fake import ADDRESS, NAME, SERIAL, SIZE, noise, picture
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.sources.aravis import aravis_source, open_aravis
from goodpart_station.sources.aravis_library import Found, load, only
from goodpart_station.sources.camera_setup import CameraSetup
from goodpart_station.sources.device import FeatureError
from goodpart_station.sources.source import Opening, SourceLostError
from station_parts import part_of

PATIENT_S = 60.0
"""No machine is so busy that a camera which is there is lost."""


@pytest.fixture
def camera():
    with FakeCamera() as started:
        yield started


@pytest.fixture
def device(camera):
    opened = open_aravis(load(), ADDRESS, timeout_s=PATIENT_S)
    yield opened
    opened.close()


def refusal(device, name, value):
    with pytest.raises(FeatureError) as error:
        device.write(name, value)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_camera_is_found_by_each_of_its_names_and_given_back(camera):
    for name in (ADDRESS, SERIAL, f"Aravis-Fake-{SERIAL}", NAME, None):
        device = open_aravis(load(), name, timeout_s=PATIENT_S)
        assert (device.model, device.serial) == ("Fake", SERIAL)
        device.start()
        device.close()
        device.close()
    with pytest.raises(SourceLostError) as error:
        open_aravis(load(), "GP43", timeout_s=PATIENT_S)
    assert str(error.value).startswith("camera GP43: expected it on the network, found Aravis-Fake-GP42 (127.0.0.1) (")


def test_features_of_each_kind_are_read_back_as_they_were_written(device):
    values = {"Width": 18, "ExposureTimeAbs": 2000.0, "TestBoolean": True, "PixelFormat": "RGB8"}
    for name, value in values.items():
        device.write(name, value)
    assert {name: device.read(name) for name in values} == values
    assert device.read("DeviceVendorName") == "Aravis"
    # as a file may have them
    device.write("Width", 20.0)
    device.write("ExposureTimeAbs", 3000)
    assert (device.read("Width"), device.read("ExposureTimeAbs")) == (20, 3000.0)


REFUSED = [
    (
        "ExposureTime",
        5.0,
        "expected a feature of this camera, found none of this name; do you mean ExposureTimeAbs?",
    ),
    ("Xyzzy", 5, "expected a feature of this camera, found none of this name; the camera's manual has their names"),
    ("PixelFormat", "BGR8", "Mono8, RGB8, Mono16, found 'BGR8'; correct the value"),
    ("PixelFormat", 5, "expected a text, found 5; correct the value"),
    ("Width", "18", "expected a whole number, found '18'; correct the value"),
    ("Width", 18.5, "expected a whole number, found 18.5; correct the value"),
    ("Width", 99999, "found: [Width] Value '99999' greater than allowed maximum '2048'"),
    ("ExposureTimeAbs", 1e12, "greater than allowed maximum"),
    ("ExposureTimeAbs", True, "expected a number, found True; correct the value"),
    ("TestBoolean", 1, "expected true or false, found 1; correct the value"),
    ("DeviceVendorName", "Me", "Write error on read only feature"),
    ("TriggerSoftware", 1, "expected a feature with a value, found none; correct its name"),
]


def test_what_a_feature_does_not_take_is_one_line_with_its_name(device):
    for name, value, words in REFUSED:
        found = refusal(device, name, value)
        assert found.startswith(f"{name}: ")
        assert words in found
    with pytest.raises(FeatureError, match=r"^TriggerSoft: "):
        device.execute("TriggerSoft")


def test_150_software_triggers_give_150_pictures_across_the_end_of_the_counter(camera):
    setup = CameraSetup(
        pixel_format="RGB8",
        settings=tuple(SIZE.items()),
        trigger=TriggerKind.SOFTWARE,
        timeout_s=PATIENT_S,
        exposure_s=PATIENT_S,
    )
    source = aravis_source(ADDRESS, setup)
    frames = source.frames()
    while isinstance(found := next(frames), Opening):
        pass
    assert found is None
    numbers = []
    for seq in range(1, 151):
        source.trigger(part_of(seq))
        while (frame := next(frames)) is None:
            pass
        assert (frame.asked_by, frame.complete, frame.unreadable) == (seq, True, None)
        np.testing.assert_array_equal(frame.pixels, picture(seq))
        numbers.append(frame.camera_frame)
    # the camera begins at 65401, and has 16 bits
    assert numbers == list(range(65401, 65551))
    frames.close()


def test_frames_have_the_size_and_format_that_was_set(device):
    for number, (name, dtype, shape) in enumerate((("Mono8", "u1", (40, 30)), ("Mono16", "<u2", (30, 50))), 1):
        device.write("TriggerMode", "On")
        device.write("TriggerSource", "Software")
        for feature, value in (("PixelFormat", name), ("Height", shape[0]), ("Width", shape[1])):
            device.write(feature, value)
        device.start()
        device.execute("TriggerSoftware")
        frame = device.fetch(PATIENT_S)
        device.stop()
        assert (frame.pixel_format, frame.height_px, frame.width_px, frame.complete) == (name, *shape, True)
        np.testing.assert_array_equal(frame.pixels, noise(number, frame.pixels.nbytes).view(dtype).reshape(shape))


def test_no_frame_of_before_a_stop_comes_after_the_next_start(device):
    for name, value in {**SIZE, "PixelFormat": "RGB8", "AcquisitionFrameRate": 50.0}.items():
        device.write(name, value)
    device.start()
    assert device.fetch(PATIENT_S).frame_id == 65401
    for _ in range(3):
        device.stop()
        device.stop()
        with pytest.raises(SourceLostError, match="found it stopped"):
            device.fetch(0)
        device.write("TriggerMode", "On")
        device.write("TriggerSource", "Software")
        device.start()
        assert device.fetch(0.05) is None
        device.write("TriggerMode", "Off")
        device.stop()
        device.start()
        assert device.fetch(PATIENT_S).complete


def test_a_frame_of_which_packets_are_missing_is_not_complete():
    with FakeCamera("--gvsp-lost-ratio", "100") as lossy:
        device = open_aravis(load(), ADDRESS, timeout_s=PATIENT_S)
        device.write("AcquisitionFrameRate", 100.0)
        device.start()
        broken = None
        while broken is None or broken.complete:
            broken = device.fetch(PATIENT_S)
        device.close()
        lossy.kill()
    assert broken.pixels.shape == (512, 512)
    assert broken.pixel_format == "Mono8"


def test_a_camera_that_another_program_has_is_not_opened(device):
    with pytest.raises(SourceLostError, match=f"^camera {ADDRESS}: expected control of it, found that another program"):
        open_aravis(load(), ADDRESS, timeout_s=PATIENT_S)
    # and the other program is not disturbed
    device.alive()
    assert device.read("Width") == 512


_PROGRAM = f"""
import sys
from goodpart_station.sources.aravis import open_aravis
from goodpart_station.sources.aravis_library import load
device = open_aravis(load(), {ADDRESS!r}, timeout_s={PATIENT_S})
device.start()
print(device.fetch({PATIENT_S}) is not None, flush=True)
sys.stdin.read()
"""


def test_a_camera_whose_program_was_killed_is_taken_over(camera):
    with subprocess.Popen([sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout.readline() == b"True\n"
        program.kill()
    device = None
    while device is None:
        # its heartbeat must run out first
        with contextlib.suppress(SourceLostError):
            device = open_aravis(load(), ADDRESS, timeout_s=PATIENT_S)
    # longer than from frame to frame: it would send to the dead program again as soon as it is controlled
    for _ in range(1000):
        device.read("Width")
    device.start()
    assert device.fetch(PATIENT_S) is not None
    device.close()


def found(serial, address):
    return Found(id=f"Maker-{serial}", serial=serial, address=address, physical="00:11")


TWO = [found("7", "10.0.0.1"), found("8", "10.0.0.2")]


def test_two_cameras_are_told_apart():
    assert only(TWO, "8") == only(TWO, "Maker-8") == "Maker-8"
    assert only(TWO[:1], None) == "Maker-7"
    assert only(TWO, "what its user calls it") == "what its user calls it"
    for cameras, name, words in (
        (TWO, None, "camera: expected one alone, found Maker-7 (10.0.0.1), Maker-8 (10.0.0.2); name one by its serial"),
        ([], None, "camera: expected one alone, found none; look at its power, cable and address"),
        (
            TWO,
            "00:11",
            "camera 00:11: expected one of this name, found Maker-7 (10.0.0.1), Maker-8 (10.0.0.2); name it",
        ),
    ):
        with pytest.raises(SourceLostError) as error:
            only(cameras, name)
        assert str(error.value).startswith(words)
