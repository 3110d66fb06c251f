"""Video files, which are recorded and never GOOD; a TCP stream; and video that is damaged."""

import contextlib
import socket
import subprocess
import threading

import av
import numpy as np
import pytest

from goodpart import read_bundle
from goodpart_station.codes import PartVerdict, State
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.sources.address import address_of
from goodpart_station.sources.source import Opening, SourceLostError
from goodpart_station.sources.stream import StreamSource
from goodpart_station.sources.video import Video
from peers import program
from small_stream import bars, coded, number_of, settings_of, stream_site
from station_parts import FIXTURES, Wants, until


def record(path, frames, *, fps=100, codec="libx264", gop=10):
    """Writes a video file."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.gop_size = gop
        if codec == "libx264":
            stream.codec_context.options = {"preset": "ultrafast", "crf": "10", "bf": "0"}
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def frames_of(source, most):
    """The first frames of a source."""
    found = []
    for frame in source.frames():
        if frame is not None and not isinstance(frame, Opening):
            found.append(frame)
        if len(found) == most:
            break
    return found


def test_a_file_plays_once_and_ends(tmp_path):
    path = record(tmp_path / "line.mp4", coded(30))
    source = StreamSource(settings_of(path, repeat=False), wanted=Wants())
    found = frames_of(source, 1000)
    assert [number_of(frame.pixels) for frame in found] == list(range(30))
    assert all(frame.complete for frame in found)
    assert (source.simulated, source.repeats) == (True, False)
    # at its own pace: 29 steps of 10 ms
    assert found[-1].at_ns - found[0].at_ns >= 250_000_000


def test_a_file_begins_again(tmp_path):
    path = record(tmp_path / "line.mp4", coded(12))
    source = StreamSource(settings_of(path), wanted=Wants())
    assert [number_of(frame.pixels) for frame in frames_of(source, 30)] == [number % 12 for number in range(30)]
    assert (source.simulated, source.repeats) == (True, True)


def test_some_frames_of_a_file(tmp_path):
    path = record(tmp_path / "line.mp4", coded(60))
    source = StreamSource(settings_of(path, rate=25, repeat=False), wanted=Wants())
    assert [number_of(frame.pixels) for frame in frames_of(source, 100)] == list(range(0, 60, 4))


def test_no_part_passes_by_a_file(tmp_path):
    path = record(tmp_path / "line.mp4", bars(), fps=20)
    site = stream_site(tmp_path, settings_of(path), trigger=TriggerKind.NONE)
    with site.running(State.READY):
        found = [site.records.next() for _ in range(12)]
    verdicts = {each.verdict for each in found}
    assert PartVerdict.GOOD not in verdicts
    assert PartVerdict.SIMULATED in verdicts
    assert all(each.simulated for each in found)


def test_a_reader_that_hangs_is_noticed_and_gets_no_second_one_beside_it(tmp_path):
    class Stuck(Wants):
        free = threading.Event()

        def spec(self, product=0):
            self.free.wait()
            return super().spec(product)

    path = record(tmp_path / "line.mp4", coded(30))
    source = StreamSource(settings_of(path, timeout_s=0.2), wanted=Stuck())
    try:
        with pytest.raises(SourceLostError, match=r"expected a frame within 0\.2 s"):
            frames_of(source, 1)
        with pytest.raises(SourceLostError, match="expected FFmpeg to come back, found that it hangs"):
            frames_of(source, 1)
        assert [thread.name for thread in threading.enumerate()].count("stream") == 1
    finally:
        Stuck.free.set()
    # and it goes on when the reader has come back
    assert len(frames_of(source, 3)) == 3


def test_a_fault_of_the_reader_is_no_end_of_the_stream(tmp_path):
    class Broken(Wants):
        def spec(self, product=0):
            raise RuntimeError("a fault of the test")

    path = record(tmp_path / "line.mp4", coded(3))
    with pytest.raises(RuntimeError, match="a fault of the test"):
        frames_of(StreamSource(settings_of(path), wanted=Broken()), 1)


def test_check_of_a_file(tmp_path, capfd):
    path = record(tmp_path / "line.avi", bars(), fps=20, codec="mjpeg")
    bundles = {"product 1": read_bundle(FIXTURES / "format_1")}
    found = StreamSource(settings_of(path), wanted=Wants()).check_against(bundles)
    assert found.startswith(f"{path}: mjpeg, 192x144 (HxW); yuvj420p, converted to uint8 RGB (H, W, 3) by BT.601")
    assert found.endswith("recorded: no verdict of it is GOOD")
    # each frame is a part, unless rate says otherwise
    for rate, per_second in ((None, 20.0), (5.0, 5.0), (50.0, 20.0)):
        look = StreamSource(settings_of(path, rate=rate), wanted=Wants()).look(bundles)
        assert (look.per_second, look.slower) == (pytest.approx(per_second), "rate = {}")
    # FFmpeg talks to nobody
    assert capfd.readouterr() == ("", "")


@contextlib.contextmanager
def sender(path):
    """ffmpeg as a TCP server that sends a file for ever, at its own pace."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"tcp://127.0.0.1:{port}"
    command = [program("ffmpeg"), "-v", "error", "-re", "-stream_loop", "-1", "-i", str(path), "-c", "copy"]
    process = subprocess.Popen([*command, "-f", "mpegts", f"{url}?listen=1"], stderr=subprocess.DEVNULL)
    try:
        yield url, process
    finally:
        process.kill()
        process.wait()


