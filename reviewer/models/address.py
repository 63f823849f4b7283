"""Where a request may go: configured base URLs, never a cloud's metadata service, only loopback when offline."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from reviewer.egress import METADATA_NAMES, refused_ip


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
