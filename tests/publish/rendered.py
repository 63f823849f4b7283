"""What a reader's renderer would make of our Markdown: parsed again, as CommonMark with GitHub's extensions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

OUR_HTML = re.compile(r"\A(?:</?details>|<summary>[^<>@]*</summary>|<!-- kilo-app:1 [^<>]* -->|\s)*\Z")
HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad\ufe00-\ufe0f\U000e0000-\U000e0fff]")
MENTION = re.compile(r"(?<![\w`])[@\uff20\ufe6b][A-Za-z0-9]")
REFERENCE = re.compile(r"(?<![\w`&])(?:[#\uff03]\d|GH-\d)")
ADDRESS = re.compile(r"(?:https?:|ftp:)//|www\.|mailto:|\w@\w", re.IGNORECASE)
EMOJI = re.compile(r":[A-Za-z0-9_+-]+:")
COMMAND = re.compile(r"(?m)^\s*/[A-Za-z][\w-]*(?:\s|$)")


def parse(markdown: str) -> list[Token]:
    return (
        MarkdownIt("gfm-like", {"html": True, "linkify": False}).enable(["table", "strikethrough"]).parse(markdown)
    )


def walk(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from walk(token.children or [])


def problems(markdown: str, *, own_links: str = "") -> list[str]:
    """Name everything in the rendered text that does something."""
    found = []
    for token in walk(parse(markdown)):
        if token.type == "image":
            found.append(f"image {token.attrs.get('src')}")
        elif token.type in ("html_block", "html_inline") and not OUR_HTML.match(token.content):
            found.append(f"html {token.content!r}")
        elif token.type == "link_open":
            href = str(token.attrs.get("href"))
            if not own_links or not href.startswith(own_links):
                found.append(f"link {href}")
        elif token.type == "fence" and token.info.split()[:1] in (["mermaid"], ["math"], ["geojson"], ["stl"]):
            found.append(f"drawing {token.info}")
        elif token.type == "text":
            found += _live(token.content)
    if COMMAND.search(markdown):
        found.append(f"command {COMMAND.search(markdown)!r}")
    if HIDDEN.search(markdown):
        found.append("hidden characters")
    return found


def text_of(markdown: str) -> str:
    """The words a reader sees."""
    parts = [
        token.content
        for token in walk(parse(markdown))
        if token.type in ("text", "code_inline", "fence", "code_block")
    ]
    return " ".join(parts)


def _live(text: str) -> list[str]:
    found = []
    if HIDDEN.search(text):
        found.append("hidden characters by entity")
    folded = unicodedata.normalize("NFKC", text)
    for name, pattern in (("mention", MENTION), ("reference", REFERENCE), ("address", ADDRESS), ("emoji", EMOJI)):
        for seen in (text, folded):
            if match := pattern.search(seen):
                found.append(f"{name} {match[0]!r} in {seen!r}")
                break
    return found
