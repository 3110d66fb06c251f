"""Source: where frames come from. Each has a thread of its own, which may wait; nothing else may."""

import dataclasses
import queue
import time
from collections.abc import Iterator, Mapping
from typing import Protocol, TypeVar, runtime_checkable

from goodpart import Bundle
from goodpart.errors import GoodpartError
from goodpart.facts.spec import FrameSpec
from goodpart_station.part import Frame, Part

POLL_S = 0.05
"""How long a source waits for a frame before it shows life again."""

_T = TypeVar("_T")


class SourceLostError(GoodpartError):
    """The source gives no frames at present, for example because its folder is gone. It is opened again later."""


@dataclasses.dataclass(frozen=True, slots=True)
class Opening:
    """A sign of life of a source that is still being opened, as a camera on a network is for some seconds."""


class Wanted(Protocol):
    """What a source may ask of the station. Any thread may ask; the answer comes at once."""

    def spec(self, product: int = 0) -> FrameSpec | None:
        """The frame that a product's bundle declares; 0 for the product that is judged now. None if none is loaded."""

    def has_room(self) -> bool:
        """Whether a part that came now would be taken. A source that can wait waits until it is."""


class Source(Protocol):
    """A camera, or what stands in its place.

    Attributes:
        repeats: whether the same frame may come again on purpose, so that a repeat does not mean a frozen camera.
        simulated: whether its frames are of no parts that are there now.
    """

    repeats: bool
    simulated: bool

    def frames(self) -> Iterator[Frame | Opening | None]:
        """The frames in their order; None while there is none, several times a second, as a sign of life.

        It runs in the source's thread. It ends when there will be no more frames. The source is there from the first
        frame or None on: before, it can yield `Opening`. A frame that it would throw away is yielded as a stray one.

        Raises:
            SourceLostError: there are none at present; the station calls `frames` again later.
        """

    def check(self) -> str:
        """Tries it before the station runs, for `goodpart-station check`.

        Returns:
            what it found, such as how many images there are.

        Raises:
            GoodpartError: it cannot be opened.
        """

    def trigger(self, part: Part) -> None:
        """Takes the picture of a part now. Any thread calls it; it returns at once."""

    def done(self, frame: Frame) -> None:
        """No verdict waits for a new reading of the frame: its file may be moved. It returns at once.

        It may come before the frame is judged, and twice. The pixels stay the station's: a frame that came before its
        trigger is still to be judged, and sinks and page look at it long after. Their memory must not be used again.
        """


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """What the check of a source has found.

    Attributes:
        words: in one line.
        warning: what somebody should set otherwise, although the station can run so; None if there is nothing.
        per_second: how many frames came in a second, if each of them is a part; None otherwise.
        slower: the entry of the station's file that makes it fewer; `{}` stands for the number.
    """

    words: str
    warning: str | None = None
    per_second: float | None = None
    slower: str = ""


@runtime_checkable
class Compared(Protocol):
    """A source whose check compares what it gives with bundles, and which one program at a time can open."""

    def look(self, bundles: Mapping[str, Bundle]) -> Look:
        """As `Source.check`, and whether the frames are what each bundle declares.

        Args:
            bundles: the active bundle of each product, by the name that messages use.
        """


def taken(box: "queue.SimpleQueue[_T]", timeout_s: float) -> _T | None:
    """The oldest item of a queue, or None if none came within `timeout_s` (0: do not wait)."""
    try:
        return box.get(block=timeout_s > 0, timeout=timeout_s or None)
    except queue.Empty:
        return None


def pause(wait_s: float = POLL_S) -> None:
    """Waits before a source yields None, which shows that it lives."""
    time.sleep(wait_s)
