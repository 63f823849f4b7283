"""Serve HTTP with waitress: one thread receives every request, and a pool of threads answers complete ones.

A client that sends slowly holds a socket and a buffer, never a thread. It has `REQUEST_SECONDS` for a whole
request; where connections run short, the one that has waited longest for its client is closed for a new one.
https://docs.pylonsproject.org/projects/waitress/
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from waitress import wasyncore  # type: ignore[import-untyped]
from waitress.adjustments import Adjustments  # type: ignore[import-untyped]
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.parser import HTTPRequestParser  # type: ignore[import-untyped]
from waitress.server import TcpWSGIServer  # type: ignore[import-untyped]
from waitress.task import ThreadedTaskDispatcher  # type: ignore[import-untyped]
from waitress.utilities import Error  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# Deliveries wait for the ledger and for Redis, not for the processor.
THREADS: Final = 8
# From the first byte of a request to its last, in seconds. GitHub waits ten seconds for an answer: a request that
# takes longer to arrive can no longer be answered in time.
REQUEST_SECONDS: Final = 8.0
# How long a connection may be open between two requests, in seconds.
IDLE_SECONDS: Final = 30
# At a stop, requests that have arrived whole get this long, in seconds.
GRACE_SECONDS: Final = 5.0
CONNECTIONS: Final = 500
HEADER_BYTES: Final = 16 * 1024
_TICK_SECONDS: Final = 0.5


class RequestError(Error):  # type: ignore[misc] # waitress has no types
    """The answer to a request that is refused before the application sees it, as JSON like every other answer."""

    def __init__(self, status: HTTPStatus, rule: str, message: str) -> None:
        super().__init__(json.dumps({"error": rule, "message": message}) + "\n")
        self.code, self.reason = int(status), status.phrase

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:  # noqa: ARG002
        """Return status line, headers and body in waitress's form."""
        body = self.body.encode()
        headers = [
            ("Content-Length", str(len(body))),
            ("Content-Type", "application/json"),
            ("Connection", "close"),
        ]
        return f"{self.code} {self.reason}", headers, body


class RequestParser(HTTPRequestParser):  # type: ignore[misc]
    """Waitress's parser, whose refusals are the sender's fault (4xx) and are said in our form."""

    error: Error | None

    def received(self, data: bytes) -> int:
        """Take bytes and return how many of them belong to this request."""
        taken: int = super().received(data)
        if self.error is not None and not isinstance(self.error, RequestError):
            self.error = _refusal(self.error, self.adj.max_request_body_size - 1)
        return taken


def _refusal(error: Error, body_limit: int) -> RequestError:
    if error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "body-limit",
            f"the body is larger than {body_limit} bytes (KILO_REVIEW_BODY_LIMIT); GitHub sends at most 25 MB",
        )
    if error.code == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
        return RequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "header-limit", "the headers are too large")
    # Also what waitress calls 501: a transfer coding that it does not know.
    return RequestError(HTTPStatus.BAD_REQUEST, "http", "this is not an HTTP/1.1 request that can be read")


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection, which knows since when it waits for its client."""

    parser_class = RequestParser
    request: HTTPRequestParser | None = None

    def __init__(self, server: Any, sock: Any, addr: Any, adj: Any, map: Any = None) -> None:  # noqa: A002 - waitress's name
        self.waiting_since = time.monotonic()
        super().__init__(server, sock, addr, adj, map=map)

    def received(self, data: bytes) -> bool:
        """Take bytes from the client; the time of a request begins with its first byte."""
        if self.request is None:
            self.waiting_since = time.monotonic()
        return bool(super().received(data))

    def is_waiting(self) -> bool:
        """Tell whether the client has to send something before anything can go on."""
        return not (self.requests or self.total_outbufs_len or self.will_close or self.close_when_flushed)

    def time_out(self) -> None:
        """Answer 408 and close: to a request that is not whole yet."""
        with self.requests_lock:
            request = self.request
            if request is None or self.requests:
                return
            request.error = RequestError(
                HTTPStatus.REQUEST_TIMEOUT,
                "slow-request",
                f"the request did not arrive within {REQUEST_SECONDS:.0f} seconds",
            )
            request.completed = True
            self.request = None
            self.requests.append(request)
        self.server.add_task(self)


class HTTPServer(TcpWSGIServer):  # type: ignore[misc]
    """Serve a WSGI application on one address until `stop()`; `bound` is called once the port is open."""

    channel_class = Channel

    def __init__(
        self, application: WSGIApplication, address: tuple[str, int], *, body_limit: int, threads: int = THREADS
    ) -> None:
        host, port = address
        adjustments = Adjustments(
            host=host,
            port=port,
            threads=threads,
            ident=None,
            connection_limit=CONNECTIONS,
            channel_timeout=IDLE_SECONDS,
            cleanup_interval=1,
            max_request_header_size=HEADER_BYTES,
            # Waitress refuses a body of this size already.
            max_request_body_size=body_limit + 1,
            asyncore_use_poll=True,
            expose_tracebacks=False,
            log_socket_errors=False,
        )
        self._dispatcher = ThreadedTaskDispatcher()
        self._dispatcher.set_thread_count(threads)
        self._stopping = False
        super().__init__(application, adj=adjustments, dispatcher=self._dispatcher, map={})

    def serve(self, *, bound: Callable[[], object] = lambda: None) -> None:
        """Serve until `stop()`, then let the requests that have arrived be answered."""
        bound()
        while not self._stopping:
            self._turn()
        self.accepting = False
        self.socket.close()
        self._map.pop(self._fileno, None)
        deadline = time.monotonic() + GRACE_SECONDS
        while self._at_work() and time.monotonic() < deadline:
            self._turn()
        self._dispatcher.shutdown(timeout=max(0.1, deadline - time.monotonic()))
        wasyncore.close_all(self._map)

    def stop(self) -> None:
        """Ask `serve()` to end; safe to call from a signal handler and from any thread."""
        self._stopping = True
        # The trigger is closed once the server has ended.
        with contextlib.suppress(OSError):
            self.pull_trigger()

    def maintenance(self, now: float) -> None:
        """Close connections that are idle, and answer 408 to requests that are overdue."""
        super().maintenance(now)
        overdue = time.monotonic() - REQUEST_SECONDS
        for channel in list(self.active_channels.values()):
            if channel.is_waiting() and channel.request is not None and channel.waiting_since < overdue:
                channel.time_out()

    def handle_accept(self) -> None:
        """Accept a connection; where there are too many, close the one that waited longest for its client."""
        if len(self.active_channels) >= CONNECTIONS - 10:
            waiting = [channel for channel in self.active_channels.values() if channel.is_waiting()]
            if waiting:
                min(waiting, key=lambda channel: channel.waiting_since).handle_close()
        super().handle_accept()

    def _turn(self) -> None:
        wasyncore.loop(timeout=_TICK_SECONDS, use_poll=True, map=self._map, count=1)

    def _at_work(self) -> bool:
        return any(channel.requests or channel.total_outbufs_len for channel in self.active_channels.values())


def family_of(host: str) -> socket.AddressFamily:
    """Return the address family of a host to listen on."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET
