"""The server over streamable HTTP: who may connect, under which host names, with which token."""

from __future__ import annotations

import hmac
import ipaddress
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reviewer.errors import ConfigurationError
from reviewer.settings import LEAST_TOKEN, Secret

if TYPE_CHECKING:
    from mcp.server import Server
    from starlette.types import ASGIApp, Receive, Scope, Send

PATH: Final = "/mcp"
LOOPBACK: Final = "127.0.0.1"
_LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
_STOP_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 is any that is free."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """True where only this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True, slots=True)
class Door:
    """Who gets in: the token (none is asked for where it is empty), and the names that clients reach us under."""

    token: Secret
    names: tuple[str, ...] = ()


def parse_address(text: str) -> Address:
    """Return the address of `HOST:PORT`, `[IPV6]:PORT` or `PORT`; ConfigurationError for any other text."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) < 65536) or (":" in host and not host.startswith("[")):
        raise ConfigurationError(
            f"--http {text!r} is no address", remedy="Write HOST:PORT, such as 127.0.0.1:8765."
        )
    return Address(host.strip("[]") or LOOPBACK, int(port))


def check_door(address: Address, door: Door) -> None:
    """Raise ConfigurationError where anybody on the network could get in."""
    if address.loopback:
        return
    if not door.token:
        raise ConfigurationError(
            f"{address.host} is not loopback, and KILO_REVIEW_MCP_TOKEN is not set",
            remedy=f"Set a token of {LEAST_TOKEN} letters or more (openssl rand -hex 32), or listen on {LOOPBACK}.",
        )
    if not door.names:
        raise ConfigurationError(
            f"{address.host} is not loopback, and no name is allowed in the header Host",
            remedy="Name what clients connect to: --allow-host reviews.example.org",
        )


def serve_http(server: Server[Any], address: Address, door: Door) -> None:
    """Serve until a signal ends it; the address is told on standard error."""
    import uvicorn  # noqa: PLC0415 - over HTTP alone
    from mcp.server.transport_security import TransportSecuritySettings  # noqa: PLC0415 - as above

    check_door(address, door)
    with _listening(address) as listener:
        port = listener.getsockname()[1]
        hosts = allowed_hosts(port, door.names)
        origins = [f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")]
        app: ASGIApp = server.streamable_http_app(
            streamable_http_path=PATH,
            host=address.host,
            transport_security=TransportSecuritySettings(
                enable_dns_rebinding_protection=True, allowed_hosts=hosts, allowed_origins=origins
            ),
        )
        if door.token:
            app = BearerGuard(app, door.token)
        shown = f"[{address.host}]" if ":" in address.host else address.host
        sys.stderr.write(f"kilo-review: http://{shown}:{port}{PATH}\n")
        sys.stderr.flush()
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=_STOP_SECONDS)
        uvicorn.Server(config).run(sockets=[listener])


def allowed_hosts(port: int, names: Sequence[str]) -> list[str]:
    """Return what the header Host may be: loopback under our port, and the given names under any port or none."""
    own = [f"{name}:{port}" for name in _LOOPBACK_NAMES]
    return [*own, *names, *(f"{name}:*" for name in names)]


def _listening(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        # Before the address is told, so that whoever reads it can connect.
        listener.listen()
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"cannot listen on {address.host}:{address.port}: {error.strerror}",
            remedy="Name another port, or 0 for any that is free.",
        ) from None
    return listener


class BearerGuard:
    """Lets requests through that carry the token, and answers 401 to others."""

    def __init__(self, app: ASGIApp, token: Secret) -> None:
        self._app = app
        self._wanted = f"Bearer {token.reveal()}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "lifespan" or (scope["type"] == "http" and self._knows(scope)):
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        text = b"Send the header Authorization: Bearer TOKEN, with the token of KILO_REVIEW_MCP_TOKEN.\n"
        headers = [
            (b"content-type", b"text/plain"),
            (b"content-length", str(len(text)).encode()),
            (b"www-authenticate", b"Bearer"),
        ]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    def _knows(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        return len(given) == 1 and hmac.compare_digest(given[0], self._wanted)