def test_a_tcp_stream_until_its_sender_is_killed(tmp_path):
    path = record(tmp_path / "line.mp4", coded(100), fps=25)
    with sender(path) as (url, process):
        source = StreamSource(settings_of(url, timeout_s=4.0), wanted=Wants())
        numbers: list[int] = []
        until(lambda: listens(url))
        with pytest.raises(SourceLostError, match=r"found (its end|none)"):
            for frame in source.frames():
                if frame is not None and not isinstance(frame, Opening):
                    numbers.append(number_of(frame.pixels))
                    if len(numbers) == 10:
                        process.kill()
    assert len(numbers) >= 10
    assert [number % 100 for number in range(numbers[0], numbers[0] + len(numbers))] == numbers
    assert not source.simulated


def listens(url):
    """Whether somebody listens there, without a connection: the sender takes one alone."""
    wanted = f":{int(url.rpartition(':')[2]):04X} "
    with open("/proc/net/tcp") as file:
        return any(wanted in line and " 0A " in line for line in file)


def test_damaged_video_is_incomplete_until_the_next_key_frame(tmp_path):
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (40, 64, 96, 3), dtype=np.uint8)
    path = record(tmp_path / "line.ts", noise, fps=25, gop=10)
    whole = flaws_of(path)
    assert whole == [None] * 40
    data = bytearray(path.read_bytes())
    # a few packets of the 15th frame, near the middle of the file, and never the headers of the container
    begin = len(data) * 14 // 40 // 188 * 188
    for place in range(begin, begin + 4 * 188, 188):
        data[place + 20 : place + 180] = rng.bytes(160)
    path.write_bytes(data)
    found = flaws_of(path)
    first = next(number for number, flaw in enumerate(found) if flaw is not None)
    assert 12 <= first <= 16
    # the frames that build on it are no better, and from the next key frame on all is well
    assert all(flaw is not None for flaw in found[first:20])
    assert found[20:] == [None] * len(found[20:])
    assert len(found[20:]) >= 19


def test_a_video_that_begins_between_two_key_frames(tmp_path):
    path = record(tmp_path / "line.ts", coded(40), fps=25, gop=10)
    data = path.read_bytes()
    cut = tmp_path / "cut.ts"
    # the tables of the container, and then what comes after the first key frame
    cut.write_bytes(data[: 3 * 188] + data[len(data) // 8 // 188 * 188 :])
    found = flaws_of(cut)
    assert found[-10:] == [None] * 10


def flaws_of(path):
    video = Video(address_of(path), str(path), options={}, open_s=10.0, read_s=10.0)
    try:
        return [picture.flaw for picture in video.pictures()]
    finally:
        video.close()
