"""Camera: the frames of one camera in their order, so that one that has frozen is noticed."""

import dataclasses
import threading
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from goodpart.errors import UsageError
from goodpart.scoring.inspection import Inspection, Verdict


class Inspects(Protocol):
    """An Inspector or a LiveInspector."""

    def inspect(self, frame: npt.NDArray[Any]) -> Inspection:
        """Judges one frame."""


class Camera:
    """Inspects the frames of one camera; UNKNOWN for one that has frozen.

    A sensor's noise makes every frame another one, even of a part that lies still. Where bit for bit the same frame
    comes again, the camera, its driver or the cable repeats an old one, and nobody has seen the part.
    """

    def __init__(self, inspector: Inspects, *, frozen_after: int = 2) -> None:
        """Begins with no frame seen.

        Args:
            inspector: judges; several cameras may share it.
            frozen_after: how many equal frames in a row make a frozen camera, at least 2.

        Raises:
            UsageError: fewer than 2.
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
            the Inspection, with UNKNOWN and the reason for the last of `frozen_after` equal frames and all that follow.

        Raises:
            FrameError: the frame is refused; it has no verdict and counts as none.
        """
        inspection = self._inspector.inspect(frame)
        equal = self._count(frame)
        if equal < self._frozen_after or inspection.verdict is Verdict.UNKNOWN:
            return inspection
        reason = f"no signal: the last {equal} frames are bit for bit the same; check whether the camera has frozen"
        return dataclasses.replace(inspection, verdict=Verdict.UNKNOWN, reason=reason)

    def _count(self, frame: npt.NDArray[Any]) -> int:
        """How many of the last frames are equal, this one included."""
        with self._lock:
            if self._last is not None and _same(self._last, frame):
                self._equal += 1
            else:
                self._keep(frame)
                self._equal = 1
            return self._equal

    def _keep(self, frame: npt.NDArray[Any]) -> None:
        """Copies the frame, for the caller may fill the same buffer again; fresh memory would cost as much again."""
        if self._last is not None and self._last.shape == frame.shape:
            np.copyto(self._last, frame)
        else:
            self._last = np.array(frame)


def _same(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    # a few rows tell most frames apart, so that few are read whole
    step = max(1, one.shape[0] // 16)
    return one.shape == other.shape and np.array_equal(one[::step], other[::step]) and np.array_equal(one, other)
