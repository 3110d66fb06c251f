"""What can be wrong with a stream: one line each, in `check` and at run time, and never a password."""

import contextlib
import socket
import threading
import time
import traceback
from pathlib import Path

import av
import pytest

from goodpart_station.sources.source import SourceLostError
from goodpart_station.sources.stream import StreamSource
from small_stream import bars, camera, settings_of
from station_parts import Wants

PASSWORD = "s3cret@:/%41"


@contextlib.contextmanager
def peer(answer, *, scheme="rtsp"):
    """A server at a port of its own that does nothing but accept connections and say `answer`."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        held = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    held.append(connection)
                    if answer is not None:
                        if scheme == "rtsp":
                            # here the client speaks first
                            connection.recv(4096)
                        connection.sendall(answer)
                        connection.shutdown(socket.SHUT_RDWR)

        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            serving.join()
            for connection in held:
                connection.close()


def faults_of(settings):
    """What `check` and `frames` say, which must be the same."""
    source = StreamSource(settings, wanted=Wants())
    with pytest.raises(SourceLostError) as checked:
        source.check()
    with pytest.raises(SourceLostError) as run:
        for _ in source.frames():
            pass
    assert str(checked.value) == str(run.value)
    told = "".join(traceback.format_exception(checked.value)) + "".join(traceback.format_exception(run.value))
    assert "s3cret" not in told
    assert "\n" not in str(run.value)
    return str(run.value)


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        found = faults_of(settings_of(f"rtsp://127.0.0.1:{port}/camera", user="viewer", password=PASSWORD))
    assert found == (
        f"rtsp://127.0.0.1:{port}/camera: expected a video stream, found nobody who listens there (Connection "
        f"refused); look at camera and port"
    )


@pytest.mark.parametrize("scheme", ("rtsp", "tcp"))
def test_a_server_that_accepts_and_says_nothing(scheme):
    with peer(None) as port:
        url = f"{scheme}://127.0.0.1:{port}"
        began_s = time.monotonic()
        found = faults_of(settings_of(url, timeout_s=0.2))
        assert time.monotonic() - began_s >= 2 * 0.5
    assert found == f"{url}: expected a video stream, found nothing for 0.5 s; look at camera, network and address"


@pytest.mark.parametrize("scheme", ("rtsp", "tcp"))
@pytest.mark.parametrize("answer", (b"HTTP/1.0 200 OK\r\n\r\nhello", b"\x00" * 5000))
def test_a_server_that_is_no_camera(answer, scheme):
    with peer(answer, scheme=scheme) as port:
        url = f"{scheme}://127.0.0.1:{port}"
        assert faults_of(settings_of(url)).startswith(f"{url}: expected a video stream, found ")


def test_accounts_and_paths(tmp_path):
    with camera(tmp_path, bars(), "--password", PASSWORD) as server:
        no_access = f"{server.url}: expected a video stream, found no access; correct user and password_file"
        assert faults_of(settings_of(server.url)) == no_access
        assert faults_of(settings_of(server.url, user="viewer", password="s3cret")) == no_access
        assert faults_of(settings_of(server.url, user="nobody", password=PASSWORD)) == no_access
        other = server.url.replace("/camera", "/other")
        assert faults_of(settings_of(other, user="viewer", password=PASSWORD)) == (
            f"{other}: expected a video stream, found a server that knows no such path; correct the address"
        )
        found = StreamSource(settings_of(server.url, user="viewer", password=PASSWORD), wanted=Wants()).check()
        assert found.startswith(f"{server.url}: mjpeg, 192x144")
        assert "s3cret" not in found


def test_a_device_that_is_not_there():
    found = faults_of(settings_of(Path("/dev/video97")))
    assert found == "/dev/video97: expected a video stream, found none; connect the device, or correct the path"


def test_files_that_hold_no_video(tmp_path):
    text, sound = tmp_path / "text.mp4", tmp_path / "sound.wav"
    text.write_text("no video\n" * 100)
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame(format="s16", layout="mono", samples=1024)
        frame.rate = 8000
        container.mux(stream.encode(frame))
    for path in (text, sound):
        found = faults_of(settings_of(path))
        assert found.startswith(f"{path}: expected a video stream, found something else")


def test_a_stream_whose_frames_bear_no_times(tmp_path):
    with peer(elementary(200), scheme="tcp") as port:
        found = faults_of(settings_of(f"tcp://127.0.0.1:{port}"))
    assert found == f"tcp://127.0.0.1:{port}: expected a stream whose frames bear times, found frames without times"


def elementary(count):
    """H.264 without a container, and so without times."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = 64, 48, "yuv420p", 25
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
    frame = av.VideoFrame(64, 48, "yuv420p")
    packets = [bytes(packet) for number in range(count) for packet in encoder.encode(numbered(frame, number))]
    return b"".join(packets)


def numbered(frame, number):
    frame.pts = number
    return frame
