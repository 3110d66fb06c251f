"""What the values of a configuration can be, and the words for it. Every table of the TOML file is a frozen dataclass.

A field without a kind of its own takes the kind of its type: whole number, number, truth, text or path. Checks that one
field cannot do belong into `__post_init__`; a `UsageError` there begins with the key, such as "max_bytes: expected".
"""

import dataclasses
import enum
import ipaddress
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

_KIND = "kind"
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?) ?(?P<unit>[kMGT]?B)")
_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_PORT_MOST = 65535


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a value can be.

    Attributes:
        words: what is expected, for messages.
        take: makes the value of the field from that of the file; None if it does not fit.
    """

    words: str
    take: Callable[[object], Any]


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """Where a server listens.

    Attributes:
        host: the IP address of one network interface.
        port: 1 to 65535.
    """

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether nobody but this PC can reach it."""
        return ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def setting(kind: Kind, default: Any = dataclasses.MISSING) -> Any:
    """A field of a table.

    Args:
        kind: what its value can be.
        default: its value where the file has none; without it, the table must have the key.
    """
    return dataclasses.field(default=default, metadata={_KIND: kind})


def kind_of(field: "dataclasses.Field[Any]", hint: object) -> Kind:
    """What the value of a field can be.

    Args:
        field: the field.
        hint: its type, without None.

    Raises:
        TypeError: there is no kind for this type, and the field names none.
    """
    kind: Kind | None = field.metadata.get(_KIND)
    if kind is not None:
        return kind
    if hint is int and field.name.endswith("_bytes"):
        return SIZE
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return one_of(hint)
    if isinstance(hint, type) and hint in _OF_TYPE:
        return _OF_TYPE[hint]
    raise TypeError(f"{field.name}: expected a kind of its own for {hint}, found none; use setting()")


def whole(least: int, most: int) -> Kind:
    """Whole numbers from `least` to `most`."""

    def take(value: object) -> int | None:
        fits = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return value if fits and isinstance(value, int) else None

    return Kind(f"a whole number from {least} to {most}", take)


def number(least: float, most: float, *, above: bool = False) -> Kind:
    """Numbers from `least` to `most`.

    Args:
        least: the lowest number.
        most: the highest number.
        above: whether `least` itself is too low.
    """

    def take(value: object) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return float(value) if (value > least if above else value >= least) and value <= most else None

    return Kind(f"a number {'above' if above else 'from'} {least:g} {'and up ' if above else ''}to {most:g}", take)


def one_of(words: type[enum.Enum]) -> Kind:
    """The values of an enum of texts."""
    known = {each.value: each for each in words}
    shown = " or ".join(f'"{word}"' for word in known)
    return Kind(shown, lambda value: known.get(value) if isinstance(value, str) else None)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value and value.isprintable() else None


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", value) else None


def _size(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else None
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    return None if match is None else round(float(match["number"]) * _UNITS[match["unit"]])


def _endpoint(value: object) -> Endpoint | None:
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= _PORT_MOST:
        return None
    address = _address(host)
    # all interfaces, the world's too, is nothing that a line should listen on
    return None if address is None or ipaddress.ip_address(address).is_unspecified else Endpoint(address, int(port))


def _address(value: object) -> str | None:
    try:
        return str(ipaddress.ip_address(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def _addresses(value: object) -> tuple[str, ...] | None:
    found = [_address(each) for each in value] if isinstance(value, list) else [None]
    return None if None in found else tuple(each for each in found if each is not None)


def _features(value: object) -> tuple[tuple[str, bool | int | float | str], ...] | None:
    if not isinstance(value, dict) or not all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) for name in value):
        return None
    for each in value.values():
        fits = math.isfinite(each) if isinstance(each, int | float) else _text(each) is not None
        if not fits:
            return None
    return tuple(value.items())


TRUTH = Kind("true or false", lambda value: value if isinstance(value, bool) else None)
TEXT = Kind("a text", _text)
NAME = Kind("1 to 64 letters, digits, dots, hyphens and underscores", _name)
SIZE = Kind('a size such as "20 GB" or "500 MB", or a number of bytes', _size)
PATH = Kind("a path", lambda value: None if _text(value) is None else Path(str(value)))
"""A relative path is meant from the folder of the file; the reader makes it so."""
ENDPOINT = Kind('the IP address of one network interface, and a port, such as "127.0.0.1:502"', _endpoint)
ADDRESSES = Kind('a list of IP addresses such as ["192.168.10.1"]', _addresses)
FEATURES = Kind("a table of a camera's features, each with a number, a text, true or false", _features)

_OF_TYPE: dict[type, Kind] = {
    bool: TRUTH,
    int: whole(0, 2**53 - 1),
    float: number(-1e300, 1e300),
    str: TEXT,
    Path: PATH,
    Endpoint: ENDPOINT,
}
