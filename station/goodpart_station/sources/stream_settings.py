"""What a stream is, and how FFmpeg reads it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from goodpart_station.sources.address import Address, StreamKind

_OPEN_TIMES = 2.5
"""How many times `timeout_s` the opening may take: a stream can be used from its next key frame on."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """What a stream is, and how it is read.

    Attributes:
        address: where it comes from.
        user, password: of the account, or None. The password never comes into a message.
        options: of FFmpeg.
        timeout_s: how long no frame may come. The opening may take `open_s`.
        triggered: whether a software trigger asks for each frame.
        latency_ns: how long before its arrival a frame that waited nowhere was exposed, at most.
        give_up_ns: how long after its trigger a part may get its frame.
        rate: without triggers, so many frames per second are parts; None for every frame.
        repeat: whether a file begins again at its end.
    """

    address: Address
    user: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    timeout_s: float = 2.0
    triggered: bool = False
    latency_ns: int = 0
    give_up_ns: int = 100_000_000
    rate: float | None = None
    repeat: bool = True

    @property
    def open_s(self) -> float:
        """How long the opening may take, up to the first frame that can be used."""
        return _OPEN_TIMES * self.timeout_s

    @property
    def url(self) -> str:
        """What FFmpeg opens. It may hold the password."""
        return self.address.opened_as(self.user, self.password)


def options_of(
    address: Address, *, transport: str, input_format: str | None, size: str | None, fps: float | None
) -> dict[str, str]:
    """FFmpeg's options for a stream.

    Args:
        address: where it comes from.
        transport: of an RTSP server, "tcp" or "udp".
        input_format, size, fps: of a device, None for what it has.
    """
    match address.kind:
        case StreamKind.RTSP:
            # sound would change how FFmpeg makes the time stamps
            wanted: dict[str, Any] = {"rtsp_transport": transport, "allowed_media_types": "video"}
        case StreamKind.DEVICE:
            wanted = {"input_format": input_format, "video_size": size, "framerate": fps}
        case _:
            wanted = {}
    # what comes from outside opens no file and no other address
    wanted["protocol_whitelist"] = {StreamKind.RTSP: "rtsp,rtp,tcp,udp", StreamKind.TCP: "tcp"}.get(
        address.kind, "file"
    )
    return {name: str(value) for name, value in wanted.items() if value is not None}
