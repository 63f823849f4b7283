"""Where a request may go: configured base URLs, never a cloud's metadata service, only loopback when offline."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from reviewer.models.faults import FaultKind, ProviderFault

# Cloud metadata services outside the link-local range: Alibaba, AWS over IPv6, Oracle.
METADATA: Final = frozenset(
    ipaddress.ip_address(text) for text in ("100.100.100.200", "fd00:ec2::254", "192.0.0.192", "168.63.129.16")
)
METADATA_NAMES: Final = ("metadata", "metadata.google.internal", "instance-data")


def is_loopback(url: str) -> bool:
    """Return True where a URL names this machine by a loopback address or as localhost."""
    host = (urlsplit(url).hostname or "").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refused_url(url: str, *, offline: bool) -> str:
    """Return why a base URL cannot be used, "" where it can."""
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").lower().rstrip("."), parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in ("http", "https") or not host:
        return "is not an http or https URL"
    if parts.username or parts.password:
        return "holds a user name or password; set the key in its own variable"
    if parts.query or parts.fragment:
        return "holds a query or fragment; a base URL ends with its path"
    return _refused_host(host, offline=offline)


def _refused_host(host: str, *, offline: bool) -> str:
    if host in METADATA_NAMES:
        return "is a cloud's metadata service"
    try:
        return refused_ip(host, offline=offline)
    except ValueError:
        local = host == "localhost" or host.endswith(".localhost")
        return "is not on this machine, and offline is set" if offline and not local else ""


def refused_ip(text: str, *, offline: bool) -> str:
    """Return why an address may not be connected to, "" where it may; ValueError for what is no address."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_link_local or address in METADATA:
        return "is link-local, where clouds keep their metadata service"
    if address.is_multicast or address.is_unspecified:
        return "is no address of a server"
    if offline and not address.is_loopback:
        return "is not on this machine, and offline is set"
    return ""


def check_ip(host: str, address: str, *, offline: bool) -> None:
    """Raise ProviderFault where a host's resolved address may not be connected to."""
    if why := refused_ip(address, offline=offline):
        raise ProviderFault(FaultKind.ADDRESS_REFUSED, f"{host} resolves to an address that {why}", sent=False)
