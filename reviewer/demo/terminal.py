"""The conversation for a terminal: the inline comments with their code, the summary, the check run."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from reviewer.demo.simulator.conversation import Conversation, FileView, ThreadView

COMMENT: Final = re.compile(r"<!--.*?-->\n?", re.DOTALL)
LINK: Final = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(https?://[^()\s]*\)")
FOLD: Final = re.compile(r"</?(?:details|summary|sub|sup)>")
WIDTH: Final = 100
CODE_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class Style:
    """Colours, or none where the output is not a terminal."""

    colour: bool = False

    def __call__(self, text: str, code: str) -> str:
        """Return the text in a colour (an SGR code)."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text


def render(talk: Conversation, style: Style) -> str:
    """Return the conversation as text."""
    return "\n".join(_lines(talk, style)) + "\n"


def _lines(talk: Conversation, style: Style) -> Iterator[str]:
    yield style(f"{talk.title}  {talk.repository}#{talk.number}", "1")
    yield style(f"{talk.author} wants to merge {talk.head_ref} into {talk.base_ref} · {talk.url}", "2")
    if talk.notice:
        yield style(talk.notice, "33")
    for file in talk.files:
        for thread in file.threads:
            yield ""
            yield from _thread(file, thread, style)
    for comment in (*talk.reviews, *talk.comments):
        if comment.body.strip():
            yield ""
            yield style(f"── {comment.author} " + "─" * max(0, WIDTH - len(comment.author) - 4), "2")
            yield markdown(comment.body, style)
    for check in talk.checks:
        yield ""
        colour = {"success": "32", "failure": "31"}.get(check.conclusion or "", "33")
        yield f"{style('●', colour)} {check.name}: {check.conclusion or check.status} · {check.title}"


def _thread(file: FileView, thread: ThreadView, style: Style) -> Iterator[str]:
    lines = (file.patch or "").split("\n")
    yield style(f"{thread.path}:{thread.line}", "36;1")
    if thread.position is not None and thread.position < len(lines):
        count = thread.line - thread.start_line + 1 if thread.start_line else 1
        first = max(0, thread.position - min(count, CODE_LINES) + 1)
        for line in lines[first : thread.position + 1]:
            yield style(f"    {line}", {"+": "32", "-": "31"}.get(line[:1], "0"))
    for comment in thread.comments:
        yield textwrap.indent(markdown(comment.body, style, WIDTH - 2), "  ")


def markdown(body: str, style: Style, width: int = WIDTH) -> str:
    """Return a comment's Markdown laid out for a terminal; links are their text."""
    # Imported here: a library of its own size, for the text output only.
    from rich.console import Console  # noqa: PLC0415
    from rich.markdown import Markdown  # noqa: PLC0415

    out = io.StringIO()
    colours: Literal["standard"] | None = "standard" if style.colour else None
    console = Console(
        file=out,
        width=width,
        force_terminal=style.colour,
        color_system=colours,
        highlight=False,
        legacy_windows=False,
    )
    console.print(Markdown(LINK.sub(r"\1", plain(body)), hyperlinks=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip("\n")


def plain(body: str) -> str:
    """Return a comment's Markdown without what only a browser shows, and without control characters."""
    text = FOLD.sub("", COMMENT.sub("", body))
    return "".join(c for c in text if c in "\n\t" or c.isprintable()).strip()
