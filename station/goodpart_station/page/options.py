"""The table [page] of the station's file, and what an address must have before the page listens on it."""

import dataclasses
import ipaddress
import re
from pathlib import Path

from goodpart import UsageError

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PageConfig:
    """How the page is served.

    Attributes:
        listen: address and port, such as "127.0.0.1:8080" or "[::1]:8080"; the address is a number, not a name.
        certificate, key: PEM files of TLS; both or neither.
        names: by which browsers call the station, beside its address, such as "line1.factory.example".
        threshold_range: lowest and highest threshold, in sigmas, that the page sets; it narrows what the bundle allows.
        shifts: local times at which a shift begins, such as "06:00"; counters start again there.
    """

    listen: str = "127.0.0.1:8080"
    certificate: Path | None = None
    key: Path | None = None
    names: tuple[str, ...] = ()
    threshold_range: tuple[float, float] | None = None
    shifts: tuple[str, ...] = ("06:00", "14:00", "22:00")

    def __post_init__(self) -> None:
        _address(self.listen)
        if (self.certificate is None) != (self.key is None):
            raise UsageError(
                f"[page] certificate and key: expected both or neither, found {self.certificate} and {self.key}"
            )
        for name in self.names:
            if not _HOST.fullmatch(name):
                raise UsageError(f'[page] names: expected host names such as "line1.example", found {name!r}')
        if self.threshold_range is not None and not self.threshold_range[0] <= self.threshold_range[1]:
            raise UsageError(f"[page] threshold_range: expected two numbers in order, found {self.threshold_range}")
        for begin in self.shifts:
            if not _TIME.fullmatch(begin):
                raise UsageError(f'[page] shifts: expected times such as "06:00", found {begin!r}')

    @property
    def host(self) -> str:
        """The address without its port."""
        return _address(self.listen)[0]

    @property
    def port(self) -> int:
        """The port; 0 takes a free one."""
        return _address(self.listen)[1]

    @property
    def is_loopback(self) -> bool:
        """Whether only this PC can reach the page."""
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def has_tls(self) -> bool:
        """Whether the page is served by HTTPS."""
        return self.certificate is not None


def check_exposure(config: PageConfig, *, tokens: int) -> None:
    """Refuses to show the page to a network without TLS and tokens.

    Args:
        config: the table.
        tokens: how many there are.

    Raises:
        UsageError: the address can be reached from outside this PC, and TLS or tokens are missing.
    """
    if config.is_loopback:
        return
    missing = [] if config.has_tls else ["a certificate and key in [page]"]
    if not tokens:
        missing.append("a token (goodpart-station token add)")
    if missing:
        raise UsageError(
            f"[page] listen: expected TLS and tokens for {config.listen}, which other computers can reach, found "
            f"neither of them complete; add {' and '.join(missing)}, or listen on 127.0.0.1"
        )


def _address(listen: str) -> tuple[str, int]:
    """Address and port of `listen`."""
    host, colon, port = listen.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        address = None
    bracketed = bare != host
    fits = address is not None and (address.version == 6) == bracketed
    if not colon or not fits or not re.fullmatch(r"\d{1,5}", port) or int(port) > 65535:
        raise UsageError(
            f'[page] listen: expected an address and a port such as "127.0.0.1:8080" or "[::1]:8080", found {listen!r}'
        )
    return bare, int(port)
