"""Body: the raw bytes of a request, within a size and within a time."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from reviewer.errors import DeliveryRefused

# GitHub waits ten seconds for an answer; a body that takes longer than this can no longer be answered in time.
BODY_SECONDS: Final = 8.0
CHUNK: Final = 64 * 1024
_WATCH_SECONDS: Final = 1.0


class Deadlines:
    """Ends the reading of sockets that are overdue, with one thread for all of them.

    A socket's own timeout starts again with every byte, so a sender of one byte per second would hold its thread
    for hours.
    """

    def __init__(self, seconds: float = BODY_SECONDS) -> None:
        self._seconds = seconds
        self._due: dict[socket.socket, float] = {}
        self._expired: set[socket.socket] = set()
        self._wake = threading.Condition()
        self._idle = False
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def watch(self, connection: socket.socket) -> Iterator[None]:
        """Give a socket its time; TimeoutError at the end of the block where it was not enough."""
        with self._wake:
            self._due[connection] = time.monotonic() + self._seconds
            if self._thread is None:
                # Started with the first request: a thread would not survive the fork of the server's worker.
                self._thread = threading.Thread(target=self._run, name="body-deadlines", daemon=True)
                self._thread.start()
            elif self._idle:
                self._idle = False
                self._wake.notify()
        try:
            yield
        finally:
            with self._wake:
                self._due.pop(connection, None)
                expired = connection in self._expired
                self._expired.discard(connection)
        if expired:
            raise TimeoutError

    def _run(self) -> None:
        with self._wake:
            while True:
                if not self._due:
                    self._idle = True
                    self._wake.wait()
                # Woken once, it looks on at its own pace: waking it for every request costs each one a switch.
                self._wake.wait(_WATCH_SECONDS)
                now = time.monotonic()
                for connection in [each for each, due in self._due.items() if due <= now]:
                    del self._due[connection]
                    self._expired.add(connection)
                    with contextlib.suppress(OSError):
                        # Whoever reads gets the end of the stream; the answer can still be written.
                        connection.shutdown(socket.SHUT_RD)


def read_body(environ: Mapping[str, Any], limit: int, deadlines: Deadlines) -> bytes:
    """Return the raw body of a WSGI request; DeliveryRefused for one too large, too slow, or cut off.

    A body that says its length is refused before a byte of it is read. The time limit needs the server to give its
    socket, as gunicorn does.
    """
    length = _length(environ)
    if length is not None and length > limit:
        raise _too_large(limit)
    connection = environ.get("gunicorn.socket")
    try:
        with deadlines.watch(connection) if connection is not None else contextlib.nullcontext():
            body = _read(environ["wsgi.input"], limit + 1 if length is None else length)
    except TimeoutError:
        raise DeliveryRefused(
            f"the body did not arrive within {BODY_SECONDS:.0f} seconds", rule="slow-body", status=408
        ) from None
    except OSError:
        raise DeliveryRefused("the body did not arrive", rule="cut-body") from None
    if len(body) > limit:
        raise _too_large(limit)
    if length is not None and len(body) < length:
        raise DeliveryRefused("the body is shorter than announced", rule="cut-body")
    return body


def _length(environ: Mapping[str, Any]) -> int | None:
    """Return the announced length, None for a chunked body."""
    raw = environ.get("CONTENT_LENGTH") or ""
    if raw.isascii() and raw.isdigit():
        return int(raw)
    if not raw and "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        return None
    raise DeliveryRefused("the request announces no body length", rule="length", status=411)


def _read(stream: Any, wanted: int) -> bytes:
    first: bytes = stream.read(min(CHUNK, wanted))
    if len(first) == wanted:
        return first
    chunks = [first]
    size = len(first)
    while chunks[-1] and size < wanted:
        chunks.append(stream.read(min(CHUNK, wanted - size)))
        size += len(chunks[-1])
    return b"".join(chunks)


def _too_large(limit: int) -> DeliveryRefused:
    return DeliveryRefused(
        f"the body is larger than {limit} bytes (KILO_REVIEW_BODY_LIMIT); GitHub sends at most 25 MB",
        rule="body-limit",
        status=413,
    )
