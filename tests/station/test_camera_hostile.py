"""Cameras at their worst: settings of another trigger, a process that hangs or cannot be started."""

import importlib.util
import signal
import socket
import subprocess
import sys

import pytest

from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.sources.aravis import AravisDevice
from goodpart_station.sources.camera import CameraSource
from goodpart_station.sources.camera_setup import CameraSetup, set_up
from goodpart_station.sources.device import Grabbed
from goodpart_station.sources.device_process import ProcessDevice
from goodpart_station.sources.device_talk import send
from goodpart_station.sources.image_files import NO_PIXELS
from goodpart_station.sources.source import Opening, SourceLostError
from small_camera import SmallDevice

HANGS = """
import ctypes, socket, sys
from goodpart_station.sources import genicam_child

class Hangs:
    def fetch(self, timeout_s):
        # as the bindings do, it holds Python's lock
        ctypes.PyDLL(None).pause()

genicam_child._HUNG_S = 0.1
genicam_child.serve(socket.socket(fileno=int(sys.argv[1])), Hangs())
"""


class OfSelector(SmallDevice):
    """A camera that has a delay for each trigger, as GenICam's naming convention says."""

    def write(self, name, value):
        super().write(name, value)
        if name == "TriggerDelay":
            self.features[f"TriggerDelay of {self.features['TriggerSelector']}"] = value


def test_settings_of_the_trigger_are_those_of_the_trigger_that_takes_a_frame():
    device = OfSelector(TriggerDelay=0.0, TriggerSelector="AcquisitionStart")
    set_up(device, CameraSetup(pixel_format="RGB8", settings=(("TriggerDelay", 250.0),), trigger=TriggerKind.HARDWARE))
    assert device.features["TriggerDelay of FrameStart"] == 250.0
    assert "TriggerDelay of AcquisitionStart" not in device.features


def test_a_frame_of_which_nothing_is_known_is_not_taken_for_a_changed_camera():
    device = SmallDevice()
    frames = CameraSource(lambda: device, CameraSetup(pixel_format="RGB8")).frames()
    while isinstance(next(frames), Opening):
        pass
    device.box.put(Grabbed(NO_PIXELS, 1, False, "", 0, 0))
    frame = next(found for found in frames if found is not None)
    assert not frame.complete
    assert frame.unreadable.startswith("frame: expected all of it, found that a part did not arrive")


def test_no_process_to_be_had_is_a_lost_camera_and_not_the_end_of_the_station(monkeypatch):
    def none_left(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", none_left)
    with pytest.raises(SourceLostError, match=r"found none \(Resource temporarily unavailable\); end other programs"):
        ProcessDevice("any", [], device=None)


def test_a_file_in_the_folder_of_the_start_takes_no_modules_place(tmp_path, monkeypatch):
    (tmp_path / "of_nobody.py").write_text("open('ran', 'w').close()")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceLostError):
        ProcessDevice("of_nobody", [], device=None)
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(importlib.util.find_spec("genicam") is None, reason="missing: the extra goodpart-station[genicam]")
def test_a_library_that_hangs_ends_with_its_process_when_the_station_is_gone():
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = subprocess.Popen([sys.executable, "-c", HANGS, str(theirs.fileno())], pass_fds=[theirs.fileno()])
        try:
            send(ours, {"do": "fetch", "with": [0.1]})
            assert process.wait(60) == -signal.SIGALRM
        finally:
            process.kill()
            process.wait()


class Buffers:
    """A stream of Aravis that has these buffers, of which those that are called "bad" hold no frame."""

    def __init__(self, *buffers):
        self.buffers, self.back = list(buffers), []

    def try_pop_buffer(self):
        return self.buffers.pop(0) if self.buffers else None

    def timeout_pop_buffer(self, timeout_us):
        return self.try_pop_buffer()

    def push_buffer(self, buffer):
        self.back.append(buffer)


@pytest.mark.parametrize("timeout_s", [0, 0.05])
def test_a_buffer_without_a_frame_does_not_hide_the_frame_behind_it(monkeypatch, timeout_s):
    device = AravisDevice.__new__(AravisDevice)
    device._stream = Buffers("bad", "bad", "frame of the part before", "bad")
    monkeypatch.setattr(device, "_grabbed", lambda buffer: None if buffer == "bad" else buffer, raising=False)
    # else the source would think that nothing waits, and take the frame for the next part's
    assert device.fetch(timeout_s) == "frame of the part before"
    assert device.fetch(timeout_s) is None
    assert len(device._stream.back) == 4
