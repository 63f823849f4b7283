from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.demo.simulator import conversation, page
from reviewer.demo.simulator.markdown import render
from reviewer.demo.terminal import Style, plain
from reviewer.demo.terminal import render as as_text
from tests.demo.links import crawl
from tests.demo.world import FULL_NAME, World

SUMMARY = """<!-- marker:v1 -->
### Found **2**

| a | b |
|:--|--:|
| `x` | 1 |

<details><summary>Coverage: <b>all</b></summary>

- one

</details>

> [!WARNING]
> careful

```suggestion
a <b>
```
"""


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        for name, value in attrs:
            if name in ("href", "src"):
                assert (value or "").startswith(("http://", "https://", "#", "/", "mailto:"))


def tags(html: str) -> set[str]:
    parser = Tags()
    parser.feed(html)
    parser.close()
    return parser.seen


def test_a_summary_keeps_tables_folds_alerts_and_suggestions() -> None:
    html = render(SUMMARY)
    assert {"table", "details", "summary", "blockquote", "pre"} <= tags(html)
    assert "marker" not in html
    assert "Coverage: all" in html
    assert html.count("<details>") == html.count("</details>") == 1
    assert 'class="suggestion"' in html
    assert "a &lt;b&gt;" in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://example.com/x.png)",
        "[x](javascript:alert(1))",
        "<details><summary><script>x</script></summary>\n\n</details>",
        "```suggestion\n</code></pre><script>x</script>\n```",
        "\ue0000\ue001",
    ],
)
def test_hostile_markdown_becomes_text(text: str) -> None:
    assert tags(render(text)) <= {"p", "details", "summary", "div", "pre", "code", "a"}


PIECES = st.sampled_from(
    ["<details>", "</details>", "<summary>x</summary>", "```", "~~~", "<!--", "-->", "<script>", "text", "\n",
     "\n\n", "|", "> [!NOTE]\n", "- a\n", "`", "\ue000", "\ue001", "0"]
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=15).map("".join))
def test_folds_are_always_closed_and_no_script_gets_through(text: str) -> None:
    html = render(text)
    assert "script" not in tags(html)
    assert html.count("<details>") == html.count("</details>")


def test_the_page_shows_the_comment_under_its_line_and_in_the_terminal(world: World) -> None:
    row = {"path": "shop/prices.py", "line": 5, "side": "RIGHT", "body": "**High** five?\x1b[31m <x>"}
    world.call("POST", f"/repos/{FULL_NAME}/pulls/1/reviews", {"event": "COMMENT", "comments": [row]})
    world.call("POST", f"/repos/{FULL_NAME}/issues/1/comments", {"body": SUMMARY})
    answer = requests.get(f"{world.url}/{FULL_NAME}/pull/1", timeout=10)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    html = answer.text
    rows = re.findall(r"<tr class=\"(\w+)\">(.*?)</tr>", html, re.DOTALL)
    index = next(i for i, (kind, text) in enumerate(rows) if kind == "add" and "line five" in text)
    assert rows[index + 1][0] == "talk"
    assert "<strong>High</strong> five?" in rows[index + 1][1]
    assert "&lt;x&gt;" in rows[index + 1][1]
    talk = conversation.read(world.simulator.hub, world.simulator.pull(FULL_NAME, 1))
    text = as_text(talk, Style(colour=False))
    assert "\x1b" not in text
    assert "shop/prices.py:5\n    +line five\n" in text
    assert "\x1b[36;1mshop/prices.py:5" in as_text(talk, Style(colour=True))
    assert page.render_conversation(talk) == html


def test_the_home_page_lists_pull_requests(world: World) -> None:
    assert f"/{FULL_NAME}/pull/1" in requests.get(world.url, timeout=10).text
    assert requests.get(f"{world.url}/{FULL_NAME}/pull/77", timeout=10).status_code == 404


def test_plain_text_has_no_folds_comments_or_control_characters() -> None:
    assert plain("<!-- a -->\n<details><summary>S</summary>\n\nx\x07\u202e</details>") == "S\n\nx"


def test_every_link_of_the_pages_leads_to_a_page_and_to_a_place_on_it(world: World) -> None:
    talk = conversation.read(world.simulator.hub, world.simulator.pull(FULL_NAME, 1))
    row = {"path": "shop/prices.py", "line": 5, "side": "RIGHT", "body": "Look."}
    world.call("POST", f"/repos/{FULL_NAME}/pulls/1/reviews", {"event": "COMMENT", "body": "R", "comments": [row]})
    thread = conversation.read(world.simulator.hub, world.simulator.pull(FULL_NAME, 1)).threads[-1]
    address = f"{world.url}/{FULL_NAME}"
    body = (
        f"[code]({address}/blob/{talk.head_sha}/shop/prices.py#L5-L6) [commit]({address}/commit/{talk.head_sha}) "
        f"[thread]({address}/pull/1#{thread.comments[0].anchor}) "
        f"[odd]({address}/blob/{talk.head_sha}/new/caf%C3%A9.txt)"
    )
    world.call("POST", f"/repos/{FULL_NAME}/issues/1/comments", {"body": body})
    run = {"name": "Kilo Review", "head_sha": talk.head_sha, "output": {"title": "T", "summary": "**found**"}}
    world.call("POST", f"/repos/{FULL_NAME}/check-runs", run)
    pages, wrong = crawl(f"{world.url}/")
    assert wrong == []
    assert {f"{address}/pull/1{tab}" for tab in ("", "/commits", "/checks", "/files")} <= set(pages)
    assert len(pages) > 10


def test_the_tabs_show_the_commits_the_files_and_what_the_check_says(world: World) -> None:
    address = f"{world.url}/{FULL_NAME}/pull/1"
    run = {"name": "Other", "head_sha": world.simulator.pull(FULL_NAME, 1).head_sha}
    world.call("POST", f"/repos/{FULL_NAME}/check-runs", {**run, "output": {"title": "T", "summary": "**odd**"}})
    assert ">Head</a>" in requests.get(f"{address}/commits", timeout=10).text
    assert "<strong>odd</strong>" in requests.get(f"{address}/checks", timeout=10).text
    assert "line five" in requests.get(f"{address}/files", timeout=10).text
    assert requests.get(f"{address}/nothing", timeout=10).status_code == 404


@pytest.mark.parametrize(
    "path", ["/acme/none", "/acme/shop/blob/main/none", "/acme/shop/blob/none/a", "/acme/shop/commit/none"]
)
def test_a_page_that_is_not_there_is_404(world: World, path: str) -> None:
    assert requests.get(world.url + path, timeout=10).status_code == 404


def test_what_every_page_must_say_stands_on_every_page(world: World) -> None:
    world.simulator.hub.notice = "Recorded <answers>"
    try:
        for url, _ in crawl(f"{world.url}/")[0].items():
            assert "Recorded &lt;answers&gt;" in requests.get(url, timeout=10).text, url
    finally:
        world.simulator.hub.notice = ""
