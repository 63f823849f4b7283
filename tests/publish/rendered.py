"""What GitHub makes of our Markdown: rendered by its fork of cmark, then read as a browser and its filters would.

The filters that follow GitHub's renderer look for mentions, references, addresses, emoji names and mathematics in
the text outside `pre`, `code` and `a`. They are looked for here in each text of the page, and in the texts of a
block put together without their tags, which is stricter than any filter.
"""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser

from cmarkgfm.cmark import Options, markdown_to_html_with_extensions

from reviewer.text.invisible import hidden_in

OPTIONS = (
    Options.CMARK_OPT_UNSAFE
    | Options.CMARK_OPT_FOOTNOTES
    | Options.CMARK_OPT_GITHUB_PRE_LANG
    | Options.CMARK_OPT_HARDBREAKS
)
EXTENSIONS = ["table", "autolink", "strikethrough", "tasklist"]

ORDINARY = frozenset(
    ("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em",
     "strong", "table", "thead", "tbody", "tr", "th", "td")
)  # fmt: skip
OURS = frozenset(("details", "summary"))
BLOCKS = ORDINARY - {"em", "strong", "code", "br"} | OURS
COMMENT = re.compile(r" kilo-app:1 [^<>]* \Z")
MENTION = re.compile(r"[@\uff20\ufe6b]\w")
REFERENCE = re.compile(r"[#\uff03\ufe5f]\d|\bGH-\d|\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,40}\b", re.IGNORECASE)
ADDRESS = re.compile(r"\w://|\bwww\.|mailto:|\w@\w", re.IGNORECASE)
EMOJI = re.compile(r":[A-Za-z0-9_+-]+:")
MATHS = re.compile(r"\$\S(?:[^$]*\S)?\$|\$\$")
COMMAND = re.compile(r"(?m)^\s*/[A-Za-z][\w-]*(?:\s|$)")
DRAWN = ("mermaid", "math", "geojson", "topojson", "stl", "suggestion")


def html(markdown: str) -> str:
    text = markdown.encode("utf-8", "replace").decode()
    return markdown_to_html_with_extensions(text, options=OPTIONS, extensions=EXTENSIONS)


class Page(HTMLParser):
    """A rendered page: its tags, its texts outside code, and what of it does something."""

    def __init__(self, markdown: str, *, own_links: str = "", may_suggest: bool = False) -> None:
        super().__init__(convert_charrefs=True)
        self.own_links, self.may_suggest = own_links, may_suggest
        self.found: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.block: list[str] = []
        self.feed(html(markdown))
        self.close()
        self._end_block()
        if self.open:
            self.found.append(f"left open: {self.open}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        if tag in BLOCKS:
            self._end_block()
        if tag == "br":
            self.block.append("\n")
        if tag == "a":
            href = str(values.get("href"))
            if not self.own_links or not href.startswith(self.own_links):
                self.found.append(f"link {href}")
        elif tag == "pre":
            language = str(values.get("lang") or "")
            if language in DRAWN and not (language == "suggestion" and self.may_suggest):
                self.found.append(f"drawing {language}")
        elif tag not in ORDINARY | OURS:
            self.found.append(f"tag {tag}")
        elif set(values) - {"lang", "align", "start"}:
            self.found.append(f"attribute of {tag}: {values}")
        if tag not in ("br", "hr", "img", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.found.append(f"closes {tag}, which is not open")
        if tag in BLOCKS:
            self._end_block()

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data)
        if "pre" in self.open or "a" in self.open:
            return
        if "code" in self.open:
            # Not even where a filter forgot the code may both sides of it become one word.
            self.block.append("\u2423")
            return
        self.found += _live(data)
        self.block.append(data)

    def handle_comment(self, data: str) -> None:
        if not COMMENT.match(data):
            self.found.append(f"hidden comment {data!r}")

    def handle_decl(self, decl: str) -> None:
        self.found.append(f"declaration {decl!r}")

    def unknown_decl(self, data: str) -> None:
        self.found.append(f"declaration {data!r}")

    def handle_pi(self, data: str) -> None:
        self.found.append(f"instruction {data!r}")

    def _end_block(self) -> None:
        self.found += _live("".join(self.block))
        self.block = []


def problems(markdown: str, *, own_links: str = "", may_suggest: bool = False) -> list[str]:
    """Name everything on the rendered page that does something."""
    found = Page(markdown, own_links=own_links, may_suggest=may_suggest).found
    if command := COMMAND.search(markdown):
        found.append(f"command {command[0]!r}")
    if hidden := hidden_in(markdown):
        found.append(f"hidden characters {sorted(map(hex, map(ord, hidden)))}")
    return list(dict.fromkeys(found))


def tags(markdown: str) -> list[str]:
    """The elements of the page, in order of their start."""
    return Page(markdown).tags


def text_of(markdown: str) -> str:
    """The words a reader sees."""
    return " ".join(" ".join(word.split()) for word in Page(markdown).words)


def _live(text: str) -> list[str]:
    found = []
    if hidden_in(text):
        found.append("hidden characters by entity")
    folded = unicodedata.normalize("NFKC", text)
    kinds = (
        ("mention", MENTION), ("reference", REFERENCE), ("address", ADDRESS), ("emoji", EMOJI),
        ("mathematics", MATHS),
    )  # fmt: skip
    for name, pattern in kinds:
        for seen in (text, folded):
            if match := pattern.search(seen):
                found.append(f"{name} {match[0]!r} in {seen[:80]!r}")
                break
    return found
