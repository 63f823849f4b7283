"""The documentation site: what it is made of, and where mkdocs is installed, that it is whole and loads nothing."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.shared import ROOT
from tools.site import SOURCE, navigation, outward

DOCS = ROOT / "docs"


def listed(nav: list[dict[str, object]]) -> list[str]:
    found: list[str] = []
    for entry in nav:
        for value in entry.values():
            found += (
                [str(path) for row in value for path in row.values()] if isinstance(value, list) else [str(value)]
            )
    return found


def test_the_navigation_has_every_page_once_without_being_told():
    """A new page enters by its line in docs/index.md, which tests/test_docs.py asks for."""
    pages = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    assert sorted(listed(navigation((DOCS / "index.md").read_text("utf-8")))) == pages


def test_the_navigation_has_the_four_kinds_of_pages_and_a_new_line_is_taken_up():
    index = (DOCS / "index.md").read_text("utf-8")
    assert [next(iter(entry)) for entry in navigation(index)] == [
        "Start",
        "Tutorial",
        "How-to",
        "Reference",
        "Explanation",
    ]
    more = index.replace("## Reference", "- [New](how-to/new.md): a page.\n\n## Reference")
    assert "how-to/new.md" in listed(navigation(more))


def test_only_links_that_leave_the_pages_lead_to_the_repository():
    stays = "[b](budgets.md#x) [c](../faq.md) [d](https://e.org/x) [e](#here)"
    text = f"[a](../../app.yml) {stays} [f](../../tests/t.md#g)"
    assert outward(text, "how-to/install.md") == f"[a]({SOURCE}app.yml) {stays} [f]({SOURCE}tests/t.md#g)"


# --- the built site ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("material") is None or importlib.util.find_spec("mkdocs") is None:
        pytest.skip("mkdocs-material is not installed: `make docs` installs it")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


class Page(HTMLParser):
    """The links of a page, what it loads, and what can be linked to in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.classes: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values[name] for name in ("id", "name") if values.get(name)}
        self.classes |= set(values.get("class", "").split())
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") != "canonical":
            self.loads.append(values.get("href", ""))
        elif values.get("src"):
            self.loads.append(values["src"])


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html")}


def test_the_site_has_a_page_for_each_of_ours(pages: dict[Path, Page], site: Path):
    built = {path.relative_to(site).as_posix() for path in pages}
    ours = {path.relative_to(DOCS).with_suffix(".html").as_posix() for path in DOCS.rglob("*.md")}
    assert built == ours | {"404.html"}


def test_every_link_of_the_site_leads_to_a_file_and_a_place_in_it(pages: dict[Path, Page], site: Path):
    broken = []
    for path, page in pages.items():
        if path.name == "404.html":
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or (
                parts.fragment and target in pages and parts.fragment not in pages[target].ids
            ):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert broken == []
    assert sum(len(page.links) for page in pages.values()) > 1000


def test_every_link_to_the_repository_leads_to_a_file_that_is_there(pages: dict[Path, Page]):
    named = {link for page in pages.values() for link in page.links if link.startswith(SOURCE)}
    assert len(named) > 5
    assert [link for link in named if not (ROOT / urlsplit(link.removeprefix(SOURCE)).path).exists()] == []


def test_nothing_is_loaded_from_elsewhere(pages: dict[Path, Page], site: Path):
    outside = [load for page in pages.values() for load in page.loads if re.match(r"(?:[a-z]+:)?//", load)]
    assert outside == []
    css = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"url\((?:[\"'])?(?:https?:)?//[^)]+\)|@import[^;]+", css) == []
    # What the theme's script would fetch: diagrams (class mermaid), and a repository's stars (its own component).
    classes = set().union(*(page.classes for page in pages.values()))
    assert classes & {"mermaid", "md-source"} == set()


def test_the_search_of_the_site_knows_every_page(pages: dict[Path, Page], site: Path):
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    found = {entry["location"].partition("#")[0] for entry in index["docs"]}
    assert found == {path.relative_to(site).as_posix() for path in pages} - {"404.html"}
