"""Where a connection may go: one judge of addresses for models, GitHub, git and alerts.

A name is resolved once, every address that it has is judged, and the connection is made to a judged address.
A name that resolves to something else between check and use (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Final

from reviewer.errors import RefusedError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Cloud metadata services outside the link-local range: Alibaba, AWS over IPv6, Oracle, Azure.
METADATA: Final = frozenset(
    ipaddress.ip_address(text) for text in ("100.100.100.200", "fd00:ec2::254", "192.0.0.192", "168.63.129.16")
)
METADATA_NAMES: Final = ("metadata", "metadata.google.internal", "instance-data")
# Prefixes of IPv6 that a gateway turns into the IPv4 address at this bit offset: NAT64 (RFC 6052; RFC 8215 for
# local use), IPv4-compatible (RFC 4291), IPv4-translated (RFC 2765), 6to4 (RFC 3056), ISATAP's is below.
_CARRIERS: Final = tuple(
    (ipaddress.IPv6Network(text), shift)
    for text, shift in (
        ("64:ff9b::/96", 0),
        ("64:ff9b:1::/48", 0),
        ("::/96", 0),
        ("::ffff:0:0/96", 0),
        ("::ffff:0:0:0/96", 0),
        ("2002::/16", 80),
    )
)
_ISATAP: Final = (0x00005EFE, 0x02005EFE)


class EgressRefused(RefusedError):
    """A connection to an address that no server of ours can have; nothing was sent."""


def refused_ip(text: str, *, offline: bool) -> str:
    """Return why an address may not be connected to, "" where it may; ValueError for what is no address."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if address.is_loopback:
        return ""
    for one in (address, *_carried(address)):
        if one.is_link_local or one in METADATA:
            return "is link-local, where clouds keep their metadata service"
        if one.is_multicast or one.is_unspecified:
            return "is no address of a server"
    if offline and not _mapped(address).is_loopback:
        return "is not on this machine, and offline is set"
    return ""


def resolve(host: str, port: int, *, offline: bool = False) -> tuple[str, ...]:
    """Return a host's addresses, each judged.

    Raises OSError where the name does not resolve, EgressRefused where one address may not be connected to.
    """
    if host.lower().rstrip(".") in METADATA_NAMES:
        raise EgressRefused(f"{host} is a cloud's metadata service", rule="egress")
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = tuple(dict.fromkeys(str(row[4][0]) for row in found))
    for address in addresses:
        if why := refused_ip(address, offline=offline):
            raise EgressRefused(f"{host} resolves to an address that {why}", rule="egress")
    return addresses


def _mapped(address: Address) -> Address:
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address


def _carried(address: Address) -> Iterator[Address]:
    """Yield each IPv4 address that an IPv6 address carries within it."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    number = int(address)
    for network, shift in _CARRIERS:
        if address in network:
            yield ipaddress.IPv4Address((number >> shift) & 0xFFFFFFFF)
    if address.teredo:
        yield from address.teredo
    if (number >> 32) & 0xFFFFFFFF in _ISATAP:
        yield ipaddress.IPv4Address(number & 0xFFFFFFFF)
