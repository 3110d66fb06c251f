"""Streams for tests: an RTSP server as a process, coded frames, and a station that judges what comes."""

import contextlib
import dataclasses
import functools
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from goodpart import Store, read_bundle
from goodpart_station.sources.address import address_of
from goodpart_station.sources.source import Wanted
from goodpart_station.sources.stream import StreamSource
from goodpart_station.sources.stream_settings import StreamSettings, options_of
from small_frames import HEIGHT_PX, WIDTH_PX, draw_defect, draw_small
from station_parts import FIXTURES, Bar, Site

SERVER = Path(__file__).with_name("rtsp_server.py")
DEBIAN_PYTHON = "/usr/bin/python3"
TIMES = 8
"""How many times larger than the bundle's the frames are: RTP takes JPEG in steps of 8 pixels alone."""

_CELL_PX, _BITS = 16, 8


def bars(count: int = 20) -> npt.NDArray[np.uint8]:
    """`(N, 192, 144, 3)` good bars and, at odd numbers, bars with a hole."""
    rows, columns = np.arange(HEIGHT_PX * TIMES) // TIMES, np.arange(WIDTH_PX * TIMES) // TIMES
    drawn = [draw_defect(seed) if seed % 2 else draw_small(seed) for seed in range(count)]
    return np.stack([frame[rows[:, np.newaxis], columns] for frame in drawn])


def coded(count: int = 2**_BITS) -> npt.NDArray[np.uint8]:
    """`(N, 32, 128, 3)` frames that show their number as bright and dark cells."""
    numbers = np.arange(count)[:, np.newaxis] >> np.arange(_BITS) & 1
    cells = np.where(numbers == 1, 220, 30).astype(np.uint8)
    rows = np.repeat(cells, _CELL_PX, axis=1)[:, np.newaxis, :, np.newaxis]
    return np.broadcast_to(rows, (count, 2 * _CELL_PX, _BITS * _CELL_PX, 3)).copy()


def number_of(pixels: npt.NDArray[np.uint8]) -> int:
    """The number that a coded frame shows."""
    middle = pixels[_CELL_PX, _CELL_PX // 2 :: _CELL_PX, 0] > 128
    return int(middle @ (1 << np.arange(_BITS)))


class Camera:
    """An RTSP server that runs.

    Attributes:
        url: of its stream.
        taken_ns: CLOCK_MONOTONIC at which it took each frame, by the frame's number.
    """

    def __init__(self, frames: Path, size: str, *options: str, port: str = "0") -> None:
        self._arguments = [str(SERVER), str(frames), size, *options]
        self.taken_ns: dict[int, int] = {}
        self._start(port)

    def _start(self, port: str) -> None:
        self._process = subprocess.Popen(
            [DEBIAN_PYTHON, *self._arguments, "--port", port], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = self._process.stdout.readline().strip()
        assert self.port, "the server did not start"
        self.url = f"rtsp://127.0.0.1:{self.port}/camera"
        self._reading = threading.Thread(target=self._read, args=(self._process.stdout,))
        self._reading.start()

    def _read(self, lines: Iterator[str]) -> None:
        for line in lines:
            number, taken_ns = line.split()
            self.taken_ns[int(number)] = int(taken_ns)

    def stop(self) -> None:
        """Nothing comes from it any more, and its connections stay."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After `stop`."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()
        self._process.wait()
        self._reading.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def start_again(self) -> None:
        """After `kill`, at the same address."""
        self._start(self.port)


@contextlib.contextmanager
def camera(folder: Path, frames: npt.NDArray[np.uint8], *options: str) -> Iterator[Camera]:
    """An RTSP server that shows these frames for ever, or skips."""
    if not Path(DEBIAN_PYTHON).exists() or _debian("import gi; gi.require_version('GstRtspServer', '1.0')") != 0:
        pytest.skip("missing: gst-rtsp-server for python3 (Debian: apt install python3-gi gir1.2-gst-rtsp-server-1.0)")
    if "h264" in options and _debian(_HAS_H264) != 0:
        pytest.skip("missing: an H.264 encoder of GStreamer (Debian: apt install gstreamer1.0-plugins-bad)")
    raw = folder / "frames.raw"
    raw.write_bytes(frames.tobytes())
    running = Camera(raw, f"{frames.shape[2]}x{frames.shape[1]}", *options)
    try:
        yield running
    finally:
        running.kill()


_HAS_H264 = (
    "import gi, sys; gi.require_version('Gst', '1.0'); from gi.repository import Gst; Gst.init(None); "
    "sys.exit(Gst.ElementFactory.find('openh264enc') is None)"
)


@functools.cache
def _debian(program: str) -> int:
    return subprocess.run([DEBIAN_PYTHON, "-c", program], stderr=subprocess.DEVNULL, check=False).returncode


def settings_of(url: str | Path, *, transport: str = "tcp", **others: object) -> StreamSettings:
    """The settings of a stream, as the station's file gives them."""
    address = address_of(url)
    options = options_of(address, transport=transport, input_format=None, size=None, fps=None)
    return StreamSettings(address=address, options=options, **others)  # type: ignore[arg-type]


def bar_store(folder: Path) -> Store:
    """A store with the small bundle that takes frames of any size."""
    bundle = FIXTURES / "format_1"
    place = folder / "bundles" / read_bundle(bundle).digest
    shutil.copytree(bundle, place)
    (folder / "lock").touch()
    store = Store(folder)
    store.change(lambda state: state.forward(place.name, 1, "bar"))
    return store


def stream_site(
    folder: Path, settings: StreamSettings, *, store: Callable[[Path], Store] = bar_store, **rules: object
) -> Site:
    """A station on a stream."""
    site = Site(folder, **rules)  # type: ignore[arg-type]
    opened = store(folder / "bar")

    def source(wanted: Wanted) -> StreamSource:
        return StreamSource(settings, wanted=wanted)

    site.plan = dataclasses.replace(
        site.plan,
        products=(Bar(1),),
        store_of=lambda number: opened,
        source=source,
        source_timeout_s=settings.timeout_s,
    )
    return site


class Wire:
    """A network between a server at a port and one client, which a test can hold up.

    Attributes:
        port: where the client connects to.
        open: while this is not set, what the server sends waits.
    """

    def __init__(self, server_port: int) -> None:
        self.open = threading.Event()
        self.open.set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._server_port = server_port
        self._threads = [threading.Thread(target=self._serve)]
        self._sockets = [self._listening]
        self._threads[0].start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            client, _ = self._listening.accept()
            server = socket.create_connection(("127.0.0.1", self._server_port))
            self._sockets += [client, server]
            back = threading.Thread(target=self._carry, args=(server, client, self.open))
            self._threads.append(back)
            back.start()
            self._carry(client, server, None)

    def _carry(self, source: socket.socket, target: socket.socket, gate: threading.Event | None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if gate is not None:
                    gate.wait()
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends all connections."""
        self.open.set()
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()
