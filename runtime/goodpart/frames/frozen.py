"""FrozenGuard: compares the frames of one camera in their order and notices a frozen camera."""

import dataclasses
import threading
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from goodpart.errors import UsageError
from goodpart.scoring.inspection import Inspection, Verdict


class Inspects(Protocol):
    """What a guard needs of an Inspector or a LiveInspector."""

    def inspect(self, frame: npt.NDArray[Any]) -> Inspection:
        """Judges one frame."""


class FrozenGuard:
    """Inspects the frames of one camera, and says UNKNOWN when the camera has frozen.

    The noise of a sensor makes every frame different, even of a part that lies still. A frame that equals the one
    before it bit for bit is an old frame, repeated by the camera, its driver or the cable: it says nothing about the
    part. Each camera needs a guard of its own. `goodpart.Camera` is the older name of this class.
    """

    def __init__(self, inspector: Inspects, *, frozen_after: int = 2) -> None:
        """Starts without a frame.

        Args:
            inspector: an Inspector or a LiveInspector; several guards may share it.
            frozen_after: the number of equal frames in a row that means a frozen camera, at least 2.

        Raises:
            UsageError: `frozen_after` is less than 2.
        """
        if frozen_after < 2:
            raise UsageError(f"frozen_after: expected at least 2 frames, found {frozen_after}")
        self._inspector, self._frozen_after = inspector, frozen_after
        self._last: npt.NDArray[Any] | None = None
        self._equal = 0
        self._lock = threading.Lock()

    def inspect(self, frame: npt.NDArray[Any]) -> Inspection:
        """Judges the next frame.

        Args:
            frame: as for `Inspector.inspect`.

        Returns:
            the Inspection. From the `frozen_after`-th equal frame on, its verdict is UNKNOWN and its reason says why.

        Raises:
            FrameError: the frame is refused. It has no verdict, and the next frame is compared with the one before it.
        """
        inspection = self._inspector.inspect(frame)
        equal = self._count(frame)
        if equal < self._frozen_after or inspection.verdict is Verdict.UNKNOWN:
            return inspection
        reason = f"no signal: the last {equal} frames are bit for bit the same; check whether the camera has frozen"
        return dataclasses.replace(inspection, verdict=Verdict.UNKNOWN, reason=reason)

    def _count(self, frame: npt.NDArray[Any]) -> int:
        """The number of equal frames in a row that end with this one."""
        with self._lock:
            if self._last is not None and _same(self._last, frame):
                self._equal += 1
            else:
                self._keep(frame)
                self._equal = 1
            return self._equal

    def _keep(self, frame: npt.NDArray[Any]) -> None:
        """Copies the frame, because the caller may reuse its buffer; the memory of the last copy serves again."""
        last = self._last
        if last is not None and (last.shape, last.dtype) == (frame.shape, frame.dtype):
            np.copyto(last, frame)
        else:
            self._last = np.array(frame)


def _same(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    # a few rows tell most frames apart, so that only equal ones are compared whole
    step = max(1, one.shape[0] // 16)
    return one.shape == other.shape and np.array_equal(one[::step], other[::step]) and np.array_equal(one, other)
