"""What a camera's frame ids say: whether frames are missing or came twice."""

import operator
import threading

from goodpart.errors import UsageError

_COUNTERS = tuple((1 << bits) - 1 for bits in (16, 32, 64))
"""The last id before a counter begins again, at 0 or, where 0 is no id (GigE Vision), at 1."""


class FrameIds:
    """The ids of one camera's frames in their order; may be used from several threads."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._lock = threading.Lock()

    def take(self, frame_id: int | None) -> str | None:
        """Takes the next id.

        Args:
            frame_id: the id, at least 0; None if the frame has none. The id after it is then compared with nothing.

        Returns:
            what is wrong with it, None if nothing is.

        Raises:
            UsageError: it is not a whole number from 0 on.
        """
        new = None if frame_id is None else _checked(frame_id)
        with self._lock:
            last, self._last = self._last, new
        if new is None or last is None or new == last + 1 or (last in _COUNTERS and new in (0, 1)):
            return None
        if new == last:
            return f"frame id {new} came twice: the camera or its driver repeats a frame"
        if new < last:
            return (
                f"frame id {new} came after {last}: the camera has begun again or repeats a frame, and it is not known "
                f"how many are missing"
            )
        missing = new - last - 1
        return (
            f"{missing} {'frame is' if missing == 1 else 'frames are'} missing before this one: frame id {new} came "
            f"after {last}; check whether it still belongs to the part"
        )


def _checked(frame_id: int) -> int:
    try:
        number = -1 if isinstance(frame_id, bool) else operator.index(frame_id)
    except TypeError:
        number = -1
    if number < 0:
        raise UsageError(f"frame_id: expected a whole number from 0 on, found {frame_id!r:.80}")
    return number
