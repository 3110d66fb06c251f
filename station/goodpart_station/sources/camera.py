"""Camera source: any GenICam camera as a source of frames. The library that opens it is behind `Device`."""

import dataclasses
import logging
import math
import queue
import time
from collections.abc import Callable, Iterator, Mapping

from goodpart import Bundle
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.part import Frame, Part
from goodpart_station.sources.camera_check import TRIGGER_SOFTWARE, check_camera
from goodpart_station.sources.camera_setup import CameraSetup, set_up
from goodpart_station.sources.device import Device, FeatureError, Grabbed
from goodpart_station.sources.frame_numbers import FrameNumbers
from goodpart_station.sources.image_files import NO_PIXELS
from goodpart_station.sources.opening import Opener
from goodpart_station.sources.pixels import FORMATS
from goodpart_station.sources.source import POLL_S, Look, Opening, SourceLostError, taken
from goodpart_station.sources.strays import Strays

ALIVE_S = 0.5
"""How often a camera that gives no frame is asked whether it is there."""

_LEAST_POLL_S = 0.001
"""The shortest wait for a frame: a shorter one keeps a core busy."""

_LOOKS = 4
"""How often it is looked for a frame within the time that its date may be wrong by."""

LEAST_DATED_S = _LOOKS * _LEAST_POLL_S
"""Frames cannot be dated more exactly than this: nearly all would be thrown away."""

_MOST_LEFT = 64
"""More frames than a camera and its library keep."""

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Opened:
    """A camera that is set as the file asks for, and takes frames.

    Attributes:
        device: the camera.
        name: for messages, such as "camera Viky 0".
        remarks: what it has rounded.
    """

    device: Device
    name: str
    remarks: tuple[str, ...]


class CameraSource:
    """Frames of a GenICam camera, each as the camera gives it.

    One thread does all of it: libraries differ in what they allow to several. A software trigger goes through a queue,
    so that `trigger` returns at once; the source's thread waits at this queue while no picture is being taken, and the
    command leaves as soon as the trigger comes.
    """

    repeats = False
    simulated = False

    def __init__(self, open_device: Callable[[], Device], setup: CameraSetup) -> None:
        """Opens nothing yet.

        Args:
            open_device: opens the camera, and raises `SourceLostError` if it cannot.
            setup: what the station's file asks of the camera.
        """
        self._open_device, self._setup = open_device, setup
        self._opener = Opener(self._open, lambda opened: opened.device.close())
        self._triggers: queue.SimpleQueue[Part] = queue.SimpleQueue()

    def check(self) -> str:
        """Opens the camera and takes frames; see `Source.check`."""
        return self.check_against({})

    def check_against(self, bundles: Mapping[str, Bundle]) -> str:
        """The words of `look`."""
        return self.look(bundles).words

    def look(self, bundles: Mapping[str, Bundle]) -> Look:
        """Opens the camera, takes frames, and compares them with bundles; see `Compared`."""
        for _ in self._opener.steps():
            pass
        if (opened := self._opener.opened) is None:
            raise SourceLostError("camera: expected it open, found it closed")
        try:
            found = check_camera(opened.device, self._setup, opened.remarks, bundles)
            return dataclasses.replace(found, words=f"{opened.name}: {found.words}")
        except (FeatureError, SourceLostError) as error:
            raise _lost(opened.name, error) from error
        finally:
            opened.device.close()

    def trigger(self, part: Part) -> None:
        """The next picture that the camera takes is this part's."""
        self._triggers.put(part)

    def done(self, frame: Frame) -> None:
        """Nothing: the pixels are a copy, and the camera has its buffer back."""

    def frames(self) -> Iterator[Frame | Opening | None]:
        """The camera's frames; see `Source.frames`. Each call opens the camera anew, and closes it in the end."""
        yield from self._opener.steps()
        if (opened := self._opener.opened) is None:
            return
        for remark in opened.remarks:
            _log.warning("%s: %s: the camera has rounded it", opened.name, remark)
        try:
            # a trigger of the time before is answered already
            self._last_asked(0)
            stream = _Stream(opened.device, self._setup)
            # what came while it was opened is nobody's
            yield stream.forget()
            if self._setup.trigger is TriggerKind.SOFTWARE:
                yield from self._asked(stream)
            else:
                yield from stream.as_they_come()
        except (FeatureError, SourceLostError) as error:
            raise _lost(opened.name, error) from error
        finally:
            opened.device.close()

    def _open(self) -> Opened:
        device = self._open_device()
        name = f"camera {device.model} {device.serial}"
        try:
            remarks = set_up(device, self._setup)
            device.start()
        except (FeatureError, SourceLostError) as error:
            device.close()
            raise _lost(name, error) from error
        except BaseException:
            device.close()
            raise
        return Opened(device=device, name=name, remarks=remarks)

    def _asked(self, stream: "_Stream") -> Iterator[Frame | None]:
        """One exposure for each trigger. Each frame says which part's exposure it followed, if any."""
        part: Part | None = None
        until_ns = 0
        while True:
            if (asked := self._last_asked(POLL_S if part is None else 0)) is not None:
                if part is not None:
                    # the frame of an exposure that was given up may still come, and must not be this part's
                    stream.start_again()
                yield from stream.there(asked_by=0)
                part, until_ns = asked, asked.triggered_ns + round(self._setup.exposure_s * 1e9)
                stream.device.execute(TRIGGER_SOFTWARE)
            if part is None:
                yield from stream.there(asked_by=0)
                stream.ask_life()
                yield None
            elif (frame := stream.next(POLL_S / 5, asked_by=part.seq)) is not None:
                part = None
                yield frame
            elif time.monotonic_ns() > until_ns:
                part = None
                stream.start_again()
                yield None
            else:
                yield None

    def _last_asked(self, timeout_s: float) -> Part | None:
        """The part of the newest trigger; those before it have no exposure any more."""
        part = taken(self._triggers, timeout_s)
        while (newer := taken(self._triggers, 0)) is not None:
            part = newer
        return part


