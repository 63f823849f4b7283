"""What a simulated provider does with one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Say:
    """Answer with a text, streamed in pieces where the client asks for a stream.

    `finish` is one of stop, length, refusal. `usage` False leaves the usage out. `cost` is reported as a gateway
    does. `pause` is slept between pieces; `comments` sends keep-alive comments before the first piece.
    """

    text: str = '{"findings": []}'
    finish: str = "stop"
    piece: int = 16
    usage: bool = True
    cost: str | None = None
    pause: float = 0.0
    comments: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Status:
    """Answer with an error status, a message in the vendor's shape, and headers."""

    status: int
    message: str = "simulated"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cut:
    """Stream some pieces of a text, then drop the connection."""

    text: str = '{"findings": [{"title": "a long answer that will not end"'
    pieces: int = 2
    piece: int = 16


@dataclass(frozen=True)
class ErrorInStream:
    """Begin with 200 and a piece of text, then send the vendor's error event."""

    message: str = "Overloaded"
    text: str = '{"find'


@dataclass(frozen=True)
class Hang:
    """Say nothing for so long: before the headers, or after them (`headers`), or after a first piece (`piece`)."""

    seconds: float
    headers: bool = False
    piece: str = ""
    comments: bool = False


@dataclass(frozen=True)
class Raw:
    """Answer 200 with these bytes and this type, whatever they are."""

    body: bytes
    content_type: str = "text/event-stream"


@dataclass(frozen=True)
class Flood:
    """Stream so many bytes of comments, which carry no text and never end the answer."""

    size: int


@dataclass(frozen=True)
class Forever:
    """Stream the same piece until the client leaves, at most `limit` times."""

    piece: str
    start: str = '{"findings": ['
    limit: int = 200_000


Behaviour = Say | Status | Cut | ErrorInStream | Hang | Raw | Flood | Forever
