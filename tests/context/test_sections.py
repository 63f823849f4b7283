"""A Markdown file falls into its sections, and those that speak to a reviewer are told from the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.context.sections import names_of, sections_of, worth

LINES = st.lists(
    st.sampled_from(["# One", "## Two #", "###Three", "text", "", "```", "```py", "~~~", "# ", "    # x"])
)


@given(LINES)
def test_the_sections_joined_are_the_text(lines: list[str]) -> None:
    text = "\n".join(lines)
    sections = sections_of(text)
    assert "\n".join(section.text for section in sections) == text
    assert [section.first for section in sections[1:]] == [section.last + 1 for section in sections[:-1]]
    assert (sections[0].first, sections[-1].last) == (1, text.count("\n") + 1)


def test_a_section_knows_the_headings_above_it() -> None:
    text = "intro\n# Guide\n## Style ##\n### Names\nshort\n## Build\nmake\n"
    found = [(section.headings, section.empty) for section in sections_of(text)]
    assert found == [
        ((), False),
        (("Guide",), True),
        (("Guide", "Style"), True),
        (("Guide", "Style", "Names"), False),
        (("Guide", "Build"), False),
    ]


def test_a_comment_in_a_fenced_block_is_no_heading() -> None:
    text = "# Build\n````sh\n# not this\n```\n# nor this\n````\n# Test\n"
    assert [section.headings for section in sections_of(text)] == [("Build",), ("Test",)]


# Headings of real AGENTS.md files (caddy, vim, traefik, gogs).
@pytest.mark.parametrize(
    ("heading", "about"),
    [
        *(("Code Style", 1), ("C code conventions", 1), ("Things to avoid", 1), ("Testing conventions", 1)),
        *(("Security", 1), ("Architecture", 0), ("Layout", -1), ("Release policy", -1), ("Mission", -1)),
        *(("Pull request guidelines", 0), ("Commit format", -1), ("AI assistance disclosure", -1)),
    ],
)
def test_a_heading_tells_rules_for_code_from_how_to_work_here(heading: str, about: int) -> None:
    (section,) = sections_of(f"# Guide\n## {heading}\ntext")[1:]
    value = worth(section, frozenset())
    assert (value > 0) - (value < 0) == about


def test_a_section_that_names_the_changed_folder_or_language_is_worth_more() -> None:
    names = names_of(["modules/caddyhttp/app.go", "src/x.py"])
    assert names == {"modules", "caddyhttp", "go", "python"}
    plain, text, heading = (
        worth(sections_of(f"# {name}\n{body}")[0], names)
        for name, body in (("Notes", "be kind"), ("Notes", "In `modules/caddyhttp` be kind"), ("Python", "be kind"))
    )
    assert plain < text < heading
