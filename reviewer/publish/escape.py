"""Markdown pieces that cannot be anything else: plain text, code spans, fences, table cells. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import quote

from reviewer.text.invisible import hidden_in, without_hidden

_MARKS: Final = re.compile(r"([\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff])\1{2,}")

# What GitHub turns into something: a mention, an issue, a pull request, a commit, an address, an emoji image,
# mathematics. Full-width and small forms of @ and # count: filters after ours may fold them. Looked for in one word
# at a time, so that the time stays linear in the text. A word that ends in www counts: our full stop may follow. So
# does a lone @ or #: what follows it may be a code span.
_LIVE: Final = re.compile(
    r"""
      [@\uff20\ufe6b\#\uff03\ufe5f]
    | \bGH-\d
    | \b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,40}\b     # a commit
    | :(?:/|\\)(?:/|\\)                              # any scheme
    | www(?:\.|$) | (?:mailto|xmpp|javascript|data|vbscript):
    | :[A-Za-z0-9_+-]+:                              # emoji names, some of which are images
    | \$(?!\d[\d.,]*(?:[;:)]|$)) | (?<=\S)\$       # mathematics, most often a shell variable; no price
    """,
    re.VERBOSE | re.IGNORECASE,
)
_WORD: Final = re.compile(r"\S+")
_EMOJI_END: Final = re.compile(r":[A-Za-z0-9_+-]+:$")
# A line that other bots on the pull request would take as an order to them.
COMMAND: Final = re.compile(r"^\s*/[A-Za-z][\w-]*(?=\s|$)")
# A comment mark that programs look for. Theirs or ours: quoted, it must not be found.
_MARKER: Final = re.compile(r"<!--(?=\s*kilo)", re.IGNORECASE)
_ORDER: Final = re.compile(r"^(\d{1,9})([.)])")
# Every character by which text could become Markdown. The backtick, the pipe and the ampersand are written as
# entities, so that the first two stand for nothing but our own code spans and cells.
_SPECIAL: Final = {
    **{ord(char): f"\\{char}" for char in "\\*[]<>~"},
    ord("`"): "&#96;",
    ord("|"): "&#124;",
    ord("&"): "&amp;",
}
_PIPE: Final = re.compile(r"(?<!\\)(\\*)\|")
_UNDERSCORE: Final = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_TICKS: Final = re.compile(r"`+")
# cmark finds no delimiter of more than 80 backticks (older versions) around code and counts a fence up to 255;
# longer runs inside are shown shortened.
MAX_TICKS: Final = 40
_LONG_TICKS: Final = re.compile(rf"`{{{MAX_TICKS + 1},}}")
# A language name, and nothing that GitHub renders as a drawing, a map or mathematics.
_LANGUAGE: Final = re.compile(r"^[A-Za-z0-9_+#.-]{1,24}$")
_DRAWN: Final = frozenset({"suggestion", "mermaid", "geojson", "topojson", "stl", "math"})


def visible(text: str) -> str:
    """Return text without hidden characters (`reviewer.text.invisible`). Line ends become LF, tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    kept = without_hidden(text)
    # Stacked marks climb over the lines above: three of a kind are enough for any script.
    return _MARKS.sub(r"\1\1", kept)


def is_visible(text: str) -> bool:
    """True where `visible` would change nothing."""
    return "\r" not in text and not hidden_in(text)


# A line of ours holds so many letters of foreign text; escaped, one may become five. What is longer is a name or a
# reason that was made to push findings out of a summary.
MAX_LINE: Final = 600
# And a name: a path, a model.
MAX_NAME: Final = 300


def plain(text: str, limit: int = MAX_LINE) -> str:
    """Return Markdown that renders as this text, one line; what would come alive is shown as code.

    Of more than `limit` letters the end is left out, and an ellipsis says so.
    """
    flat = " ".join(visible(text[: 2 * limit]).split())
    if len(flat) > limit or len(text) > 2 * limit:
        flat = f"{flat[: limit - 1]}…"
    parts: list[str] = []
    at = 0
    for match in _WORD.finditer(flat):
        if not _is_live(match[0]):
            continue
        # Brackets and the full stop around an address are the sentence's.
        word = match[0].lstrip("([\"'")
        start = match.end() - len(word)
        word = word.rstrip(".,;!?)" if _EMOJI_END.search(word) else ".,;:!?)")
        if _is_live(word):
            parts += [_inert(flat[at:start]), code(word)]
            at = start + len(word)
        else:
            parts += [_inert(flat[at : match.start()]), code(match[0])]
            at = match.end()
    parts.append(_inert(flat[at:]))
    return join(parts)


