"""Read single variables of the environment: each reader takes one kind of value and names what is wrong with it.

Pure: the environment is handed in. Every error is a ConfigurationError that names the variable and the remedy, and
that shows a value only where it cannot hold a secret.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

from reviewer.errors import ConfigurationError

Environment = Mapping[str, str]

# What copying and secret stores put around a value: white space, a byte order mark, characters without width.
BLANKS: Final = " \t\r\n\v\f\u00a0\ufeff\u200b\u200c\u200d\u2060"
MOST_SHOWN: Final = 60
LARGEST_PORT: Final = 65535
_ON: Final = frozenset({"1", "true", "yes", "on"})
_OFF: Final = frozenset({"", "0", "false", "no", "off"})
_APP_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
# SQLAlchemy's own shape of a URL, as far as the port: it converts what stands there without a check.
_DATABASE: Final = re.compile(
    r"postgresql\+psycopg://(?:[^:/@]*(?::[^@]*)?@)?(?:\[[^\]/]*\]|[^/:?@]*)(?::(?P<port>[^/?]*))?(?P<rest>[/?].*)?",
    re.DOTALL,
)


def text(env: Environment, name: str, default: str = "") -> str:
    """Read a word or a path without the blanks around it; an empty one counts as not set."""
    return env.get(name, "").strip(BLANKS) or default


def flag(env: Environment, name: str) -> bool:
    """Read a switch: 1, true, yes, on and 0, false, no, off, in any letters; not set is off."""
    word = text(env, name)
    if word.lower() in _ON | _OFF:
        return word.lower() in _ON
    raise ConfigurationError(f"{name}={_shown(word)} is neither on nor off", remedy="Write 1 or 0.")


def whole(env: Environment, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    """Read a whole number within its bounds, in decimal digits."""
    word = text(env, name)
    if not word:
        return default
    value = int(word) if word.isascii() and word.isdigit() and len(word) <= 18 else -1
    if value < least or (most is not None and value > most):
        bounds = f"from {least} to {most}" if most is not None else f"of at least {least}"
        raise ConfigurationError(
            f"{name}={_shown(word)} is not a whole number {bounds}", remedy=f"The default is {default}."
        )
    return value


def choice(env: Environment, name: str, choices: Collection[str], default: str) -> str:
    """Read one of a few words, in any letters."""
    word = text(env, name)
    near = next((known for known in choices if known.lower() == word.lower()), "")
    if word and not near:
        raise ConfigurationError(
            f"{name}={_shown(word)} is not one of {', '.join(choices)}", remedy=f"The default is {default}."
        )
    return near or default


def numbers(env: Environment, name: str) -> tuple[int, ...]:
    """Read GitHub's numeric ids, separated by commas or blanks."""
    words = text(env, name).replace(",", " ").split()
    if not all(word.isascii() and word.isdigit() and len(word) <= 18 for word in words):
        raise ConfigurationError(
            f"{name} holds something that is no numeric id",
            remedy="Give GitHub's user ids, separated by commas: names of bots can be taken by others.",
        )
    return tuple(int(word) for word in words)


def app_id(env: Environment, name: str) -> str:
    """Read the App's id or its client id."""
    word = text(env, name)
    if word and not _APP_ID.fullmatch(word):
        raise ConfigurationError(
            f"{name}={_shown(word)} is not the id of an App",
            remedy="Copy the App ID, a number, from the App's settings page on GitHub.",
        )
    return word


def host(env: Environment, name: str, default: str) -> str:
    """Read the name or address that a server listens on."""
    word = text(env, name, default)
    if "/" in word or any(char.isspace() or not char.isprintable() for char in word):
        raise ConfigurationError(
            f"{name}={_shown(word)} is not a host", remedy=f"Write an address such as {default} or 0.0.0.0."
        )
    return word


