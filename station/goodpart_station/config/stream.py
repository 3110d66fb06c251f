"""The table of a stream: RTSP and TCP cameras, V4L2 devices and video files."""

import dataclasses
import enum
from pathlib import Path
from typing import ClassVar

from goodpart.errors import UsageError
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.config.tables import DEFAULT_AFTER_MS, SourceTable
from goodpart_station.settings import TEXT, Kind, number, setting
from goodpart_station.sources.address import Address, StreamKind, address_of

_DAY_MS = 86_400_000.0


class Transport(enum.Enum):
    """How the packets of an RTSP server come."""

    TCP = "tcp"
    UDP = "udp"


def _url(value: object) -> str | Path | None:
    text = TEXT.take(value)
    if text is None:
        return None
    return text if "://" in text else Path(text)


URL = Kind('"rtsp://HOST/PATH", "tcp://HOST:PORT", a device such as "/dev/video0" or the path of a video file', _url)


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamTable(SourceTable):
    """The table `[source]` with `kind = "stream"`: video that FFmpeg reads.

    Attributes:
        url: an address, or the path of a device or a file.
        user: the name of the account at an RTSP server.
        password_file: holds its password alone.
        transport: how packets of an RTSP server come; None for TCP.
        rate: without triggers, so many frames per second are parts; None for every frame.
        latency_ms: with a software trigger, the longest time from the exposure of a frame to its arrival here.
        repeat: of a file: whether it begins again at its end; None for yes.
        input_format, size, fps: what a device is set to, as FFmpeg calls it.
    """

    KIND: ClassVar[str] = "stream"
    TRIGGERS: ClassVar[frozenset[TriggerKind]] = frozenset({TriggerKind.NONE, TriggerKind.SOFTWARE})

    url: str | Path = setting(URL)
    user: str | None = setting(TEXT, None)
    password_file: Path | None = None
    transport: Transport | None = None
    rate: float | None = setting(number(0, 10_000, above=True), None)
    latency_ms: float | None = setting(number(0, _DAY_MS), None)
    repeat: bool | None = None
    input_format: str | None = setting(TEXT, None)
    size: str | None = setting(TEXT, None)
    fps: float | None = setting(number(0, 10_000, above=True), None)

    def __post_init__(self) -> None:
        """Refuses settings that would have no effect, and an address that holds a password.

        Raises:
            UsageError: as in `SourceTable`; or settings do not fit together.
        """
        super().__post_init__()
        kind = self.address.kind
        self._expect_trigger_keys()
        if self.password_file is not None and self.user is None:
            raise UsageError("password_file: expected the key user beside it, found none; add it")
        if self.user is not None and kind is StreamKind.RTSP and self.password_file is None:
            raise UsageError("user: expected the key password_file beside it, found none; add it, or take user out")
        for key, kinds in {
            "user": {StreamKind.RTSP},
            "transport": {StreamKind.RTSP},
            "repeat": {StreamKind.FILE},
            "input_format": {StreamKind.DEVICE},
            "size": {StreamKind.DEVICE},
            "fps": {StreamKind.DEVICE},
        }.items():
            if getattr(self, key) is not None and kind not in kinds:
                words = " or ".join(sorted(each.value for each in kinds))
                raise UsageError(f"{key}: expected no such key but with a url of kind {words}, found one; take it out")

    @property
    def address(self) -> Address:
        """Where the stream comes from."""
        return address_of(self.url)

    @property
    def after_ms(self) -> float:
        """How long after its trigger a part may get its frame."""
        return DEFAULT_AFTER_MS if self.pair_after_ms is None else self.pair_after_ms

    def _expect_trigger_keys(self) -> None:
        software = self.trigger is TriggerKind.SOFTWARE
        if software and self.latency_ms is None:
            raise UsageError(
                'trigger: expected latency_ms beside "software", found none; a stream is always late: give the longest '
                "time from the exposure of a frame to its arrival (see the page about streams)"
            )
        for key, useless in {"latency_ms": not software, "rate": software}.items():
            if useless and getattr(self, key) is not None:
                raise UsageError(
                    f'{key}: expected no such key with trigger = "{self.trigger.value}", found one; take it out'
                )
        if software and self.latency_ms is not None and self.after_ms <= self.latency_ms:
            default = " (default)" if self.pair_after_ms is None else ""
            raise UsageError(
                f"pair_after_ms: expected more than latency_ms ({self.latency_ms:g}) and two frames of the stream, "
                f"found {self.after_ms:g}{default}; no frame could come in time: wait longer"
            )
