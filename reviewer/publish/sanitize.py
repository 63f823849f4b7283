"""Model-written Markdown → Markdown that shows the same words and does nothing. Pure.

The text is parsed and written anew from a few known pieces; whatever is not one of them comes out as code that
everyone can see. So an image, raw HTML, a link, a mention, a closing keyword, a command to a bot, a hidden
character or a fence that ends early cannot survive: there is no way to write them.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from reviewer.publish.escape import code, fence, guard_line, join, plain, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# Longer text is cut before it is parsed: a comment of more is not read.
MAX_SOURCE: Final = 20_000
MAX_TITLE: Final = 200
NO_TITLE: Final = "(no title)"
MAX_DEPTH: Final = 4
MAX_ADDRESS: Final = 120
# A summary that does not fit is composed again in less detail, from the same texts.
CACHED: Final = 1024


@lru_cache(maxsize=CACHED)
def markdown(text: str, *, limit: int = MAX_SOURCE) -> str:
    """Return safe block Markdown; text over `limit` characters is cut and says so."""
    source = visible(text)
    left_out = len(source) - limit
    if left_out > 0:
        source = source[:limit]
    lines = _Blocks(_parser().parse(source)).write()
    if left_out > 0:
        lines += ["", f"… *{left_out:,} more characters are not shown.*"]
    return "\n".join(lines).strip("\n")


@lru_cache(maxsize=CACHED)
def title(text: str) -> str:
    """Return safe inline Markdown on one line of at most MAX_TITLE characters; code spans stay."""
    flat = " ".join(visible(text).split())
    if len(flat) > MAX_TITLE:
        flat = flat[: MAX_TITLE - 2].rstrip() + " …"
    (inline,) = _parser().parseInline(flat)
    # Shown in bold, in a link, in a cell: what is emphasised in it would end the bold.
    written = _inline(inline.children or [], emphasis=False)
    return guard_line(" ".join(written.split("\n"))) or NO_TITLE


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # noqa: PLC0415 - not needed to start

    return MarkdownIt("commonmark", {"html": True, "maxNesting": 20})


class _Blocks:
    """Writes block tokens; `_first` and `_rest` hold what stands before the first and the other lines of a block,
    one entry for each list item or quote that is open.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._lines: list[str] = []
        self._first: list[str] = []
        self._rest: list[str] = []
        self._counters: list[int | None] = []
        self._pending_marker = False
        self._in_list = False

    def write(self) -> list[str]:
        """Return the lines of the whole document."""
        bold = tight = False
        for token in self._tokens:
            kind = token.type
            if kind == "paragraph_open":
                tight = token.hidden
            elif kind in ("heading_open", "heading_close"):
                bold = kind == "heading_open"
            elif kind == "inline":
                self._paragraph(token, bold=bold, tight=tight)
                tight = False
            elif kind in ("fence", "code_block"):
                self._emit(fence(token.content, next(iter(token.info.split()), "")))
            elif kind == "html_block":
                self._emit(fence(token.content, "html"))
            else:
                self._container(token)
        return self._lines

    def _container(self, token: Token) -> None:
        kind = token.type
        if kind in ("bullet_list_open", "ordered_list_open"):
            start = token.attrs.get("start", 1)
            self._counters.append(int(start) if kind == "ordered_list_open" else None)
        elif kind in ("bullet_list_close", "ordered_list_close"):
            self._counters.pop()
        elif kind == "list_item_open":
            self._open_item()
        elif kind == "blockquote_open":
            self._push("> ", "> ")
        elif kind in ("list_item_close", "blockquote_close"):
            self._pop()

    def _paragraph(self, token: Token, *, bold: bool, tight: bool) -> None:
        text = _inline(token.children or [], emphasis=not bold)
        lines = [guard_line(line) for line in text.split("\n")]
        body = "\n".join(line for line in lines if line)
        if bold and body:
            body = f"**{body.replace(chr(10), ' ')}**"
        self._emit(body, tight=tight)

    def _open_item(self) -> None:
        count = self._counters[-1]
        marker = "- "
        if count is not None:
            marker = f"{count % 1_000_000}. "
            self._counters[-1] = count + 1
        self._push(marker, " " * len(marker))

    def _push(self, first: str, rest: str) -> None:
        self._first.append(first)
        self._rest.append(rest)
        self._pending_marker = True

    def _pop(self) -> None:
        self._first.pop()
        self._rest.pop()

    def _emit(self, body: str, *, tight: bool = False) -> None:
        if not body:
            return
        depth = min(len(self._rest), MAX_DEPTH)
        rest = "".join(self._rest[:depth])
        outer = "".join(self._rest[: depth - 1]) if self._pending_marker and depth else rest
        first = outer + self._first[depth - 1] if self._pending_marker and depth else rest
        if self._lines and not (tight and self._in_list):
            self._lines.append(outer.rstrip())
        for position, line in enumerate(body.split("\n")):
            self._lines.append(f"{first if position == 0 else rest}{line}".rstrip())
        self._pending_marker = False
        self._in_list = bool(self._counters)


