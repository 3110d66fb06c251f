"""Pictures before there is a bundle: the camera of a station's file, and whole PNG files in a folder."""

import os
import re
import signal

import cv2
import numpy as np
import pytest

import goodpart_station.cli.grab
import goodpart_station.grab
from goodpart import UsageError
from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart.frames.images import ImageReader
from goodpart_station import station
from goodpart_station.cli.main import main
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.grab import Grab
from goodpart_station.part import Frame
from goodpart_station.running import held_alone
from goodpart_station.sources.camera import CameraSource
from goodpart_station.sources.image_files import NO_PIXELS
from goodpart_station.sources.source import SourceLostError
from small_camera import SmallDevice, grabbed
from small_frames import draw_small
from station_files import LEAST

CAMERA = """\
[source]
kind = "aravis"
pixel_format = "{pixel_format}"
trigger = "{trigger}"
"""


class Shooting(SmallDevice):
    """A camera of any pixel format; without triggers a frame is there whenever somebody waits for one."""

    def __init__(self, pixel_format="RGB8", *, free=False, **features):
        super().__init__(**features)
        self.pixel_format, self.free, self.shots = pixel_format, free, []

    def shoot(self, seed=None, **facts):
        self.count += 1
        self.shots.append(self.draw(len(self.shots)))
        self.box.put(grabbed(self.shots[-1], self.count, pixel_format=self.pixel_format, **facts))

    def draw(self, seed):
        if self.pixel_format == "Mono12":
            return np.random.default_rng(seed).integers(0, 4096, (24, 18), dtype=np.uint16)
        return draw_small(seed)[:, :, 0] if self.pixel_format == "Mono8" else draw_small(seed)

    def fetch(self, timeout_s):
        if self.free and timeout_s > 0 and self.box.empty():
            self.shoot()
        return super().fetch(0 if self.free else timeout_s)


@pytest.fixture
def grab(tmp_path, monkeypatch, capsys):
    """Runs the command with a camera, and returns its exit code, what it says, and its errors."""

    def runs(device, *options, trigger="software", pixel_format="RGB8"):
        monkeypatch.setattr(station, "aravis_source", lambda name, setup: CameraSource(lambda: device, setup))
        file = tmp_path / "line.toml"
        head = LEAST.partition("[source]")[0]
        after = "pair_after_ms = 60000" if trigger == "software" else ""
        file.write_text(head + CAMERA.format(pixel_format=pixel_format, trigger=trigger) + after)
        code = main(["grab", str(file), "--out", str(tmp_path / "good"), *options])
        said = capsys.readouterr()
        return code, said.out, said.err

    return runs


def files(tmp_path):
    return sorted((tmp_path / "good").iterdir())


@pytest.mark.parametrize(
    ("pixel_format", "channels", "dtype"),
    [
        ("RGB8", Channels.RGB, PixelType.UINT8),
        ("BGR8", Channels.BGR, PixelType.UINT8),
        ("Mono8", Channels.GRAY, PixelType.UINT8),
        ("Mono12", Channels.GRAY, PixelType.UINT16),
    ],
)
def test_a_bundle_reads_what_the_camera_gave(grab, tmp_path, pixel_format, channels, dtype):
    device = Shooting(pixel_format)
    code, said, _ = grab(device, "--count", "3", pixel_format=pixel_format)
    assert code == 0
    spec = FrameSpec(
        channels=channels, dtype=dtype, value_range=(0, 4095) if dtype is PixelType.UINT16 else None, roi=None
    )
    # sorted by name they are in the order of their exposures, one for each picture
    read = [ImageReader().read(path, spec) for path in files(tmp_path)]
    assert [pixels.tobytes() for pixels in read] == [shot.tobytes() for shot in device.shots]
    assert (len(read), device.told.count("TriggerSoftware")) == (3, 3)
    assert not device.is_open
    assert f"24x18 (HxW) {dtype.value} {channels.value}" in said
    assert f"--channels {channels.value}" in said
    assert ("--dtype uint16 --value-range 0,4095" in said) == (dtype is PixelType.UINT16)
    # neither a store nor anything else of a station
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["station.lock"]


def test_incomplete_frames_are_counted_and_not_written(grab, tmp_path):
    device = Shooting(free=True)
    whole, plain = iter([False, True, False]), device.shoot
    device.shoot = lambda: plain(complete=next(whole, True))
    code, said, _ = grab(device, "--count", "3", trigger="none")
    assert code == 0
    assert "pictures    3 of 3" in said
    assert "left out 2: 2 incomplete" in said
    assert [path.suffix for path in files(tmp_path)] == [".png"] * 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_whole_files_and_a_free_camera(grab, tmp_path, number):
    device = Shooting()
    plain, before = device.execute, signal.getsignal(number)
    # it comes in the middle of a talk with the camera, which ends as always
    device.execute = lambda name: [os.kill(os.getpid(), number) if len(device.shots) == 2 else None, plain(name)]
    code, said, errors = grab(device)
    assert (code, errors) == (130, "goodpart-station: interrupted; nothing half-written is left\n")
    assert signal.getsignal(number) is before
    found = re.search(rf"pictures    (\d+) of 100 in {tmp_path / 'good'}\n", said)
    assert found is not None
    assert len(files(tmp_path)) == int(found[1]) == 2
    assert all(cv2.imread(str(path)).shape == (24, 18, 3) for path in files(tmp_path))
    assert device.told[-1] == "close"


def test_a_lost_camera_is_one_line_and_the_pictures_stay(grab, tmp_path):
    device = Shooting()
    plain = device.execute
    device.execute = lambda name: plain(name) if len(device.shots) < 2 else device.box.put(SourceLostError("gone"))
    code, said, errors = grab(device)
    assert (code, errors) == (2, "goodpart-station: camera Small SN1: gone\n")
    assert "pictures    2 of 100" in said
    assert len(files(tmp_path)) == 2