def code(text: str, limit: int = MAX_NAME) -> str:
    """Return a code span of this text, one line, that no backtick in it can end.

    Of more than `limit` letters the middle is left out: both ends of a path say more than its first half.
    """
    if len(text) > limit:
        text = f"{text[: limit // 2]}…{text[-(limit // 2) :]}"
    flat = _few_ticks(_MARKER.sub("<! --", " ".join(visible(text).split())))
    if not flat:
        return ""
    ticks = "`" * (1 + max((len(run) for run in _TICKS.findall(flat)), default=0))
    pad = " " if flat[0] == "`" or flat[-1] == "`" else ""
    return f"{ticks}{pad}{flat}{pad}{ticks}"


def fence(text: str, language: str = "") -> str:
    """Return a fenced block of this text that no fence in it can end."""
    body = _few_ticks(_MARKER.sub("<! --", visible(text).rstrip("\n")))
    lines = [f"> {line}" if COMMAND.match(line) else line for line in body.split("\n")]
    return _fenced("\n".join(lines), language if _is_language(language) else "")


def suggestion(text: str) -> str | None:
    """Return a suggestion block with exactly this text, None where it may not be offered as one.

    A block is applied with one click, so nothing in it may be hidden or changed: text with hidden characters is
    refused, as is a line that another bot would take for a command, and what no fence can hold.
    """
    body = text.replace("\r\n", "\n").removesuffix("\n")
    if not is_visible(body) or _LONG_TICKS.search(body) or any(COMMAND.match(line) for line in body.split("\n")):
        return None
    return _fenced(body, "suggestion")


def join(parts: list[str]) -> str:
    """Join inline pieces; two code spans that touch would become one run of backticks, so a blank parts them."""
    out = ""
    for part in parts:
        out += f" {part}" if out.endswith("`") and part.startswith("`") else part
    return out


def guard_line(line: str) -> str:
    """Return a line of inline Markdown that starts no block: no heading, list, quote, rule, table or command."""
    line = line.strip()
    if not line:
        return ""
    if COMMAND.match(line):
        word, _, rest = line.partition(" ")
        return f"{code(word)} {rest}".rstrip()
    if line[0] in "#+-=:":
        return f"\\{line}"
    return _ORDER.sub(r"\1\\\2", line)


def cell(markdown: str) -> str:
    """Return inline Markdown fit for a table cell: a pipe would end it, even inside a code span.

    Backslashes before the pipe are doubled: of an odd number, the last would escape our own.
    """
    return _PIPE.sub(lambda match: f"{match[1]}{match[1]}\\|", markdown.replace("\n", " "))


def link(text: str, url: str, *, fragment: str = "") -> str:
    """Return a link to an address of this repository that we built ourselves; `text` is Markdown already.

    The path is percent-encoded, so a file name can end neither the link nor the address.
    """
    if not url:
        return text
    if not fragment:
        url, _, fragment = url.partition("#")
    tail = f"#{quote(fragment, safe='-_')}" if fragment else ""
    scheme, mark, rest = url.partition("://")
    return f"[{text}]({scheme}{mark}{quote(rest, safe='/:-._~', errors='replace')}{tail})"


def _fenced(body: str, info: str) -> str:
    ticks = "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(body)), default=0))
    return f"{ticks}{info}\n{body}\n{ticks}"


def _is_language(word: str) -> bool:
    return bool(_LANGUAGE.match(word)) and word.lower() not in _DRAWN


def _is_live(word: str) -> bool:
    if _LIVE.search(word):
        return True
    # What looks like an address after folding may be one to the next program.
    return not word.isascii() and bool(_LIVE.search(unicodedata.normalize("NFKC", word)))


def _inert(text: str) -> str:
    return _UNDERSCORE.sub(r"\\_", text.translate(_SPECIAL))


def _few_ticks(text: str) -> str:
    return _LONG_TICKS.sub("`" * MAX_TICKS, text)
