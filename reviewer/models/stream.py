"""Server-sent events: bytes in, events out (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import codecs
from collections.abc import Iterator


class EventDecoder:
    """Turns chunks of bytes, cut anywhere, into (event, data) pairs; comments and keep-alives vanish."""

    def __init__(self) -> None:
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._waiting: list[str] = []
        self._event = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[tuple[str, str]]:
        """Take a chunk and yield the events that it completes."""
        self._waiting.append(self._text.decode(chunk))
        # A line that comes in a thousand chunks is put together once.
        if not self._waiting[-1] or not any(end in self._waiting[-1] for end in "\r\n"):
            return
        self._rest = "".join((self._rest, *self._waiting))
        self._waiting.clear()
        # A carriage return at the end may be half of a line end.
        held = "\r" if self._rest.endswith("\r") else ""
        text = self._rest.removesuffix(held).replace("\r\n", "\n").replace("\r", "\n")
        *lines, rest = text.split("\n")
        self._rest = rest + held
        for line in lines:
            yield from self._line(line)

    def finish(self) -> Iterator[tuple[str, str]]:
        """Yield a last event whose blank line never came: some servers close without it."""
        last = "".join((self._rest, *self._waiting)).rstrip("\r")
        self._rest, self._waiting = "", []
        for line in (last, ""):
            yield from self._line(line)

    def _line(self, line: str) -> Iterator[tuple[str, str]]:
        if not line:
            if self._data:
                yield self._event, "\n".join(self._data)
            self._event, self._data = "", []
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
