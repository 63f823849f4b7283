"""Addresses with secrets in them: which values those are, and how to print the address without. Pure."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

MASK = "***"


def address_secrets(url: str, *, path: bool = False) -> tuple[str, ...]:
    """Return the secret values of an address, as written and decoded.

    They are its password, a user name without a password (a token), and the values of its query. `path` counts the
    parts of the path too: the path of a webhook is all that a sender needs.
    """
    parts = _split(url)
    if parts is None:
        return (url,) if "@" in url else ()
    user, password = _credentials(parts)
    values = [password] if password else [user]
    values += [value for _name, value in parse_qsl(parts.query)]
    values += parts.path.split("/") if path else []
    return tuple(dict.fromkeys(form for value in values if value for form in (value, unquote(value))))


def printable(url: str, *, path: bool = False) -> str:
    """Return an address without its secrets, for logs and representations."""
    parts = _split(url)
    if parts is None:
        return MASK if "@" in url else url
    user, password = _credentials(parts)
    host = parts.netloc.rpartition("@")[2]
    who = f"{user}:{MASK}@" if password else f"{MASK}@" if user else ""
    query = f"?{MASK}" if parts.query else ""
    shown = f"/{MASK}" if path and parts.path.strip("/") else parts.path
    # Written out: an address without a host keeps its slashes, which `urlunsplit` drops for sqlite.
    return f"{parts.scheme}://{who}{host}{shown}{query}" if "://" in url else url


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _credentials(parts: SplitResult) -> tuple[str, str]:
    """Return user and password as they are written, still encoded."""
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    return user, password
