"""Read the body of an answer, streamed or in one piece, as it arrives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from reviewer.models.clocking import PhaseClock
from reviewer.models.faults import FaultKind, ProviderFault
from reviewer.models.heard import Heard
from reviewer.models.runaway import RunawayGuard
from reviewer.models.stream import EventDecoder
from reviewer.models.wire import Ask, Reader

_BLANK: Final = b" \t\r\n\xef\xbb\xbf"


class Listener:
    """Takes the bytes of one answer and fills what was heard.

    Whether they are events or one JSON object is told by their first letter: servers name the type of what they
    send in every way, and some send an object where a stream was asked for.
    """

    def __init__(self, ask: Ask, heard: Heard, clock: PhaseClock, *, limit: int) -> None:
        assert heard.reader is not None  # noqa: S101 - set before anything is sent
        self._heard = heard
        self._reader: Reader = heard.reader
        self._clock = clock
        self._limit = limit
        self._guard = RunawayGuard(max_output_tokens=ask.max_output_tokens, schema=ask.prompt.schema)
        self._decoder = EventDecoder()
        self._size = 0
        self._head = b""
        self._whole: list[bytes] | None = None
        self._events = False

    def take(self, chunk: bytes) -> bool:
        """Take more bytes; True where nothing more is wanted."""
        self._size += len(chunk)
        if self._size > self._limit:
            raise ProviderFault(FaultKind.TOO_LARGE, f"answered more than {self._limit} bytes")
        if self._clock.left() <= 0:
            raise ProviderFault(FaultKind.TIMEOUT, self._clock.reason())
        if self._whole is not None:
            self._whole.append(chunk)
            return False
        if not self._events:
            self._head += chunk
            start = self._head.lstrip(_BLANK)
            if not start:
                self._head = b""
                return False
            chunk, self._head = start, b""
            if start[:1] in (b"{", b"["):
                self._whole = [start]
                return False
            self._events = True
        return any(self._event(event, data) for event, data in self._decoder.feed(chunk))

    def close(self) -> None:
        """Take the end of the body."""
        if self._whole is not None:
            self._one_piece(b"".join(self._whole).decode("utf-8", "replace"))
            return
        for event, data in self._decoder.finish():
            if self._event(event, data):
                return
        if not self._reader.ended:
            raise ProviderFault(FaultKind.CUT, "the answer stopped before its end")

    def _one_piece(self, text: str) -> None:
        """Take an answer in one object, or the events of a stream in one list (Gemini without `alt=sse`)."""
        value = _json(text)
        if isinstance(value, list):
            for item in value:
                self._heard.text += self._reader.feed("", _object(item))
        else:
            self._heard.text = self._reader.whole(_object(value))

    def _event(self, event: str, data: str) -> bool:
        """Take one event; True where nothing more is wanted."""
        if data.strip() == "[DONE]":
            self._reader.ended = True
            return True
        if not data.strip():
            return False
        body = _object(_json(data))
        thought = len(self._reader.reasoning)
        text = self._reader.feed(event, body)
        if text or len(self._reader.reasoning) > thought or _thinks(body):
            self._clock.token()
        if self._reader.ended:
            self._clock.ended()
        if not text:
            return False
        self._heard.text += text
        self._heard.cut = self._guard.feed(text)
        self._heard.after_end = self._guard.after_end
        return bool(self._heard.cut)


def _json(text: str) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        raise ProviderFault(FaultKind.UNREADABLE, "answered something that is not JSON") from None
    return value


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ProviderFault(FaultKind.UNREADABLE, "answered something that is no JSON object")
    return value


def _thinks(body: Mapping[str, Any]) -> bool:
    """Return True where an event shows that the model is at work although it brings no text."""
    delta = body.get("delta")
    if isinstance(delta, dict):
        return str(delta.get("type", "")).startswith("thinking")
    return bool(body.get("candidates"))
