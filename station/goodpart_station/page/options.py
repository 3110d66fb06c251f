"""The table [page] of the station's file, and what an address must have before the page listens on it."""

import dataclasses
import re
from pathlib import Path

from goodpart import UsageError
from goodpart_station.settings import ENDPOINT, Endpoint, Kind, number, setting

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")

_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")

_SIGMAS = number(-1e9, 1e9)


def _texts(pattern: re.Pattern[str], value: object) -> tuple[str, ...] | None:
    """The texts of a list, if all of them are as the pattern says."""
    texts = value if isinstance(value, list) else [None]
    found = tuple(text for text in texts if isinstance(text, str) and pattern.fullmatch(text))
    return found if len(found) == len(texts) else None


def _range(value: object) -> tuple[float, float] | None:
    found = [_SIGMAS.take(each) for each in value] if isinstance(value, list) else []
    return (found[0], found[1]) if len(found) == 2 and None not in found and found[0] <= found[1] else None


HOSTS = Kind('a list of host names such as ["line1.example"]', lambda value: _texts(_HOST, value))
TIMES = Kind('a list of local times such as ["06:00", "14:00"]', lambda value: _texts(_TIME, value))
RANGE = Kind("two numbers of sigmas in order, such as [3.0, 6.0]", _range)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PageTable:
    """The table `[page]`.

    Attributes:
        listen: where the page is served.
        certificate, key: PEM files of TLS; both or neither.
        names: by which browsers call the station, beside its address.
        threshold_range: lowest and highest threshold, in sigmas, that the page sets; it narrows what the bundle allows.
        shifts: local times at which a shift begins; counters start again there. None of them: at midnight.
    """

    listen: Endpoint = setting(ENDPOINT, Endpoint("127.0.0.1", 8080))
    certificate: Path | None = None
    key: Path | None = None
    names: tuple[str, ...] = setting(HOSTS, ())
    threshold_range: tuple[float, float] | None = setting(RANGE, None)
    shifts: tuple[str, ...] = setting(TIMES, ("06:00", "14:00", "22:00"))

    def __post_init__(self) -> None:
        """Refuses half of what TLS needs, and an address that others reach without it.

        Raises:
            UsageError: one of them.
        """
        if (self.certificate is None) != (self.key is None):
            given, missing = ("key", "certificate") if self.certificate is None else ("certificate", "key")
            raise UsageError(f"{given}: expected {missing} beside it, found none; give both, or neither")
        if not self.listen.loopback and not self.has_tls:
            raise UsageError(
                f"listen: expected certificate and key beside {self.listen}, which other computers can reach, found "
                f"none; add them, or listen on 127.0.0.1"
            )

    @property
    def has_tls(self) -> bool:
        """Whether the page is served by HTTPS."""
        return self.certificate is not None


def check_tokens(table: PageTable, *, tokens: int) -> None:
    """Refuses to show the page to other computers when nobody needs a token.

    Args:
        table: the table.
        tokens: how many there are.

    Raises:
        UsageError: the address can be reached from outside this PC, and there are no tokens.
    """
    if not table.listen.loopback and not tokens:
        raise UsageError(
            f"[page] listen: expected tokens for {table.listen}, which other computers can reach, found none; add one "
            f"with goodpart-station token add, or listen on 127.0.0.1"
        )
