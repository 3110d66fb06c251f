"""The thread that reads and decodes a stream. The source's own thread takes frames from it, and shows life."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from goodpart_station.part import Frame
from goodpart_station.sources.address import Address, StreamKind
from goodpart_station.sources.dating import Dating
from goodpart_station.sources.source import POLL_S, SourceLostError
from goodpart_station.sources.video import Picture, Video

_WAITING = 4
"""How many frames may wait for the source's thread. They are never replaced by newer ones: then the reader waits."""

SAME_CLOCK_NS = 2_000_000_000
"""A device's time stamp that lies so close before the frame's arrival is one of CLOCK_MONOTONIC, as drivers use it."""

Taker = Callable[[Picture, int], Frame | None]
"""Makes a frame of a picture and the time at which it was exposed at the earliest, or None if nobody wants it."""


class Reader:
    """Reads one opening of a stream, from beginning to end.

    Attributes:
        settled: whether frames are dated well enough to be used.
        last_ns: CLOCK_MONOTONIC at which the last frame came, or at which the opening began.
        failure: what ended it, None while it runs and at the end of a file.
    """

    def __init__(
        self,
        address: Address,
        url: str,
        *,
        options: Mapping[str, str],
        open_s: float,
        read_s: float,
        latency_ns: int,
        repeat: bool,
        take: Taker,
    ) -> None:
        """Starts the thread.

        Args:
            address, url, options, open_s, read_s: as for `Video`.
            latency_ns: as for `Dating`.
            repeat: whether a file begins again at its end.
            take: makes the frames. The thread of the reader calls it.
        """
        self._address, self._url, self._options = address, url, options
        self._open_s, self._read_s = open_s, read_s
        self._latency_ns, self._repeat, self._take = latency_ns, repeat, take
        self._box: queue.Queue[Frame] = queue.Queue(_WAITING)
        self._ended = False
        self.settled = False
        self.last_ns = time.monotonic_ns()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the stream is still held."""
        return self._thread.is_alive()

    def end(self) -> None:
        """Lets the stream go, as soon as FFmpeg comes back from what it does. It returns at once."""
        self._ended = True

    def next(self) -> Frame | None:
        """The next frame, or None if none has come for a moment."""
        try:
            return self._box.get(timeout=POLL_S)
        except queue.Empty:
            return None

    def _run(self) -> None:
        try:
            self._read()
        except BaseException as error:  # noqa: BLE001 - it is raised where frames are taken
            self.failure = error

    def _read(self) -> None:
        passes = 0
        while not self._ended and (passes == 0 or self._repeat):
            video = Video(self._address, self._url, options=self._options, open_s=self._open_s, read_s=self._read_s)
            try:
                if self._address.live:
                    self._follow(video.pictures())
                else:
                    self._play(video.pictures())
            finally:
                video.close()
            passes += 1

    def _follow(self, pictures: Iterator[Picture]) -> None:
        """The frames of a camera, as they come."""
        for picture, exposed_ns in followed(pictures, self._address, latency_ns=self._latency_ns):
            if self._ended:
                return
            self.last_ns = time.monotonic_ns()
            if exposed_ns is not None:
                self.settled = True
                self._hand_over(picture, exposed_ns)

    def _play(self, pictures: Iterator[Picture]) -> None:
        """The frames of a file, at its own pace. They are of no parts that are there now."""
        began: tuple[int, int] | None = None
        for picture in pictures:
            if began is None:
                began = time.monotonic_ns(), picture.stamp_ns
            due_ns = began[0] + picture.stamp_ns - began[1]
            while not self._ended and (wait_s := (due_ns - time.monotonic_ns()) / 1e9) > 0:
                time.sleep(min(wait_s, POLL_S))
                # it waits on purpose
                self.last_ns = time.monotonic_ns()
            if self._ended:
                return
            self.settled = True
            self.last_ns = time.monotonic_ns()
            self._hand_over(picture, self.last_ns - self._latency_ns)

    def _hand_over(self, picture: Picture, exposed_ns: int) -> None:
        frame = self._take(picture, exposed_ns)
        while frame is not None and not self._ended:
            try:
                self._box.put(frame, timeout=POLL_S)
            except queue.Full:
                continue
            frame = None


def followed(pictures: Iterator[Picture], address: Address, *, latency_ns: int) -> Iterator[tuple[Picture, int | None]]:
    """The frames of a camera, and when each was exposed at the earliest: None until the stream has settled.

    A stream that has settled does so anew when its times jump forwards.

    Args:
        pictures: as they come.
        address: of the camera, for messages.
        latency_ns: as for `Dating`.

    Raises:
        SourceLostError: the times of a settled stream do not count up.
    """
    dating: Dating | None = None
    settled, last_ns = False, 0
    for picture in pictures:
        if dating is not None and picture.stamp_ns <= last_ns:
            if settled:
                raise SourceLostError(
                    f"{address.shown}: expected a stream whose times count up, found one that goes back by "
                    f"{(last_ns - picture.stamp_ns) / 1e6:g} ms, or repeats a frame; look at the camera"
                )
            # a camera may set its clock when somebody connects
            dating = None
        if dating is None:
            delay_ns = picture.arrived_ns - picture.stamp_ns
            is_device = address.kind is StreamKind.DEVICE
            dating = Dating(latency_ns=latency_ns, same_clock=is_device and 0 <= delay_ns <= SAME_CLOCK_NS)
        exposed_ns = dating.exposed_ns(picture.stamp_ns, picture.arrived_ns)
        last_ns, settled = picture.stamp_ns, dating.settled or (settled and not dating.jumped)
        yield picture, exposed_ns if settled else None
