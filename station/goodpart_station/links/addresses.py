"""Addresses of a link: where it listens, and whom it serves."""

import ipaddress
from collections.abc import Sequence
from typing import TypeAlias

from goodpart.errors import UsageError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

LOOPBACK = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))


def address_of(text: str) -> Address | None:
    """An address as the system gives or a person writes it, or None; IPv4 within IPv6 is IPv4."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def served(host: str, allow: Sequence[str], *, where: str) -> frozenset[Address]:
    """Whom a server on `host` serves.

    Args:
        host: the address that it listens on.
        allow: addresses of its clients; none: this PC alone.
        where: the table of the TOML file, for messages.

    Raises:
        UsageError: an address is none, or a list of clients is missing, or `host` stands for all interfaces.
    """
    listen = address_of(host)
    if listen is None or listen.is_unspecified:
        raise UsageError(
            f"{where}.listen: expected the address of one network interface, found {host!r}; name the one that the PLC "
            "is wired to"
        )
    clients = {text: address_of(text) for text in allow}
    for text, address in clients.items():
        if address is None or address.is_unspecified:
            raise UsageError(
                f"{where}.allow: expected addresses such as 192.168.10.1, found {text!r}; name each client"
            )
    if not clients and not listen.is_loopback:
        raise UsageError(
            f"{where}.allow: expected the addresses of the clients, because {host} can be reached from outside, found "
            "none; Modbus has no passwords, so name the PLC"
        )
    return frozenset(address for address in clients.values() if address) or frozenset(LOOPBACK)
