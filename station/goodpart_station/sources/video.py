"""Video as FFmpeg reads it, through PyAV: the one place that opens and decodes. One thread uses a `Video`."""

import contextlib
import dataclasses
import errno
import logging
import statistics
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from goodpart.errors import MissingExtraError
from goodpart_station.sources.address import Address, StreamKind
from goodpart_station.sources.source import SourceLostError

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_HARMLESS = frozenset({"swscaler"})
"""Parts of FFmpeg whose messages say nothing about what has arrived."""

_DEMUXERS = frozenset({"rtsp", "sdp", "rtp", "mpegts", "tcp", "udp"})
"""Parts whose warnings, too, mean that something was lost, such as "RTP: missed 3 packets"."""

_NS = 1_000_000_000

_GAP = 1.75
"""Frames are missing where the time between two is longer than so many times the usual one."""

_UNSTAMPED_MOST = 50
"""A stream whose frames bear no times can start with a few of them. More are refused: they could not be dated."""


def load_av() -> Any:
    """The av module, whose messages go nowhere but to `av.logging.Capture`.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise MissingExtraError(
            '[source] kind = "stream": expected the library PyAV, found none; install the extra stream of '
            "goodpart-station"
        ) from error
    # FFmpeg's messages may hold a password, and have no place in the journal
    logging.getLogger("libav").setLevel(logging.CRITICAL + 1)
    av.logging.set_level(av.logging.WARNING)
    # a loss that is told a second time in the same words is a second loss
    av.logging.set_skip_repeated(False)
    return av


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One decoded frame.

    Attributes:
        frame: as FFmpeg decoded it.
        stamp_ns: its time stamp, of the sender's clock.
        arrived_ns: CLOCK_MONOTONIC at which its last bytes were here and decoded.
        key: whether it stands for itself, without the frames before it.
        flaw: what is wrong with it or with a frame that it builds on, or None.
    """

    frame: "VideoFrame"
    stamp_ns: int
    arrived_ns: int
    key: bool
    flaw: str | None


class Video:
    """An opened stream.

    Attributes:
        codec: as FFmpeg calls it.
    """

    def __init__(self, address: Address, url: str, *, options: Mapping[str, str], open_s: float, read_s: float) -> None:
        """Opens the stream. It takes no longer than `open_s`, but for a name server that does not answer.

        Args:
            address: where it comes from, for messages.
            url: the same with user and password.
            options: of FFmpeg.
            open_s, read_s: how long the opening and each reading may take.

        Raises:
            SourceLostError: it cannot be opened, or holds no video.
            MissingExtraError: PyAV is not installed.
        """
        self._av, self._address, self._read_s = load_av(), address, read_s
        self._stack = contextlib.ExitStack()
        self._said = self._stack.enter_context(self._av.logging.Capture())
        began_s = time.monotonic()
        try:
            self._container = self._av.open(
                url, format=_FORMATS.get(address.kind), options=dict(options), timeout=(open_s, read_s)
            )
        except (self._av.error.FFmpegError, OSError) as error:
            self._stack.close()
            found = _words(self._av, error, waited=time.monotonic() - began_s >= 0.9 * open_s, limit_s=open_s)
            # FFmpeg's own error holds the address with the password
            raise self._lost(found) from None
        self._stack.callback(self._container.close)
        if not self._container.streams.video:
            self._stack.close()
            raise self._lost("something else, such as sound alone; correct the address")
        self._stream = self._container.streams.video[0]
        context = self._stream.codec_context
        # one thread: no frame waits for the next one, and all messages belong to the frame at hand
        context.thread_count, context.thread_type = 1, "SLICE"
        self.codec: str = context.name

    def close(self) -> None:
        """Lets the stream go. Only the thread that opened it may do this."""
        self._stack.close()

    def pictures(self) -> Iterator[Picture]:
        """The frames in their order, until the end of a file.

        Raises:
            SourceLostError: the stream has ended or hangs, or its frames bear no times.
        """
        flaws = _Flaws(steady=self._address.live)
        unstamped = 0
        for packet in self._packets():
            arrived_ns = time.monotonic_ns()
            for frame in self._decoded(packet, flaws):
                if frame.pts is None or frame.time_base is None:
                    unstamped += 1
                    if unstamped > _UNSTAMPED_MOST:
                        raise self._lost("frames without times", expected="a stream whose frames bear times")
                    continue
                stamp_ns = int(frame.pts * frame.time_base * _NS)
                flaw = flaws.of(frame, stamp_ns)
                yield Picture(frame, stamp_ns, arrived_ns, bool(frame.key_frame), flaw)
        if self._address.live:
            raise self._lost("its end; look at the camera and its server")

    def _decoded(self, packet: "Packet[VideoStream]", flaws: "_Flaws") -> "list[VideoFrame]":
        """The frames that are whole with this packet; what is wrong with it is noted."""
        frames: list[VideoFrame] = []
        try:
            frames = [frame for frame in packet.decode() if isinstance(frame, self._av.VideoFrame)]
        except self._av.error.FFmpegError as error:
            flaws.note(error.strerror or "data that cannot be decoded", packet)
        for level, part, text in self._said:
            loud = self._av.logging.WARNING if part in _DEMUXERS else self._av.logging.ERROR
            if level <= loud and part not in _HARMLESS:
                flaws.note(text.strip(), packet)
        self._said.clear()
        if packet.is_corrupt:
            flaws.note("a damaged packet", packet)
        return frames

    def _packets(self) -> "Iterator[Packet[VideoStream]]":
        packets = self._container.demux(self._stream)
        while True:
            began_s = time.monotonic()
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (self._av.error.FFmpegError, OSError) as error:
                waited = time.monotonic() - began_s >= 0.9 * self._read_s
                raise self._lost(_words(self._av, error, waited=waited, limit_s=self._read_s)) from None
            yield packet

    def _lost(self, found: str, *, expected: str = "a video stream") -> SourceLostError:
        return SourceLostError(f"{self._address.shown}: expected {expected}, found {found}")