def _inline(tokens: Sequence[Token], *, emphasis: bool = True) -> str:
    """Write inline tokens: an address is shown as code beside its text, an image by its words.

    Emphasis stays where it cannot be read otherwise; elsewhere its marks go, and the text on both sides is one
    text: the `@` of `@**name**` is a mention of the name.
    """
    pieces = _pieces(tokens)
    kept = _kept_emphasis(pieces) if emphasis else frozenset()
    parts: list[str] = []
    text = ""
    for at, (kind, content) in enumerate(pieces):
        if kind in _MARKS and at not in kept:
            continue
        if kind == _TEXT:
            text += content
            continue
        parts += [_spaced(text), content]
        text = ""
    return join([part for part in (*parts, _spaced(text)) if part])


_TEXT, _OPEN, _CLOSE, _WHOLE = "text", "open", "close", "whole"
_MARKS: Final = (_OPEN, _CLOSE)
_EMPHASIS: Final = {"strong_open": "**", "strong_close": "**", "em_open": "*", "em_close": "*"}
# Between these and those, an emphasis mark beside a letter, a digit or a code span opens and closes in any reading.
_BEFORE: Final = " \n("
_AFTER: Final = " \n.,;:!?)"


def _pieces(tokens: Sequence[Token]) -> list[tuple[str, str]]:
    """Return text as text, emphasis marks, and what is Markdown already (code, line ends)."""
    pieces: list[tuple[str, str]] = []
    addresses: list[tuple[str, int]] = []
    for token in tokens:
        kind = token.type
        if kind == "text":
            pieces.append((_TEXT, token.content))
        elif kind == "image":
            pieces.append((_TEXT, f"(image: {token.content})" if token.content else "(image)"))
        elif kind in ("softbreak", "hardbreak"):
            pieces.append((_WHOLE, "\n"))
        elif kind in ("code_inline", "html_inline"):
            pieces.append((_WHOLE, code(token.content, MAX_SOURCE)))
        elif kind in _EMPHASIS:
            pieces.append((_OPEN if kind.endswith("open") else _CLOSE, _EMPHASIS[kind]))
        elif kind == "link_open":
            addresses.append((str(token.attrs.get("href", "")), len(pieces)))
        elif kind == "link_close" and addresses:
            url, start = addresses.pop()
            pieces += _address(url, "".join(content for _kind, content in pieces[start:]))
    return [piece for piece in pieces if piece[1]]


def _address(url: str, text: str) -> list[tuple[str, str]]:
    """Return the address of a link as code; nothing where its own text is the address."""
    shown = url if len(url) <= MAX_ADDRESS else url[: MAX_ADDRESS - 1] + "…"
    return [] if not shown or shown == text else [(_TEXT, " ("), (_WHOLE, code(shown, MAX_SOURCE)), (_TEXT, ")")]


def _kept_emphasis(pieces: Sequence[tuple[str, str]]) -> frozenset[int]:
    """Return the places of the marks that are written: no pair inside another, none in the middle of a word."""
    kept: set[int] = set()
    opened: list[int] = []
    for at, (kind, _mark) in enumerate(pieces):
        if kind == _OPEN:
            opened.append(at)
        elif kind == _CLOSE and opened:
            start = opened.pop()
            if not opened and _stands_apart(pieces, start, at):
                kept |= {start, at}
    return frozenset(kept)


def _stands_apart(pieces: Sequence[tuple[str, str]], start: int, end: int) -> bool:
    inner = [piece for piece in pieces[start + 1 : end] if piece[0] not in _MARKS]
    if not inner or any(content == "\n" for _kind, content in inner):
        return False
    before = next((pieces[at][1][-1] for at in range(start - 1, -1, -1) if pieces[at][0] not in _MARKS), " ")
    after = next((pieces[at][1][0] for at in range(end + 1, len(pieces)) if pieces[at][0] not in _MARKS), " ")
    edges = (inner[0][1][0] if inner[0][0] == _TEXT else "x", inner[-1][1][-1] if inner[-1][0] == _TEXT else "x")
    return before in _BEFORE and after in _AFTER and all(edge.isalnum() for edge in edges)


def _spaced(text: str) -> str:
    """Keep the blanks around a piece: `plain` trims them, the neighbours need them."""
    if not text.strip():
        return " " if text else ""
    lead = " " if text[0].isspace() else ""
    trail = " " if text[-1].isspace() else ""
    return f"{lead}{plain(text, MAX_SOURCE)}{trail}"
