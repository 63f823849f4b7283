from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.attributes import attributes_of, parse_gitattributes


@pytest.mark.parametrize(
    ("line", "path", "value"),
    [
        ("*.sql linguist-generated", "db/a.sql", "true"),
        ("*.sql linguist-generated=true", "a.sql", "true"),
        ("*.sql -linguist-generated", "a.sql", "false"),
        ("*.sql linguist-generated=false", "a.sql", "false"),
        ("/a.sql linguist-generated", "db/a.sql", None),
        ("db/** linguist-generated", "db/x/a.sql", "true"),
        ("db linguist-generated", "db/a.sql", None),
        ("db/ linguist-generated", "db/a.sql", None),
        ('"a b.sql" linguist-generated', "a b.sql", "true"),
        ('"caf\\303\\251.sql" linguist-generated', "café.sql", "true"),
        ("# comment linguist-generated", "comment", None),
        ("!*.sql linguist-generated", "a.sql", None),
        ("[attr]made linguist-generated", "made", None),
        ("*.sql", "a.sql", None),
        ("", "a.sql", None),
    ],
)
def test_a_line_gives_what_git_gives(line: str, path: str, value: str | None) -> None:
    assert attributes_of(path, parse_gitattributes(line)).get("linguist-generated") == value


def test_the_last_line_wins_and_an_exclamation_mark_takes_an_attribute_away() -> None:
    text = "*.go linguist-generated\nkeep.go -linguist-generated\nfree.go !linguist-generated\n"
    parsed = parse_gitattributes(text)
    assert attributes_of("a.go", parsed) == {"linguist-generated": "true"}
    assert attributes_of("keep.go", parsed) == {"linguist-generated": "false"}
    assert attributes_of("free.go", parsed) == {}


def test_a_deeper_file_goes_before_a_shallower_one_in_whatever_order_they_are_read() -> None:
    root = parse_gitattributes("*.js linguist-vendored")
    deep = parse_gitattributes("*.js -linguist-vendored", folder="src/own")
    for both in (root + deep, deep + root):
        assert attributes_of("src/own/a.js", both)["linguist-vendored"] == "false"
        assert attributes_of("src/a.js", both)["linguist-vendored"] == "true"


def test_a_pattern_of_many_stars_is_matched_as_git_does_and_a_line_that_git_ignores_is_ignored() -> None:
    stars = parse_gitattributes("*a" * 40 + " linguist-generated")
    assert attributes_of("a" * 60, stars) == {"linguist-generated": "true"}
    assert attributes_of("a" * 39, stars) == {}
    assert parse_gitattributes("x" * 3000 + " linguist-generated").rules == ()


@given(st.text(max_size=400), st.text(min_size=1, max_size=40))
def test_any_text_parses_to_something_that_can_be_asked(text: str, path: str) -> None:
    assert isinstance(dict(attributes_of(path, parse_gitattributes(text))), dict)
