"""FrozenGuard: compares the frames of one camera with the last ones, and notices a frozen camera and missing frames."""

import dataclasses
import math
from typing import Any, Protocol

import numpy.typing as npt

from goodpart.errors import UsageError
from goodpart.frames.frame_ids import FrameIds
from goodpart.frames.repeats import RecentFrames
from goodpart.scoring.inspection import Inspection, Verdict

_MOST_COMPARED = 1000


class Inspects(Protocol):
    """What a guard needs of an Inspector or a LiveInspector."""

    def inspect(self, frame: npt.NDArray[Any]) -> Inspection:
        """Judges one frame."""


class FrozenGuard:
    """Inspects the frames of one camera, and says UNKNOWN for a frame that repeats an old one or came incomplete.

    The noise of a sensor makes every frame different, even of a part that stands still. A frame that differs from one
    of the last frames by less than the noise is an old frame, repeated by the camera, its driver or the cable: it says
    nothing about the part. The guard keeps a thumbnail of each of the last frames: the sums of up to 32x32 patches of
    8x8 pixels, and the noise in them. It calls a frame a repeat in three cases:

    - At least 80 % of the differences between neighbouring patches are equal. This holds for a copy, with another time
      stamp or another brightness too. Patches of one single value, for example clipped to black or white, do not count.
    - They differ by less than half of the noise. This holds for a copy that was decoded in another way.
    - They differ by a few times the noise, and one of the two frames has at least 1.25 times the noise of the other.
      This holds for a copy that was compressed again: compression takes noise away. A copy in almost the best quality
      (JPEG 98) can pass.

    The guard reads the noise from the smoothest quarter of the patches. If three frames are equally far from each other
    and closer than this noise allows, as those of a rough surface that stands still, it lowers its idea of the noise,
    and does not raise it again. Frames with no noise at all (drawn ones), or fewer than 200 patches that count, are
    compared for equality alone. So are all frames with `noise=0`: for a camera that compresses each frame to another
    quality.

    Each camera needs a guard of its own. `goodpart.Camera` is the older name of this class.
    """

    def __init__(
        self, inspector: Inspects, *, frozen_after: int = 2, compared_frames: int = 8, noise: float | None = None
    ) -> None:
        """Starts without a frame.

        Args:
            inspector: an Inspector or a LiveInspector; several guards may share it.
            frozen_after: the number of equal frames that means a frozen camera, at least 2: this frame and those of
                the last ones that it repeats.
            compared_frames: the number of last frames that a frame is compared with, `frozen_after - 1` to 1000. A loop
                of so many frames is noticed.
            noise: the standard deviation of the camera's noise in grey levels of the frame's own range, at least 0, for
                frames of one part that stands still; None to learn it.

        Raises:
            UsageError: a value is outside its range.
        """
        if frozen_after < 2:
            raise UsageError(f"frozen_after: expected at least 2 frames, found {frozen_after}")
        if not frozen_after - 1 <= compared_frames <= _MOST_COMPARED:
            raise UsageError(
                f"compared_frames: expected {frozen_after - 1} (frozen_after - 1) to {_MOST_COMPARED} frames, found "
                f"{compared_frames}"
            )
        if noise is not None and not (math.isfinite(noise) and noise >= 0.0):
            raise UsageError(f"noise: expected a number of grey levels from 0 on, found {noise}")
        self._inspector, self._frozen_after = inspector, frozen_after
        self._recent, self._ids = RecentFrames(compared_frames, noise=noise), FrameIds()

    def inspect(self, frame: npt.NDArray[Any], *, frame_id: int | None = None, complete: bool = True) -> Inspection:
        """Judges the next frame.

        Args:
            frame: as for `Inspector.inspect`. The caller may fill the same memory again with the next frame.
            frame_id: the camera's own number of the frame, which counts up by 1, for example the GenICam buffer's frame
                id. Counters of 16, 32 and 64 bits may begin again at 0 or 1. None if the camera gives no number.
            complete: whether the camera's status says that all of the frame has arrived.

        Returns:
            the Inspection. Its verdict is UNKNOWN, and its reason says why, if the frame is incomplete, if frames are
            missing before it or its number came before, or if it is the `frozen_after`-th equal one. A frame that the
            inspector calls UNKNOWN keeps the inspector's reason.

        Raises:
            FrameError: the frame is refused. It has no verdict, and the next frame is compared with those before it.
            UsageError: the frame's number is not a whole number from 0 on.
        """
        # a refused frame has a number too
        out_of_order = self._ids.take(frame_id)
        inspection = self._inspector.inspect(frame)
        ages = self._recent.take(frame)
        if inspection.verdict is Verdict.UNKNOWN:
            return inspection
        if not complete:
            reason = "incomplete frame: the camera did not deliver all of it; check cable, network and bandwidth"
        elif out_of_order is not None:
            reason = out_of_order
        elif len(ages) + 1 >= self._frozen_after:
            which = "before it" if ages[0] == 1 else f"{ages[0]} frames before it"
            reason = f"no signal: this frame repeats the one {which}; check whether the camera has frozen"
        else:
            return inspection
        return dataclasses.replace(inspection, verdict=Verdict.UNKNOWN, reason=reason)

    def pass_over(self, frame: npt.NDArray[Any]) -> None:
        """Remembers a frame that needs no verdict, such as one that came while nothing was to be judged.

        Without this, the first judged frame of a camera that froze in the meantime would be compared with none of its
        copies.

        Args:
            frame: one that the inspector would not refuse.
        """
        self._recent.take(frame)
