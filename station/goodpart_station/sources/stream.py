"""Stream source: video of RTSP and TCP cameras, V4L2 devices and files, read by FFmpeg."""

import queue
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from goodpart import Bundle, FrameError, UsageError
from goodpart.errors import found_at
from goodpart_station.part import Frame, Part
from goodpart_station.sources.colours import pixels_of
from goodpart_station.sources.image_files import NO_PIXELS
from goodpart_station.sources.source import Look, Opening, SourceLostError, Wanted, pause, taken
from goodpart_station.sources.stream_check import examine
from goodpart_station.sources.stream_reader import Reader
from goodpart_station.sources.stream_settings import StreamSettings
from goodpart_station.sources.video import Picture, load_av


class StreamSource:
    """Frames of a stream.

    Without triggers every frame is a part, or so many per second as `rate` says. With a software trigger the frame of a
    part is the first one that was certainly exposed after the trigger: not the next one to arrive, which is older.
    """

    def __init__(self, settings: StreamSettings, *, wanted: Wanted) -> None:
        """Opens nothing yet.

        Args:
            settings: the stream.
            wanted: which frames the station wants.

        Raises:
            MissingExtraError: PyAV is not installed.
            UsageError: there is no such file.
        """
        load_av()
        address = settings.address
        if not address.live and not Path(address.place).is_file():
            found = found_at(Path(address.place))
            raise UsageError(f"url: expected a video file at {address.shown}, found {found}; correct the path")
        self._settings, self._wanted = settings, wanted
        self.simulated = not settings.address.live
        self.repeats = self.simulated and settings.repeat
        self._triggers: queue.SimpleQueue[Part] = queue.SimpleQueue()
        self._asked: Part | None = None
        self._due_ns: int | None = None
        self._reader: Reader | None = None

    def check(self) -> str:
        """What a station without a bundle can know; see `check_against`."""
        return self.check_against({})

    def check_against(self, bundles: Mapping[str, Bundle]) -> str:
        """The words of `look`."""
        return self.look(bundles).words

    def look(self, bundles: Mapping[str, Bundle]) -> Look:
        """Opens the stream, and looks at its frames; see `Compared`."""
        return examine(self._settings, bundles)

    def trigger(self, part: Part) -> None:
        """The first frame that is exposed from now on is this part's."""
        self._triggers.put(part)

    def done(self, frame: Frame) -> None:
        """Nothing is kept of a frame."""

    def frames(self) -> Iterator[Frame | Opening | None]:
        """The frames; see `Source.frames`."""
        settings = self._settings
        yield from self._free()
        # what was asked before has no frame any more
        self._last_asked()
        self._asked = self._due_ns = None
        reader = self._reader = Reader(
            settings.address,
            settings.url,
            options=settings.options,
            open_s=settings.open_s,
            read_s=settings.timeout_s,
            latency_ns=settings.latency_ns,
            repeat=settings.repeat,
            take=self._frame_of,
        )
        try:
            yield from self._read_by(reader)
        finally:
            reader.end()

    def _free(self) -> Iterator[Opening]:
        """Waits until FFmpeg has come back from the last opening: two readers would fight for a device."""
        began_s = time.monotonic()
        while self._reader is not None and self._reader.is_alive:
            if time.monotonic() - began_s > self._settings.open_s:
                raise SourceLostError(
                    f"{self._settings.address.shown}: expected FFmpeg to come back, found that it hangs; look at the "
                    f"network and its name server, and restart the station if this stays"
                )
            pause()
            yield Opening()

    def _read_by(self, reader: Reader) -> Iterator[Frame | Opening | None]:
        settings, began_ns = self._settings, time.monotonic_ns()
        while True:
            frame, is_alive = reader.next(), reader.is_alive
            if frame is not None:
                yield frame
            elif not is_alive:
                # the frames before the end are all taken
                if reader.failure is not None:
                    raise reader.failure
                return
            else:
                yield None if reader.settled else Opening()
            now_ns = time.monotonic_ns()
            if reader.settled:
                silent_s, limit_s = (now_ns - reader.last_ns) / 1e9, settings.timeout_s
            else:
                silent_s, limit_s = (now_ns - began_ns) / 1e9, settings.open_s
            # FFmpeg's own time-out tells more, and comes first
            if silent_s > 1.1 * limit_s and reader.failure is None:
                raise SourceLostError(
                    f"{settings.address.shown}: expected a frame within {limit_s:g} s, found none that can be used; "
                    f"look at the camera's key frame interval, its clock and the network"
                )

    def _frame_of(self, picture: Picture, exposed_ns: int) -> Frame | None:
        """The frame of a picture, if it is wanted. The reader's thread calls it."""
        product, seq = 0, None
        if self._settings.triggered:
            part = self._asked_by(exposed_ns)
            if part is None:
                return None
            product, seq = part.product, part.seq
        elif not self._is_due(picture.stamp_ns):
            return None
        spec = self._wanted.spec(product)
        if spec is None:
            return None
        try:
            pixels, unreadable = pixels_of(picture.frame, spec), None
        except FrameError as error:
            pixels, unreadable = NO_PIXELS, str(error)
        except MemoryError:
            pixels, unreadable = NO_PIXELS, "expected memory for this frame, found none left"
        return Frame(
            pixels=pixels,
            at_ns=picture.arrived_ns,
            complete=picture.flaw is None,
            unreadable=unreadable,
            channels=spec.channels,
            asked_by=seq,
        )

    def _asked_by(self, exposed_ns: int) -> Part | None:
        """The part whose frame was exposed so late, at the earliest."""
        newer = self._last_asked()
        part = self._asked = self._asked if newer is None else newer
        if part is None:
            return None
        now_ns = time.monotonic_ns()
        if now_ns >= min(part.deadline_ns, part.triggered_ns + self._settings.give_up_ns):
            self._asked = None
            return None
        if exposed_ns < part.triggered_ns:
            return None
        self._asked = None
        return part

    def _last_asked(self) -> Part | None:
        """The part of the newest trigger; those before it have no exposure any more."""
        part = None
        while (newer := taken(self._triggers, 0)) is not None:
            part = newer
        return part

    def _is_due(self, stamp_ns: int) -> bool:
        """Whether a frame is one of `rate` per second."""
        rate = self._settings.rate
        if rate is None:
            return True
        period_ns = round(1e9 / rate)
        # a file that begins again counts from its start
        if self._due_ns is None or stamp_ns < self._due_ns - period_ns:
            self._due_ns = stamp_ns + period_ns
            return True
        if stamp_ns < self._due_ns:
            return False
        self._due_ns = max(self._due_ns + period_ns, stamp_ns + period_ns // 2)
        return True