def test_a_disk_that_takes_no_more(grab, tmp_path, monkeypatch):
    def full(path, data):
        raise UsageError(f"{path.name}: expected a disk that takes it")

    monkeypatch.setattr(goodpart_station.grab, "write_file", full)
    code, said, errors = grab(Shooting(), "--count", "30")
    assert code == 2
    assert "expected a disk that takes it" in errors
    assert "pictures    0" not in said


def test_the_folder_must_be_new_or_empty(grab, tmp_path):
    (tmp_path / "good").mkdir()
    assert grab(Shooting(), "--count", "1")[0] == 0
    code, _, errors = grab(device := Shooting(), "--count", "1")
    assert code == 2
    assert errors.endswith("good: expected a new or empty folder, found files in it; name another\n")
    assert device.told == []


def test_a_station_that_runs_has_the_camera(grab, tmp_path):
    with held_alone(tmp_path / "var"):
        code, _, errors = grab(device := Shooting())
    assert code == 2
    assert "expected no other station on this folder, found one that runs" in errors
    assert device.told == []
    assert not (tmp_path / "good").exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--count", "0"], "--count: expected 1 to 100000, found 0"),
        (["--every", "-1"], "--every: expected 0 to 86400 seconds, found -1"),
        (["--every", "nan"], "--every: expected 0 to 86400 seconds, found nan"),
        (["--channels", "BGR"], "--channels: expected a stream, found a camera"),
        (["--dtype", "uint16"], "--dtype: expected a stream, found a camera"),
    ],
)
def test_wrong_options(grab, options, expected):
    code, _, errors = grab(device := Shooting(), *options)
    assert (code, errors.count("\n")) == (2, 1)
    assert expected in errors
    assert device.told == []


def test_it_tells_how_far_it_is(grab, monkeypatch):
    monkeypatch.setattr(goodpart_station.cli.grab, "_PATIENCE_S", -1.0)
    _, said, errors = grab(Shooting(), "--count", "3")
    assert "goodpart-station grab: 0 of 3 pictures\n" in errors
    assert re.search(r"grab: 2 of 3 pictures; about \d+ s to go\n", errors)
    assert "grab:" not in said


@pytest.mark.parametrize("kind", ["folder", "replay"])
def test_a_folder_has_its_files_already(tmp_path, capsys, kind):
    (tmp_path / "line.toml").write_text(LEAST.replace('"folder"', f'"{kind}"'))
    assert main(["grab", str(tmp_path / "line.toml"), "--out", str(tmp_path / "good")]) == 2
    assert re.search(
        r"found \"\w+\", whose pictures are files already; use the files in \S+\n$", capsys.readouterr().err
    )


class Given:
    """A source that gives what a test says, and notes what it is asked."""

    def __init__(self, *frames):
        self.given, self.asked = frames, []

    def frames(self):
        for frame in self.given:
            yield frame() if callable(frame) else frame

    def trigger(self, part):
        self.asked.append(part)

    def done(self, frame):
        pass


def frame_at(at_s, **facts):
    return Frame(pixels=draw_small(0), at_ns=round(at_s * 1e9), channels=Channels.RGB, **facts)


def taken(source, out, trigger=TriggerKind.NONE, **facts):
    job = Grab(source, out, **{"trigger": trigger, "after_ns": 10**12, "count": 100, "every_s": 0.0, **facts})
    job.run(lambda: None)
    return job


@pytest.mark.parametrize("trigger", [TriggerKind.NONE, TriggerKind.HARDWARE])
def test_not_oftener_than_every_and_never_a_trigger(tmp_path, trigger):
    source = Given(*map(frame_at, (1, 1.4, 2.0, 2.9, 3.3, 4.2, 4.4)), frame_at(9, stray=True))
    job = taken(source, tmp_path / "good", trigger, every_s=1.0)
    assert (job.written, job.left_out, source.asked) == (4, {"stray": 1}, [])


def test_not_oftener_than_every_with_a_software_trigger(tmp_path):
    source = Given(None, lambda: frame_at(1, asked_by=source.asked[-1].seq), None, None, None)
    job = taken(source, tmp_path / "good", TriggerKind.SOFTWARE, every_s=3600.0)
    assert (job.written, len(source.asked)) == (1, 1)


def test_the_next_exposure_waits_for_the_frame_of_the_last(tmp_path):
    source = Given(None, None, None, frame_at(1, asked_by=0), lambda: frame_at(2, asked_by=source.asked[-1].seq), None)
    job = taken(source, tmp_path / "good", TriggerKind.SOFTWARE)
    assert (job.written, job.left_out, [part.seq for part in source.asked]) == (1, {"stray": 1}, [1, 2])


def test_triggers_without_a_frame_end(tmp_path, monkeypatch):
    monkeypatch.setattr(goodpart_station.grab, "_SLACK_NS", 0)
    source = Given(*[None] * 100_000)
    with pytest.raises(UsageError, match="found none for 20 triggers in a row; raise pair_after_ms"):
        taken(source, tmp_path / "good", TriggerKind.SOFTWARE, after_ns=0)
    assert len(source.asked) == 20


def test_frames_that_cannot_be_read_end_with_their_reason(tmp_path):
    wrong = Frame(pixels=NO_PIXELS, at_ns=1, unreadable="expected 8 bits, found 10")
    with pytest.raises(UsageError, match="source: expected 8 bits, found 10"):
        taken(Given(*[wrong] * 20), tmp_path / "good")
    job = taken(Given(*[wrong] * 19, frame_at(1), *[wrong] * 19), tmp_path / "better")
    assert (job.written, job.left_out) == (1, {"unreadable": 38})