class _Stream:
    """The frames of one opened camera, from its start to its loss."""

    def __init__(self, device: Device, setup: CameraSetup) -> None:
        self.device, self._setup = device, setup
        self._numbers, self._strays = FrameNumbers(), Strays()
        self._shown_ns = self._asked_ns = self._empty_ns = time.monotonic_ns()

    def as_they_come(self) -> Iterator[Frame | None]:
        """Each frame at once. One whose time is not known well enough could be another part's, and is nobody's."""
        free = self._setup.trigger is TriggerKind.NONE
        within_s = math.inf if free else self._setup.dated_within_s
        poll_s = min(POLL_S, max(within_s / _LOOKS, _LEAST_POLL_S))
        while True:
            began_ns = time.monotonic_ns()
            frame = None if free else self.next(0)
            if frame is None:
                self._empty_ns = began_ns
                frame = self.next(poll_s)
            if frame is not None and frame.at_ns - self._empty_ns > within_s * 1e9:
                self._strays.tell(f"frame {_id(frame)}", frame.at_ns)
                frame = dataclasses.replace(frame, stray=True)
            yield frame
            if free and time.monotonic_ns() - self._shown_ns > self._setup.timeout_s * 1e9:
                raise SourceLostError(
                    f"expected a frame within {self._setup.timeout_s:g} s, found none; look at camera and cable, "
                    f"or raise timeout_s if it takes pictures more seldom"
                )

    def forget(self) -> Frame | None:
        """Throws away the frames that are there already; returns the last, which the camera may have frozen on."""
        last: Frame | None = None
        # a camera that runs free may bring the next one sooner than this one is thrown away
        for _ in range(_MOST_LEFT):
            began_ns = time.monotonic_ns()
            if (frame := self.next(0)) is None:
                self._empty_ns = began_ns
                break
            last = dataclasses.replace(frame, stray=True)
        return last

    def there(self, *, asked_by: int) -> Iterator[Frame]:
        """The frames that are there already."""
        for _ in range(_MOST_LEFT):
            if (frame := self.next(0, asked_by=asked_by)) is None:
                return
            yield frame

    def next(self, timeout_s: float, *, asked_by: int | None = None) -> Frame | None:
        """The next frame, or None if none comes in the time.

        While it waits, it asks now and then whether the camera is there. That goes over the network, so without a wait
        it does not: a trigger may be due.
        """
        grabbed = self.device.fetch(timeout_s)
        now_ns = time.monotonic_ns()
        if grabbed is not None:
            self._shown_ns = self._asked_ns = now_ns
            return self._frame(grabbed, at_ns=now_ns, asked_by=asked_by)
        if timeout_s > 0:
            self.ask_life()
        return None

    def ask_life(self) -> None:
        """Asks whether the camera is there, if it has shown nothing for some time.

        Raises:
            SourceLostError: it is not.
        """
        now_ns = time.monotonic_ns()
        if now_ns - self._asked_ns > ALIVE_S * 1e9:
            self._asked_ns = now_ns
            self.device.alive()

    def start_again(self) -> None:
        """Lets the camera forget all exposures that have no frame yet."""
        self.device.stop()
        self.device.start()
        self._numbers.start_again()

    def _frame(self, grabbed: Grabbed, *, at_ns: int, asked_by: int | None) -> Frame:
        number, known = self._numbers.take(grabbed.frame_id), FORMATS.get(grabbed.pixel_format)
        why = None
        if not grabbed.complete and not grabbed.pixel_format:
            why = "frame: expected all of it, found that a part did not arrive; look at the cable and the network"
        elif grabbed.pixel_format != self._setup.pixel_format or known is None:
            why = (
                f"frame: expected {self._setup.pixel_format} as it was set, found {grabbed.pixel_format}; somebody has "
                f"changed the camera: restart the station"
            )
        elif grabbed.pixels.size == 0:
            why = f"frame: expected {grabbed.height_px}x{grabbed.width_px} pixels (HxW), found fewer; look at the cable"
        return Frame(
            pixels=grabbed.pixels if why is None else NO_PIXELS,
            at_ns=at_ns,
            camera_frame=number,
            complete=grabbed.complete,
            unreadable=why,
            channels=None if known is None else known.channels,
            bits=None if known is None else known.bits,
            asked_by=asked_by,
        )


def _id(frame: Frame) -> str:
    return "without a number" if frame.camera_frame is None else str(frame.camera_frame)


def _lost(name: str, error: FeatureError | SourceLostError) -> SourceLostError:
    return SourceLostError(f"{name}: {error}")
