"""What `goodpart-station check` says of a file that is right in each key, and does not work as a whole."""

import re
from types import SimpleNamespace

import pytest

from goodpart import UsageError, read_bundle
from goodpart_station.check import _pace, check
from goodpart_station.cli.check import _announcer
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.config.stream import StreamTable
from goodpart_station.part import Frame
from goodpart_station.sources.aravis import open_aravis
from goodpart_station.sources.aravis_library import Found
from goodpart_station.sources.camera import CameraSource
from goodpart_station.sources.camera_check import _times
from goodpart_station.sources.camera_setup import CameraSetup, set_up
from goodpart_station.sources.device import FeatureError, unknown_feature
from goodpart_station.sources.pixels import misfit, misfit_size
from goodpart_station.sources.source import Look, SourceLostError
from small_camera import SmallDevice
from small_frames import draw_good
from station_parts import BUNDLE, Site


@pytest.mark.parametrize(
    ("trigger", "plc", "warns"),
    [
        ("software", (), True),
        ("hardware", (), True),
        ("none", (), False),
        ("software", ("modbus",), False),
        ("hardware", ("opcua",), False),
    ],
)
def test_a_trigger_that_nobody_can_give_is_a_warning(trigger, plc, warns):
    tables = {name: object() if name in plc else None for name in ("modbus", "opcua")}
    config = SimpleNamespace(source=SimpleNamespace(trigger=TriggerKind(trigger)), **tables)
    found = list(_announcer(config))
    assert [(one.name, one.passed, one.warns) for one in found] == [("trigger", True, True)] * warns
    for one in found:
        assert f'expected [plc.modbus] or [plc.opcua] beside "{trigger}", found neither; nobody can' in one.detail


@pytest.mark.parametrize(
    ("per_second", "slower", "words"),
    [
        (20.0, "rate = {}", "found 20.0 per second, and each is a part: set rate = 12, or less"),
        (
            14.6,
            "settings = {{ AcquisitionFrameRate = {} }}",
            "found 14.6 per second, and each is a part: set settings = { AcquisitionFrameRate = 12 }, or less",
        ),
        (14.5, "rate = {}", None),
        (None, "rate = {}", None),
    ],
)
def test_frames_that_come_faster_than_they_are_judged_are_a_warning(per_second, slower, words):
    look = Look(words="", per_second=per_second, slower=slower)
    found = list(_pace(look, {"product 1": 5.0, "product 2": 68.7}))
    assert [(one.name, one.passed, one.warns) for one in found] == [("pace of the source", True, True)] * bool(words)
    for one in found:
        assert one.detail == f"expected frames no faster than product 2 judges them, 68.7 ms (p99) each, {words}"


@pytest.mark.parametrize("trigger", [TriggerKind.NONE, TriggerKind.SOFTWARE])
def test_check_compares_the_pace_of_a_camera_that_runs_free_with_its_bundle(tmp_path, monkeypatch, trigger):
    monkeypatch.setattr("goodpart_station.check._FRAMES", 1)
    monkeypatch.setattr("goodpart_station.check.try_bundle", lambda folder, limits: None)
    # all frames are there at once: no judge is so fast
    device = SmallDevice(shoots=trigger is TriggerKind.SOFTWARE)
    for _ in range(20 * (trigger is TriggerKind.NONE)):
        device.shoot()
    site = Site(tmp_path)
    site.camera = CameraSource(lambda: device, CameraSetup(pixel_format="RGB8", trigger=trigger, exposure_s=60.0))
    found = [one for one in check(site.plan) if one.warns and one.name.endswith("of the source")]
    assert [one.name for one in found] == ["pace of the source"] * (trigger is TriggerKind.NONE)
    for one in found:
        assert "expected frames no faster than product 1 judges them" in one.detail
        assert "set settings = { AcquisitionFrameRate = " in one.detail


def test_a_window_that_leaves_little_to_spare_is_told_as_too_short():
    words, warning = _times([60.0, 80.0], pair_after_ms=100)
    assert words == "from trigger to frame 70.0 ms (p50), 80.0 ms (longest)"
    assert warning.startswith("pair_after_ms: expected 120 or more, the longest time and half of it again, found 100; ")
    words, warning = _times([60.0, 80.0], pair_after_ms=120)
    assert (words.endswith(": pair_after_ms 120 is enough (120 or more)"), warning) == (True, None)


