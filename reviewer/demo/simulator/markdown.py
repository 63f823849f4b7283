"""GitHub-flavoured Markdown for the page: no raw HTML, no images, only the elements that GitHub folds with."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})")
SUMMARY: Final = re.compile(r"^\s*<summary>(.*)</summary>\s*$")
OPENING: Final = re.compile(r"^\s*<details>\s*(?:<summary>(.*)</summary>)?\s*$")
CLOSING: Final = re.compile(r"^\s*</details>\s*$")
MARK: Final = re.compile(r"<p>\ue000(\d+)\ue001</p>")
ALERT: Final = re.compile(r"<blockquote>\n<p>\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\n?")


def _fence(
    _renderer: object, tokens: Sequence[Token], index: int, _options: object, _env: Mapping[str, Any]
) -> str:
    token = tokens[index]
    word = token.info.strip().split(" ")[0] if token.info else ""
    code = html.escape(token.content)
    if word == "suggestion":
        return f'<div class="suggestion"><div>Suggested change</div><pre><code>{code}</code></pre></div>\n'
    return f"<pre><code>{code}</code></pre>\n"


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
    parser.disable("image")
    parser.add_render_rule("fence", _fence)
    return parser


def render(text: str) -> str:
    """Return safe HTML of a comment's Markdown."""
    parser = _parser()
    text = COMMENT.sub("", text.replace("\ue000", "").replace("\ue001", ""))
    lines: list[str] = []
    elements: list[str] = []

    def place(element: str) -> None:
        lines.extend(["", f"\ue000{len(elements)}\ue001", ""])
        elements.append(element)

    fence, depth = "", 0
    for line in text.splitlines():
        edge = FENCE.match(line)
        if fence:
            if edge and edge[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            lines.append(line)
        elif edge:
            fence = edge[1]
            lines.append(line)
        elif opening := OPENING.match(line):
            depth += 1
            title = opening[1]
            place("<details>" + (_summary(parser, title) if title is not None else ""))
        elif (summary := SUMMARY.match(line)) and depth:
            place(_summary(parser, summary[1]))
        elif CLOSING.match(line) and depth:
            depth -= 1
            place("</details>")
        else:
            lines.append(line)
    rendered = str(parser.render("\n".join(lines)))
    rendered = MARK.sub(lambda match: elements[int(match[1])], rendered) + "</details>" * depth
    return ALERT.sub(_alert, rendered)


def _summary(parser: MarkdownIt, title: str) -> str:
    plain = re.sub(r"</?(?:b|strong|code|em|i|sub)>", "", title)
    return f"<summary>{parser.renderInline(plain)}</summary>"


def _alert(match: re.Match[str]) -> str:
    return f'<blockquote class="{match[1].lower()}">\n<p><strong>{match[1].title()}</strong><br>'
