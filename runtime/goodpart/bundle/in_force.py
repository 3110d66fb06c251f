"""What frames are judged by at a moment, in one piece: a frame never meets half of an old and half of a new setting."""

import dataclasses
from typing import Any, Generic, Protocol, TypeVar, overload

from goodpart.facts.calibration import Calibration
from goodpart.facts.checks import FrameChecks

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class InForce:
    """What frames are judged by: the bundle's own choices, or what this device has set instead.

    Attributes:
        threshold: image score above which the verdict is DEFECT, in sigmas.
        pixel_threshold: calibrated score above which a patch belongs to a region, in sigmas.
        checks: what a frame must be like to be judged; None to check nothing.
    """

    threshold: float
    pixel_threshold: float
    checks: FrameChecks | None

    @classmethod
    def own(cls, calibration: Calibration, checks: FrameChecks | None) -> "InForce":
        """The bundle's own choices."""
        return cls(threshold=calibration.threshold, pixel_threshold=calibration.pixel_threshold, checks=checks)


class Judges(Protocol):
    """What holds the settings in force."""

    in_force: InForce


class Setting(Generic[T]):
    """One of the settings in force, as an attribute of its holder. Setting it replaces all of them in one step."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, holder: None, owner: type) -> "Setting[T]": ...

    @overload
    def __get__(self, holder: Judges, owner: type) -> T: ...

    def __get__(self, holder: Judges | None, owner: type) -> "Setting[T] | T":
        if holder is None:
            return self
        value: T = getattr(holder.in_force, self._name)
        return value

    def __set__(self, holder: Judges, value: T) -> None:
        change: dict[str, Any] = {self._name: value}
        holder.in_force = dataclasses.replace(holder.in_force, **change)
