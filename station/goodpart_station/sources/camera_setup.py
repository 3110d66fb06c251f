"""What the station's file asks of a camera, and setting the camera to it."""

import dataclasses
from collections.abc import Iterator

from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.sources.device import Device, FeatureError, Value

_SAME = 1e-6
"""Cameras hold numbers as 32-bit floats or as registers: so much of the value may be lost without a word."""

_SELECTED = "TriggerSelector", "FrameStart", False

_ROUNDED = 0.05
"""A camera may round a number by so much of it, which is told. More is another value than the file asks for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CameraSetup:
    """What the station's file asks of a camera.

    Attributes:
        pixel_format: as the camera calls it.
        settings: features and their values, in the order in which they are written.
        trigger: who decides when a picture is taken.
        trigger_line: the input of a hardware trigger, as the camera calls it.
        timeout_s: without triggers, a camera that gives no frame for so long is lost.
        exposure_s: with a software trigger, how long after it the frame may come.
        dated_within_s: with a hardware trigger, how exactly the time must be known at which a frame came.
    """

    pixel_format: str
    settings: tuple[tuple[str, Value], ...] = ()
    trigger: TriggerKind = TriggerKind.NONE
    trigger_line: str = "Line1"
    timeout_s: float = 2.0
    exposure_s: float = 0.1
    dated_within_s: float = float("inf")


def set_up(device: Device, setup: CameraSetup) -> tuple[str, ...]:
    """Sets a camera to what the file asks for, and reads all of it back.

    Returns:
        what the camera has rounded, such as "ExposureTime 2000.0 became 1998.0".

    Raises:
        FeatureError: a feature is not there or not writable, or the camera holds another value than was written.
        SourceLostError: the camera is gone.
    """
    # settings such as TriggerActivation are those of the trigger that is selected
    remarks = [_needed(device, *_SELECTED)]
    remarks += [_written(device, name, value) for name, value in (*setup.settings, ("PixelFormat", setup.pixel_format))]
    remarks += [_triggered(device, setup, *each) for each in _trigger(setup)]
    return tuple(each for each in remarks if each is not None)


def _trigger(setup: CameraSetup) -> Iterator[tuple[str, str, bool]]:
    """Features, their values, and whether a camera without the feature will not do."""
    yield "AcquisitionMode", "Continuous", False
    yield _SELECTED
    match setup.trigger:
        case TriggerKind.NONE:
            yield "TriggerMode", "Off", False
        case TriggerKind.SOFTWARE:
            yield "TriggerMode", "On", True
            yield "TriggerSource", "Software", True
        case TriggerKind.HARDWARE:
            yield "TriggerMode", "On", True
            yield "TriggerSource", setup.trigger_line, True


def _triggered(device: Device, setup: CameraSetup, name: str, value: str, needed: bool) -> str | None:
    """As `_needed`; the message names the key of the file, which holds no such feature."""
    try:
        return _needed(device, name, value, needed)
    except FeatureError as error:
        if name == "TriggerMode" and _held(device, name) is None:
            raise FeatureError(
                "trigger: expected the feature TriggerMode of this camera, found none; this camera has no trigger: set "
                'trigger = "none"'
            ) from error
        found = str(error).removesuffix("; correct the value")
        if name == "TriggerSource" and setup.trigger is TriggerKind.HARDWARE:
            raise FeatureError(f"trigger_line: {found}; set trigger_line to an input of this camera") from error
        if name == "TriggerSource":
            raise FeatureError(f"trigger: {found}; choose another trigger") from error
        raise


def _needed(device: Device, name: str, value: str, needed: bool) -> str | None:
    """Writes a feature unless the camera has it so, or does not have it and will do without."""
    held = _held(device, name)
    # cameras that can do nothing else do not let it be written
    return _written(device, name, value) if held != value and (needed or held is not None) else None


def _held(device: Device, name: str) -> Value | None:
    """The value of a feature, None if the camera does not have it."""
    try:
        return device.read(name)
    except FeatureError:
        return None


def _written(device: Device, name: str, value: Value) -> str | None:
    """Writes a feature and reads it back; returns what the camera has rounded, or None."""
    device.write(name, value)
    found = device.read(name)
    if isinstance(value, bool | str) or isinstance(found, bool | str):
        if type(found) is type(value) and found == value:
            return None
    elif abs(found - value) <= _SAME * abs(value):
        return None
    elif abs(found - value) <= _ROUNDED * abs(value):
        return f"{name} {value} became {found}"
    raise FeatureError(f"{name}: expected {value!r} after it was written, found {found!r}; give a value that it takes")
