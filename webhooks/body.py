"""Read the raw bytes of a request, within a size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reviewer.errors import DeliveryRefused

CHUNK: Final = 64 * 1024


def read_body(environ: Mapping[str, Any], limit: int) -> bytes:
    """Return the raw body of a WSGI request; DeliveryRefused for one too large, without a length, or cut off.

    A body that announces its length is refused before a byte of it is read. The time that a body may take is the
    HTTP server's to hold.
    """
    length = _length(environ)
    if length is not None and length > limit:
        raise _too_large(limit)
    try:
        body = _read(environ["wsgi.input"], limit + 1 if length is None else length)
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
