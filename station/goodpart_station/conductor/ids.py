"""What the camera's own numbers say about its frames."""

from collections import deque

from goodpart.frames.frame_ids import FrameIds

_REMEMBERED = 64


class CameraIds:
    """Notices frames that are missing, and frames that come again, even long after."""

    def __init__(self) -> None:
        self._ids = FrameIds()
        self._recent: deque[int] = deque(maxlen=_REMEMBERED)

    def take(self, frame_id: int | None) -> str | None:
        """Takes the next id; None for a frame without one.

        Returns:
            what is wrong with it, None if nothing is.
        """
        found = self._ids.take(frame_id)
        if frame_id is None:
            return found
        if frame_id in self._recent:
            found = f"frame id {frame_id} came again: the camera or its driver repeats a frame"
        self._recent.append(frame_id)
        return found

    def excuse_gap(self) -> None:
        """Frames may be missing before the next one, because it is known already that some are."""
        self._ids = FrameIds()
