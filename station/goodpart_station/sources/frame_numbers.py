"""Frame numbers of a camera as one count that goes up by 1, across the end of a short counter and a new start."""

_LAST_OF_16_BITS = 65535

_NEAR = 1000
"""A 16-bit counter has begun again if the last number was so near its end, and this one is so near its beginning."""


class FrameNumbers:
    """Turns the camera's numbers into a count. What is missing or comes again stays missing or comes again.

    GigE Vision 1 has block ids of 16 bits, and 0 is no id: after 65535 comes 1. Other 16-bit counters begin again at 0:
    a camera that has shown a 0 has such a one. Counters of 64 bits go on after 65535.
    """

    def __init__(self) -> None:
        self._base = 0
        self._last: int | None = None
        self._has_zero = False
        self._told = 0
        self._fresh = False

    def take(self, frame_id: int | None) -> int | None:
        """The count of the next frame.

        Args:
            frame_id: the camera's number, None if it has none.
        """
        if frame_id is None:
            return None
        self._has_zero |= frame_id == 0
        last, self._last = self._last, frame_id
        if self._fresh:
            self._base, self._fresh = self._told + 1 - frame_id, False
        elif last is not None and last > _LAST_OF_16_BITS - _NEAR and last <= _LAST_OF_16_BITS and frame_id < _NEAR:
            self._base += _LAST_OF_16_BITS + self._has_zero
        count = max(self._base + frame_id, 0)
        self._told = max(self._told, count)
        return count

    def start_again(self) -> None:
        """The camera starts again, and its numbers with it: the next one follows the last."""
        self._fresh = self._last is not None
