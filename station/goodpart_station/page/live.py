"""Live: the newest parts and the counters, as the judge hands them over."""

import dataclasses
from collections import OrderedDict

import numpy as np
import numpy.typing as npt

from goodpart_station.codes import PartVerdict
from goodpart_station.mailbox import Mailbox
from goodpart_station.part import Frame, Result

RECENT = 24
"""How many parts the page shows below the newest one."""

_IN_HAND = 64

_SMALL_PX = 160

_FRAMES_BYTES = 96 << 20


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Recent:
    """One of the newest parts.

    Attributes:
        result: without its frame if the frames of newer parts fill the memory for them.
        small: `(h, w)` or `(h, w, 3)` every n-th pixel of the frame, or None without a frame.
    """

    result: Result
    small: npt.NDArray[np.generic] | None


class Live:
    """A sink without a thread: the judge counts and leaves the result, the loop takes it out ten times a second.

    `put` costs the judge two additions and one hand-over. `take_in` and what follows it belong to the loop.
    """

    name = "page"

    def __init__(self, *, frames_bytes: int = _FRAMES_BYTES) -> None:
        """Starts empty.

        Args:
            frames_bytes: the most that whole frames of recent parts take; the newest is kept whatever it takes.
        """
        self._box: Mailbox[Result] = Mailbox(_IN_HAND)
        self._counts = dict.fromkeys(PartVerdict, 0)
        self._frames_bytes = frames_bytes
        self._recent: OrderedDict[int, Recent] = OrderedDict()

    def put(self, result: Result) -> None:
        """Hands a result over. Called by the judging thread; it never waits."""
        # a judgement that came late was answered before, and counted
        if not result.late:
            self._counts[result.verdict] += 1
        self._box.put(result)

    @property
    def dropped(self) -> int:
        """How many results the loop has not seen in time. They are counted, but are not in the trend."""
        return self._box.dropped

    def start(self) -> None:
        """Nothing: there is no thread."""

    def close(self) -> None:
        """Nothing: there is no thread."""

    def counts(self) -> dict[PartVerdict, int]:
        """How many parts got each verdict since the start."""
        return dict(self._counts)

    def take_in(self) -> list[Result]:
        """Results that have come since the last call, the oldest first."""
        found: list[Result] = []
        while len(found) < _IN_HAND and (result := self._box.take(0)) is not None:
            found.append(result)
        for result in found[-RECENT:]:
            self._recent[result.part.seq] = Recent(result, _small(result.frame))
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        if found:
            self._let_frames_go()
        return found

    def recent(self) -> list[Recent]:
        """The newest parts, the newest first."""
        return list(reversed(self._recent.values()))

    def find(self, seq: int) -> Recent | None:
        """One of the newest parts, or None."""
        return self._recent.get(seq)

    def _let_frames_go(self) -> None:
        """Lets go of whole frames beyond the memory for them, but for the newest part's."""
        total = 0
        for index, (seq, recent) in enumerate(reversed(list(self._recent.items()))):
            frame = recent.result.frame
            if frame is None:
                continue
            total += frame.pixels.nbytes
            if index and total > self._frames_bytes:
                self._recent[seq] = Recent(dataclasses.replace(recent.result, frame=None), recent.small)


def _small(frame: Frame | None) -> npt.NDArray[np.generic] | None:
    """Every n-th pixel: it costs the loop microseconds, and is there when the whole frame no longer is."""
    if frame is None or frame.unreadable is not None or frame.pixels.size == 0:
        return None
    step = max(1, -(-max(frame.pixels.shape[:2]) // _SMALL_PX))
    small: npt.NDArray[np.generic] = frame.pixels[::step, ::step].copy()
    return small
