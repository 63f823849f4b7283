"""The one HTTP client of a process: guarded addresses, timed reads, no redirects, no URLs in logs."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import ssl
import threading
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore
import httpx

from reviewer.egress import resolve
from reviewer.models.address import is_loopback
from reviewer.models.clocking import running_clock

# Of one process, for all of its reviews.
POOL_SIZE: Final = 256
KEEP_ALIVE_SECONDS: Final = 30.0
# How long a read may not notice that everything stops.
POLL_SECONDS: Final = 0.25
USER_AGENT: Final = "kilo-review"

# httpx logs whole URLs at INFO, credentials and query included (encode/httpx #2760); httpcore headers at DEBUG.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class _ClockedStream(httpcore.NetworkStream):
    """A socket whose reads obey the running call's clock."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        clock = running_clock()
        if clock is None:
            return self._stream.read(max_bytes, timeout)
        while True:
            # A limit of exactly 0 would make the socket non-blocking instead of timing out.
            left = max(0.001, clock.left())
            try:
                return self._stream.read(max_bytes, min(left, POLL_SECONDS))
            except httpcore.ReadTimeout:
                if clock.left() <= 0:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _ClockedStream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _GuardedBackend(httpcore.NetworkBackend):
    """Connects to addresses that were judged."""

    def __init__(self, *, offline: bool) -> None:
        self._offline = offline
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = resolve(host, port, offline=self._offline)
        except OSError as error:
            raise httpcore.ConnectError(f"the name does not resolve: {error.strerror or 'unknown'}") from None
        last: Exception = httpcore.ConnectError("the name has no address")
        for address in addresses:
            try:
                return _ClockedStream(
                    self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last


# httpcore's errors as httpx's; the first match counts, so the narrower come first.
_ERRORS: Final[tuple[tuple[type[Exception], type[httpx.TransportError]], ...]] = (
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.ReadTimeout, httpx.ReadTimeout),
    (httpcore.WriteTimeout, httpx.WriteTimeout),
    (httpcore.PoolTimeout, httpx.PoolTimeout),
    (httpcore.TimeoutException, httpx.ReadTimeout),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.ReadError, httpx.ReadError),
    (httpcore.WriteError, httpx.WriteError),
    (httpcore.NetworkError, httpx.NetworkError),
    (httpcore.ProxyError, httpx.ProxyError),
    (httpcore.UnsupportedProtocol, httpx.UnsupportedProtocol),
    (httpcore.LocalProtocolError, httpx.LocalProtocolError),
    (httpcore.ProtocolError, httpx.RemoteProtocolError),
)


@contextlib.contextmanager
def _as_httpx() -> Iterator[None]:
    """Raise httpcore's errors as httpx's own."""
    try:
        yield
    except Exception as error:
        for theirs, ours in _ERRORS:
            if isinstance(error, theirs):
                raise ours(str(error)) from error
        raise


class _Body(httpx.SyncByteStream):
    """The body of a response that is still on its way."""

    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._stream

    def close(self) -> None:
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()


class GuardedTransport(httpx.BaseTransport):
    """Sends httpx's requests through a pool of connections to checked addresses."""

    def __init__(self, *, offline: bool, proxy: str, tls: bool) -> None:
        # Reading the trust store is most of the cost, so plain HTTP gets a context without certificates.
        context = httpx.create_ssl_context(trust_env=True) if tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        backend = _GuardedBackend(offline=offline)
        self._connections: httpcore.ConnectionPool
        if proxy:
            parts = urlsplit(proxy)
            self._connections = httpcore.HTTPProxy(
                proxy_url=f"{parts.scheme}://{parts.hostname}:{parts.port or 3128}",
                proxy_auth=(parts.username, parts.password or "") if parts.username else None,
                ssl_context=context,
                max_connections=POOL_SIZE,
                keepalive_expiry=KEEP_ALIVE_SECONDS,
                network_backend=backend,
            )
        else:
            self._connections = httpcore.ConnectionPool(
                ssl_context=context,
                max_connections=POOL_SIZE,
                keepalive_expiry=KEEP_ALIVE_SECONDS,
                network_backend=backend,
            )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the response's body is read as it is iterated over."""
        assert isinstance(request.stream, httpx.SyncByteStream)  # noqa: S101 - the client is synchronous
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx():
            found = self._connections.handle_request(sent)
        assert isinstance(found.stream, Iterable)  # noqa: S101 - the pool is synchronous
        return httpx.Response(
            found.status, headers=found.headers, stream=_Body(found.stream), extensions=found.extensions
        )

    def close(self) -> None:
        """Close every connection."""
        self._connections.close()


_lock = threading.Lock()
_clients: dict[tuple[bool, bool, str], httpx.Client] = {}


def proxy_for(url: str) -> str:
    """Return the proxy that the machine's own set-up names for a URL, "" for none and always for loopback."""
    parts = urlsplit(url)
    if is_loopback(url) or urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    found = urllib.request.getproxies()
    proxy = found.get(parts.scheme) or found.get("all") or ""
    return proxy if proxy.startswith(("http://", "https://")) else ""


def client_for(url: str, *, offline: bool) -> httpx.Client:
    """Return the process's client for a base URL: one for TLS, one for plain HTTP, one per proxy."""
    proxy = "" if offline else proxy_for(url)
    tls = url.startswith("https:") or proxy.startswith("https:")
    key = (offline, tls, proxy)
    with _lock:
        if key not in _clients:
            _clients[key] = httpx.Client(
                transport=GuardedTransport(offline=offline, proxy=proxy, tls=tls),
                follow_redirects=False,
                trust_env=False,
                headers={"user-agent": USER_AGENT},
            )
        return _clients[key]


def close_clients() -> None:
    """Close every connection; done by itself when the process ends."""
    with _lock, contextlib.suppress(Exception):
        for client in _clients.values():
            client.close()
        _clients.clear()


# Without it the garbage collector meets the kept connections at the very end, and complains.
atexit.register(close_clients)


def _forget() -> None:
    """Leave the parent's connections to the parent: two processes on one socket would read each other's answers."""
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it at the fork
    _lock = threading.Lock()
    _clients.clear()


# For whoever forks a process that has asked a model.
os.register_at_fork(after_in_child=_forget)