def base_url(env: Environment, name: str, default: str = "") -> str:
    """Read the address of an API; what people paste behind it, the path of a request, is taken off."""
    url = text(env, name).rstrip("/")
    if not url:
        return default
    if not url.lower().startswith(("http://", "https://")):
        scheme, has_scheme, _ = url.partition("://")
        hidden = "@" in url or "?" in url
        if has_scheme:
            remedy = f"Only http and https are supported, not {scheme!r}."
        else:
            near = "http" if url.startswith(("localhost", "127.", "[::1]", "192.168.", "10.")) else "https"
            remedy = f"Write {near}:// in front of it" + ("." if hidden else f": {name}={near}://{url}")
        shown = "" if hidden else f"={url!r}"
        raise ConfigurationError(f"{name}{shown} is not an http or https URL", remedy=remedy)
    _check_place(url, name, "https://HOST or http://HOST:PORT")
    for request_path in ("/chat/completions", "/models"):
        url = url.removesuffix(request_path)
    return url


def web_address(env: Environment, name: str) -> str:
    """Read an address to post to; its path may be a secret, so nothing of it is shown."""
    url = text(env, name)
    if url and not url.lower().startswith(("http://", "https://")):
        raise ConfigurationError(
            f"{name} is not an http or https URL",
            remedy="Set it to the address of an incoming webhook, https://HOST/PATH, or unset it.",
        )
    if url:
        _check_place(url, name, "https://HOST/PATH")
    return url


def redis_url(env: Environment, name: str) -> str:
    """Read the address of a Redis: redis://, rediss:// or unix://."""
    url = text(env, name)
    remedy = "Write redis://HOST:6379/0 (rediss:// with TLS, unix:///path/redis.sock for a socket)."
    if not url:
        return ""
    scheme, has_scheme, rest = url.partition("://")
    if not has_scheme or scheme.lower() not in ("redis", "rediss", "unix"):
        shown = "" if "@" in url or "?" in url else f"={_shown(url)}"
        raise ConfigurationError(f"{name}{shown} is not the address of a Redis", remedy=remedy)
    if scheme.lower() == "unix":
        if not rest.rpartition("@")[2].startswith("/"):
            raise ConfigurationError(f"{name} names no socket", remedy=remedy)
        return url
    _check_place(url, name, "redis://HOST:6379/0")
    database = urlsplit(url).path.strip("/")
    if database and not database.isdigit():
        raise ConfigurationError(f"{name} names a database that is no number", remedy=remedy)
    return url


def database_url(env: Environment, name: str, default: str) -> str:
    """Read the ledger's address, as SQLAlchemy takes it."""
    url = text(env, name, default)
    remedy = "Use sqlite:////absolute/path/ledger.sqlite or postgresql://user:password@host/name."
    # Heroku and many hosts still hand out the scheme that SQLAlchemy dropped.
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            url = "postgresql+psycopg://" + url.removeprefix(scheme)
    if url.startswith("sqlite:///"):
        if url.removeprefix("sqlite:///").partition("?")[0] in ("", ":memory:"):
            raise ConfigurationError(f"{name} names no file: the processes would not share it", remedy=remedy)
        return url
    parsed = _DATABASE.fullmatch(url)
    if parsed is None:
        kind = url.partition(":")[0] if re.match(r"[A-Za-z][A-Za-z0-9+]{0,30}:", url) else "no scheme"
        raise ConfigurationError(
            f"{name} names a database that the ledger cannot be kept in ({kind})", remedy=remedy
        )
    port = parsed["port"]
    if port and not (port.isascii() and port.isdigit() and 0 < int(port[:9]) <= LARGEST_PORT):
        raise ConfigurationError(
            f"{name} names a port that is no number up to {LARGEST_PORT}",
            remedy=f"{remedy} Write %40 for @, %3A for : and %2F for / in a password.",
        )
    return url


def _check_place(url: str, name: str, form: str) -> None:
    """Raise ConfigurationError for a URL without a host, or with a port that is none; the URL is not shown."""
    try:
        parts = urlsplit(url)
        place, port = parts.hostname, parts.port
    except ValueError:
        place, port = "", None
    if not place or port == 0 or any(char.isspace() for char in url):
        raise ConfigurationError(
            f"{name} holds no host, or a port that is no number up to {LARGEST_PORT}", remedy=f"Write {form}."
        )


def _shown(word: str) -> str:
    return repr(word if len(word) <= MOST_SHOWN else word[:MOST_SHOWN] + "…")
