"""The tables `[source]` of cameras."""

import dataclasses
from pathlib import Path
from typing import ClassVar

from goodpart.errors import UsageError
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.config.tables import DEFAULT_AFTER_MS, SourceTable
from goodpart_station.settings import FEATURES, TEXT, setting
from goodpart_station.sources.camera import LEAST_DATED_S
from goodpart_station.sources.camera_setup import CameraSetup
from goodpart_station.sources.device import Value
from goodpart_station.sources.pixels import format_of

_DEFAULT_LINE = "Line1"

_OWN_KEYS = {
    "PixelFormat": "pixel_format",
    "TriggerMode": "trigger",
    "TriggerSelector": "trigger",
    "TriggerSource": "trigger and trigger_line",
    "AcquisitionMode": "trigger",
}
"""Features that keys of the table set."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CameraTable(SourceTable):
    """What the table `[source]` holds for every GenICam camera.

    Attributes:
        device: serial number or user name of the camera; None for the only one that there is.
        pixel_format: as the camera calls it.
        settings: features and their values, written in this order.
        trigger_line: the input of a hardware trigger; None for the usual one.
    """

    LEAST_SPARE_MS: ClassVar[float] = LEAST_DATED_S * 1e3

    device: str | None = None
    pixel_format: str = setting(TEXT)
    settings: tuple[tuple[str, Value], ...] = setting(FEATURES, ())
    trigger_line: str | None = None

    def __post_init__(self) -> None:
        """Refuses settings that cannot work, or would have no effect.

        Raises:
            UsageError: as in `SourceTable`, or the pixel format is none that a station takes, or a setting has a key of
                its own.
        """
        super().__post_init__()
        format_of(self.pixel_format)
        for name, _ in self.settings:
            if name in _OWN_KEYS:
                raise UsageError(
                    f"settings: expected {name} set by the key {_OWN_KEYS[name]}, found it here; take it out"
                )
        if self.trigger_line is not None and self.trigger is not TriggerKind.HARDWARE:
            raise UsageError(
                f'trigger_line: expected no such key with trigger = "{self.trigger.value}", found one; take it out, or '
                f"correct the trigger"
            )

    @property
    def setup(self) -> CameraSetup:
        """What the table asks of the camera."""
        after_ms = DEFAULT_AFTER_MS if self.pair_after_ms is None else self.pair_after_ms
        return CameraSetup(
            pixel_format=self.pixel_format,
            settings=self.settings,
            trigger=self.trigger,
            trigger_line=self.trigger_line or _DEFAULT_LINE,
            timeout_s=self.timeout_s,
            exposure_s=after_ms / 1e3,
            dated_within_s=self.spare_ms / 1e3,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class GenicamTable(CameraTable):
    """The table `[source]` with `kind = "genicam"`: a camera behind a maker's GenTL producer.

    Attributes:
        producer: the producer, a file that ends in .cti.
    """

    KIND: ClassVar[str] = "genicam"

    producer: Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class AravisTable(CameraTable):
    """The table `[source]` with `kind = "aravis"`: a GigE Vision camera without its maker's software."""

    KIND: ClassVar[str] = "aravis"
