"""Passed: frames that were not judged, which the judge must know all the same."""

from collections import deque

from goodpart_station.part import Frame

_MOST = 2
"""How many are kept: a camera that froze on one repeats the last. One more may wait for its trigger."""


class Passed:
    """The last frames that came and were not judged. The caller holds a lock."""

    def __init__(self) -> None:
        """Starts without a frame."""
        self._frames: deque[Frame] = deque(maxlen=_MOST)

    def arrived(self, frame: Frame) -> None:
        """A frame has come."""
        self._frames.append(frame)

    def before(self, frame: Frame) -> tuple[Frame, ...]:
        """The frames that came before one that is judged now, and were not; they are told once."""
        if frame not in self._frames:
            return ()
        earlier = []
        while (first := self._frames.popleft()) is not frame:
            earlier.append(first)
        return tuple(earlier)
