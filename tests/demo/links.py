"""Follow every link of the simulator's pages, as a person with a browser could."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import requests


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.text = text
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if named.get("id"):
            self.anchors.add(str(named["id"]))
        if tag == "a" and named.get("href"):
            self.links.append(str(named["href"]))


def crawl(start: str) -> tuple[dict[str, Page], list[str]]:
    """Return every page that can be reached from one, and what is wrong with the links on them.

    Links to other servers are followed no further, and are no fault.
    """
    host = urlsplit(start).netloc
    pages: dict[str, Page] = {}
    wanted = [(start, "the start")]
    linked: list[tuple[str, str, str]] = []
    wrong = []
    while wanted:
        url, source = wanted.pop()
        if url in pages:
            continue
        answer = requests.get(url, timeout=10)
        if answer.status_code != 200 or not answer.headers["content-type"].startswith("text/html"):
            wrong.append(f"{url} is answered {answer.status_code}, linked from {source}")
        pages[url] = Page(answer.text)
        for link in pages[url].links:
            target, fragment = urldefrag(urljoin(url, link))
            if urlsplit(target).netloc == host:
                wanted.append((target, url))
                linked.append((target, fragment, url))
    for target, fragment, source in linked:
        # `#L5-L9` names a range; its first line is where a reader lands.
        anchor = fragment.partition("-L")[0]
        if anchor and anchor not in pages[target].anchors:
            wrong.append(f"{target} has no place {fragment}, linked from {source}")
    return pages, wrong
