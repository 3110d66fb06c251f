"""The table [plc.opcua] of the station's file."""

import dataclasses
import socket
from pathlib import Path

from goodpart import UsageError
from goodpart_station.settings import ENDPOINT, Endpoint, setting

WHERE = "plc.opcua"
"""The table's name."""

NAMESPACE = "urn:goodpart:station"
"""The namespace of the station's own nodes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpcuaTable:
    """The table `[plc.opcua]`. Its users are the station's tokens: the name of a token, and the token as password.

    Attributes:
        listen: where the server listens.
        certificate, key: of the server; both or neither.
    """

    listen: Endpoint = setting(ENDPOINT, Endpoint("127.0.0.1", 4840))
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        """Refuses half of what encryption needs, and an address that others reach without it.

        Raises:
            UsageError: one of them.
        """
        if (self.certificate is None) != (self.key is None):
            given, missing = ("key", "certificate") if self.certificate is None else ("certificate", "key")
            raise UsageError(f"{given}: expected {missing} beside it, found none; give both, or neither")
        if not self.listen.loopback and self.certificate is None:
            raise UsageError(
                f"listen: expected certificate and key beside {self.listen}, which other computers can reach, found "
                f"none; add them, or listen on 127.0.0.1"
            )


def application_uri(station: str) -> str:
    """What the server calls itself; its certificate must say the same.

    Args:
        station: the station's name.
    """
    return f"urn:{socket.gethostname()}:goodpart:{station}"
