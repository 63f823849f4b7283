"""What a simulated provider does with one request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Say:
    """Answer with a text, streamed in pieces where the client asks for a stream.

    `finish` is one of stop, length, refusal. `usage` False leaves the usage out. `cost` is reported as a gateway
    does, and `usage_fields` are added to the usage as they are. `pause` is slept between pieces; `comments` sends
    keep-alive comments before the first piece.

    `dress` is the form in which OpenAI's protocol carries the text: "" for a string, "chunks" for Mistral's list,
    "reasoning" for `reasoning_content`, "message" in place of `delta`, "tool" for the arguments of a call, "two"
    for a second choice that says something else. `ending` is how a stream ends: "done", "no done" without its last
    event, "no finish" without a finish reason either, "broken" with the connection reset, "open" with the
    connection left open in silence. `blanks` sends empty `data:` lines. `whole` ignores a wish for a stream, and
    `content_type` names the answer's type.
    """

    text: str = '{"findings": []}'
    finish: str = "stop"
    piece: int = 16
    usage: bool = True
    cost: str | None = None
    pause: float = 0.0
    comments: int = 0
    reasoning: int = 0
    usage_fields: Mapping[str, Any] = field(default_factory=dict)
    dress: str = ""
    ending: str = "done"
    blanks: bool = False
    whole: bool = False
    content_type: str = ""


@dataclass(frozen=True)
class Status:
    """Answer with an error status, a message in the vendor's shape, and headers.

    `error` replaces the vendor's error object; `inside` sends it in an answer that begins with 200.
    """

    status: int
    message: str = "simulated"
    headers: Mapping[str, str] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None
    inside: bool = False


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


def refusing(
    *fields: str, words: str = "Unsupported parameter: '{}'", then: Behaviour
) -> Callable[[Any], Behaviour]:
    """Refuse a request with 400 while it holds any of the fields, naming the first of them; then answer."""

    def answer(body: Any) -> Behaviour:
        found = next((name for name in fields if name in body), "")
        return Status(400, words.format(found)) if found else then

    return answer


Behaviour = Say | Status | Cut | ErrorInStream | Hang | Raw | Flood | Forever