def test_a_warning_about_the_window_is_a_line_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr("goodpart_station.check._product", lambda plan, product: iter(()))
    monkeypatch.setattr(CameraSource, "look", lambda self, bundles: Look(words="seen", warning="too short"))
    site = Site(tmp_path)
    site.camera = CameraSource(SmallDevice, CameraSetup(pixel_format="RGB8"))
    found = {one.name: one for one in check(site.plan)}
    assert (found["source"].detail, found["window of the source"].detail) == ("seen", "too short")
    assert (found["window of the source"].passed, found["window of the source"].warns) == (True, True)


class _Without(SmallDevice):
    """A camera that lacks a feature, or refuses a value as a library does."""

    def __init__(self, lacks=(), refuses=None):
        super().__init__()
        self.refuses = refuses
        for name in lacks:
            del self.features[name]

    def write(self, name, value):
        if name == self.refuses:
            raise FeatureError(f"{name}: expected one of Line0, Line2, found {value!r}; correct the value")
        super().write(name, value)


@pytest.mark.parametrize(
    ("device", "trigger", "words"),
    [
        (
            _Without(lacks=("TriggerMode", "TriggerSource")),
            TriggerKind.SOFTWARE,
            "trigger: expected the feature TriggerMode of this camera, found none; this camera has no trigger: set "
            'trigger = "none"',
        ),
        (
            _Without(refuses="TriggerSource"),
            TriggerKind.HARDWARE,
            "trigger_line: TriggerSource: expected one of Line0, Line2, found 'Line1'; set trigger_line to an input of "
            "this camera",
        ),
        (
            _Without(refuses="TriggerSource"),
            TriggerKind.SOFTWARE,
            "trigger: TriggerSource: expected one of Line0, Line2, found 'Software'; choose another trigger",
        ),
        # a camera that has a trigger and does not let it be set says so itself
        (
            _Without(refuses="TriggerMode"),
            TriggerKind.SOFTWARE,
            "TriggerMode: expected one of Line0, Line2, found 'On'; correct the value",
        ),
    ],
)
def test_a_camera_without_the_trigger_of_the_file_names_the_key(device, trigger, words):
    with pytest.raises(FeatureError) as error:
        set_up(device, CameraSetup(pixel_format="RGB8", trigger=trigger))
    assert str(error.value) == words


def test_a_name_without_a_near_one_points_to_the_manual():
    assert str(unknown_feature("Gian", ["Gain", "Width"])).endswith("; do you mean Gain?")
    assert str(unknown_feature("Xyzzy", iter(["Gain"]))).endswith("; the camera's manual has their names")


def test_a_stream_of_another_size_is_told_to_change_its_resolution():
    size = read_bundle(BUNDLE).manifest.checks.size
    assert misfit_size((48, 36), size, video=True).partition("; ")[2].startswith("set the resolution of the stream, or")
    assert misfit_size((48, 36), size).partition("; ")[2].startswith("set the camera's region and binning, or build")
    spec = read_bundle(BUNDLE).manifest.backbone.frame
    for bits, words in ((None, "set the resolution of the stream"), (8, "set the camera's region")):
        frame = Frame(pixels=draw_good(1, 48, 36), at_ns=0, channels=spec.channels, bits=bits)
        assert words in misfit(frame, spec, size)


def test_an_error_about_a_value_that_the_file_does_not_have_says_default():
    keys = {"url": "rtsp://host/camera", "trigger": TriggerKind.SOFTWARE, "latency_ms": 100.0}
    for window, words in ((None, "found 100 (default); no"), (90.0, "found 90; no")):
        with pytest.raises(UsageError, match=re.escape(words)):
            StreamTable(**keys, pair_after_ms=window)


def test_an_aravis_camera_that_is_there_and_does_not_answer_is_told_so(monkeypatch):
    class FailedError(Exception):
        message = "Can't connect"

    def new(name):
        raise FailedError

    there = Found(id="Basler-21", serial="21", address="192.168.20.2", physical="")
    monkeypatch.setattr("goodpart_station.sources.aravis.glib_error", lambda: FailedError)
    monkeypatch.setattr("goodpart_station.sources.aravis.cameras", lambda aravis: [there])
    monkeypatch.setattr("goodpart_station.sources.aravis_library.cameras", lambda aravis: [there])
    library = SimpleNamespace(Camera=SimpleNamespace(new=new))
    for wanted, words in (
        ("192.168.20.2", "camera 192.168.20.2: expected an answer from it, found that it is on the network and does"),
        ("21", "camera Basler-21: expected an answer from it, found that it is on the network and does not answer ("),
        ("22", "camera 22: expected it on the network, found Basler-21 (192.168.20.2) (Can't connect); look at its"),
    ):
        with pytest.raises(SourceLostError) as error:
            open_aravis(library, wanted, timeout_s=1.0)
        assert str(error.value).startswith(words)
