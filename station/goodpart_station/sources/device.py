"""What every GenICam camera can do, whichever library opens it."""

import dataclasses
import difflib
from collections.abc import Iterable
from typing import Any, Protocol

import numpy.typing as npt

from goodpart.errors import GoodpartError

Value = bool | int | float | str
"""The value of a feature: truth, whole number, number, or text, such as the entry of an enumeration."""


class FeatureError(GoodpartError):
    """A feature is not there, cannot be written or read, or does not take the value.

    Its name, or the key of the file that sets it, begins the message.
    """


def unknown_feature(name: str, known: Iterable[str]) -> FeatureError:
    """The error for a feature that a camera does not have.

    Args:
        name: that was asked for.
        known: the names of those that it has.
    """
    near = difflib.get_close_matches(name, list(known), n=1)
    advice = f"do you mean {near[0]}?" if near else "the camera's manual has their names"
    return FeatureError(f"{name}: expected a feature of this camera, found none of this name; {advice}")


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Grabbed:
    """One frame of a camera.

    Attributes:
        pixels: `(H, W)` or `(H, W, 3)`, a copy of the station's own as `pixels.picture_of` makes it.
        frame_id: the camera's own number of it, or None if it has none.
        complete: whether all of it has arrived.
        pixel_format: as the camera calls it, such as "Mono8".
        height_px, width_px: of the picture.
    """

    pixels: npt.NDArray[Any]
    frame_id: int | None
    complete: bool
    pixel_format: str
    height_px: int
    width_px: int


class Device(Protocol):
    """An opened camera. One thread uses it. Methods that say nothing of an error raise `SourceLostError` alone.

    Attributes:
        model: what its maker calls it.
        serial: its serial number.
    """

    model: str
    serial: str

    def read(self, name: str) -> Value:
        """The value of a feature.

        Raises:
            FeatureError: there is no such feature, or it cannot be read.
            SourceLostError: the camera is gone.
        """

    def write(self, name: str, value: Value) -> None:
        """Sets a feature. A whole number is taken by a feature that holds any number, and 5.0 by one for whole numbers.

        Raises:
            FeatureError: there is no such feature, or it does not take the value now.
            SourceLostError: the camera is gone.
        """

    def execute(self, name: str) -> None:
        """Carries out a command, such as TriggerSoftware; it returns when the camera has taken it.

        Raises:
            FeatureError, SourceLostError: as in `write`.
        """

    def start(self) -> None:
        """Starts to take frames, into buffers that hold none."""

    def stop(self) -> None:
        """Ends it. No frame that was exposed before is fetched after the next `start`. Stopping twice is fine."""

    def fetch(self, timeout_s: float) -> Grabbed | None:
        """The oldest frame that was not fetched yet, in their order and without leaving one out.

        Args:
            timeout_s: how long to wait for one; 0 does not wait.

        Returns:
            None if none came in the time.
        """

    def alive(self) -> None:
        """Raises if the camera is gone. It is asked twice a second while no frame comes.

        Raises:
            SourceLostError: the camera is gone.
        """

    def close(self) -> None:
        """Gives the camera back, whatever state it is in. It never raises, and closing twice is fine."""