class _Flaws:
    """What is wrong with the frames: from a loss on until the next key frame, because frames build on those before."""

    def __init__(self, *, steady: bool) -> None:
        self._steady = steady
        # a stream may begin between two key frames
        self._flaw: str | None = "no frame yet that stands for itself"
        self._since_ns: int | None = None
        self._last_ns: int | None = None
        self._steps_ns: deque[int] = deque(maxlen=15)

    def note(self, flaw: str, packet: "Packet[VideoStream]") -> None:
        """A packet is damaged, or something is missing before it."""
        stamp = packet.dts if packet.pts is None else packet.pts
        stamp_ns = self._last_ns if stamp is None or packet.time_base is None else int(stamp * packet.time_base * _NS)
        if stamp_ns is not None and (self._flaw is None or self._since_ns is None or stamp_ns > self._since_ns):
            self._since_ns = stamp_ns
        self._flaw = flaw

    def of(self, frame: "VideoFrame", stamp_ns: int) -> str | None:
        """What is wrong with the next frame."""
        missing = self._gap(stamp_ns)
        if missing is not None:
            self._flaw, self._since_ns = missing, stamp_ns
        # a decoder may give a key frame after it has got later packets, and a loss in those is not over with it
        elif frame.key_frame and (self._since_ns is None or stamp_ns > self._since_ns):
            self._flaw = None
        self._last_ns = stamp_ns
        return "the decoder calls it damaged" if frame.is_corrupt and self._flaw is None else self._flaw

    def _gap(self, stamp_ns: int) -> str | None:
        if not self._steady or self._last_ns is None:
            return None
        step_ns, usual_ns = stamp_ns - self._last_ns, statistics.median(self._steps_ns or [0])
        full = len(self._steps_ns) == self._steps_ns.maxlen
        self._steps_ns.append(step_ns)
        if full and step_ns > _GAP * usual_ns:
            return f"no frame for {step_ns / 1e6:.0f} ms before it, where {usual_ns / 1e6:.0f} ms are usual"
        return None


_FORMATS = {StreamKind.RTSP: "rtsp", StreamKind.DEVICE: "v4l2"}
"""What FFmpeg must take a stream for, where it is not to guess."""


def _words(av: Any, error: Exception, *, waited: bool, limit_s: float) -> str:
    """An error of FFmpeg in words, without the address that it was given."""
    match error:
        case av.error.HTTPUnauthorizedError() | av.error.HTTPForbiddenError():
            return "no access; correct user and password_file"
        case av.error.HTTPNotFoundError():
            return "a server that knows no such path; correct the address"
        case _ if waited or isinstance(error, av.error.ExitError):
            return f"nothing for {limit_s:g} s; look at camera, network and address"
        case ConnectionRefusedError():
            return "nobody who listens there (Connection refused); look at camera and port"
        case FileNotFoundError():
            return "none; connect the device, or correct the path"
        case OSError(errno=errno.EBUSY):
            return "a device that another program holds; end that program"
        case av.error.InvalidDataError():
            return "something else; correct the address"
        case av.error.EOFError():
            return "its end; look at the camera and its server"
    words = getattr(error, "strerror", None) or type(error).__name__
    return f"none ({words}); look at camera, network and address"
