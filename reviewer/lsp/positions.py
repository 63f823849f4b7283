r"""Lines and columns as the language-server protocol counts them, from lines as git counts them.

For git a line ends at `\n` alone, for the protocol at `\n`, `\r\n` and a bare `\r`. A column is in units of UTF-16,
unless the client asked for another encoding.
"""

from __future__ import annotations

from dataclasses import dataclass

from reviewer.change.lines import split_lines

UTF8, UTF16, UTF32 = "utf-8", "utf-16", "utf-32"


@dataclass(frozen=True, slots=True)
class Span:
    """A range of the protocol, 0-based, the end exclusive."""

    start_line: int
    start_column: int
    end_line: int
    end_column: int


def units(text: str, encoding: str = UTF16) -> int:
    """Return the length of a text in the units of an encoding."""
    if encoding == UTF8:
        return len(text.encode("utf-8", "surrogatepass"))
    if encoding == UTF32:
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class Positions:
    """The lines of one text, and where they are for the protocol."""

    def __init__(self, text: str, encoding: str = UTF16) -> None:
        self.lines = tuple(split_lines(text))
        self.line_end = "\r\n" if "\r\n" in text else "\n"
        self._encoding = encoding
        # How many bare carriage returns come before each line: each ends a line of the protocol.
        self._returns = [0]
        for line in self.lines:
            self._returns.append(self._returns[-1] + line.count("\r"))

    def span(self, first: int, last: int, *, indented: bool = False) -> Span:
        """Return the range of lines `first`..`last` (1-based) without the last line end.

        `indented` starts it behind the indentation. Lines that the text does not have become its nearest ones.
        """
        if not self.lines:
            return Span(0, 0, 0, 0)
        first = min(max(first, 1), len(self.lines))
        last = min(max(last, first), len(self.lines))
        opening = self.lines[first - 1]
        skipped = opening[: len(opening) - len(opening.lstrip(" \t"))] if indented else ""
        start_line = first - 1 + self._returns[first - 1]
        ending = self.lines[last - 1].split("\r")
        return Span(
            start_line,
            units(skipped, self._encoding),
            last - 1 + self._returns[last],
            units(ending[-1], self._encoding),
        )
