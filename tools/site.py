"""Hooks of mkdocs for the documentation site: navigation from docs/index.md, links to files outside docs/.

The pages are written for GitHub, where a link may leave docs/. On the site such a link leads to the repository.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

SOURCE = "https://github.com/kilo-review/kilo-review/blob/main/"
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?\)")


def navigation(index: str) -> list[dict[str, Any]]:
    """Return the `nav` of mkdocs: a section for each heading of the index, with its links in order."""
    sections: list[dict[str, Any]] = [{"Start": "index.md"}]
    for heading, body in re.findall(r"^## ([^:\n]+).*\n((?:(?!## ).*\n?)*)", index, re.MULTILINE):
        links = re.findall(r"^- \[([^\]]+)\]\(([\w/-]+\.md)\)", body, re.MULTILINE)
        sections.append({heading: [{title: path} for title, path in links]})
    return sections


def outward(markdown: str, page: str) -> str:
    """Return a page with links that leave docs/ turned into links to the repository."""

    def replace(found: re.Match[str]) -> str:
        target = normpath(join("docs", dirname(page), found[1]))
        if target.startswith("docs/"):
            return found[0]
        return f"]({SOURCE}{target}{found[2] or ''})"

    return LINK.sub(replace, markdown)


def on_config(config: Any) -> Any:
    """Set the navigation; called by mkdocs."""
    config["nav"] = navigation((Path(config["docs_dir"]) / "index.md").read_text("utf-8"))
    return config


def on_page_markdown(markdown: str, *, page: Any, **_others: Any) -> str:
    """Mend the links of one page; called by mkdocs."""
    return outward(markdown, page.file.src_uri)
