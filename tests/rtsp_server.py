"""An RTSP server as a process of its own, for tests of the stream source. It runs with Debian's Python and gi.

    /usr/bin/python3 tests/rtsp_server.py FRAMES WIDTHxHEIGHT [--fps 20] [--codec jpeg] [--delay-ms 0] [--password WORD]

FRAMES holds raw RGB frames one after the other; the server shows them in turn for ever. It prints its port first, and
then a line "NUMBER TIME" for each frame that it takes: which one, and CLOCK_MONOTONIC in nanoseconds. With a delay each
frame leaves so long after it was taken, as from a camera with a slow encoder.
"""

import argparse
import time
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - the versions come first

CODECS = {
    # without I420 rtpjpegpay refuses what jpegenc makes
    "jpeg": "video/x-raw,format=I420 ! jpegenc quality=100 ! rtpjpegpay name=pay0 pt=26",
    "h264": "video/x-raw,format=I420 ! openh264enc bitrate=4000000 gop-size=10 ! rtph264pay name=pay0 pt=96",
}


class Frames(GstRtspServer.RTSPMediaFactory):
    """Makes the pipeline, and feeds it."""

    def __init__(self, data: bytes, width: int, height: int, options: argparse.Namespace) -> None:
        super().__init__()
        self._size = width * height * 3
        self._data, self._fps = data, options.fps
        self._number = 0
        delay_ns = int(options.delay_ms * 1e6)
        self.set_shared(True)
        self.set_launch(
            f"( appsrc name=camera is-live=true format=time do-timestamp=true "
            f"caps=video/x-raw,format=RGB,width={width},height={height},framerate={options.fps}/1 ! "
            f"queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 min-threshold-time={delay_ns} ! "
            f"videoconvert ! {CODECS[options.codec]} )"
        )

    def feed(self, media: GstRtspServer.RTSPMedia) -> None:
        """Starts to take frames when the first client comes, and ends with the last."""
        camera = media.get_element().get_by_name_recurse_up("camera")
        timer = GLib.timeout_add(int(1000 / self._fps), self._take, camera)
        media.connect("unprepared", lambda *_: GLib.source_remove(timer))

    def _take(self, camera: Gst.Element) -> bool:
        count = len(self._data) // self._size
        start = self._number % count * self._size
        print(self._number, time.monotonic_ns(), flush=True)
        camera.emit("push-buffer", Gst.Buffer.new_wrapped(self._data[start : start + self._size]))
        self._number += 1
        return True


def main() -> None:
    """Serves until it is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("frames", type=Path)
    parser.add_argument("size")
    parser.add_argument("--fps", type=int, default=20)
    parser.add_argument("--codec", choices=CODECS, default="jpeg")
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--password", help="of the user 'viewer'")
    parser.add_argument("--port", default="0", help="0 for any that is free")
    options = parser.parse_args()
    Gst.init(None)
    width, height = map(int, options.size.split("x"))
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    factory = Frames(options.frames.read_bytes(), width, height, options)
    factory.connect("media-configure", lambda it, media: it.feed(media))
    if options.password is not None:
        _lock(server, factory, options.password)
    server.get_mount_points().add_factory("/camera", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


def _lock(server: GstRtspServer.RTSPServer, factory: Frames, password: str) -> None:
    auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic("viewer", password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)


if __name__ == "__main__":
    main()
