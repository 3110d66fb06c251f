"""Addresses of clients: whom a link serves."""

import ipaddress
from collections.abc import Collection
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def address_of(text: str) -> Address:
    """An address as the system gives it or a person writes it; IPv4 within IPv6 is IPv4."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def is_served(address: Address, allow: Collection[Address]) -> bool:
    """Whether a link serves a client.

    Args:
        address: the client's.
        allow: the addresses that the station's file names; none: this PC alone.
    """
    return address in allow if allow else address.is_loopback
