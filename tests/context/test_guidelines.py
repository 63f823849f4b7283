"""Of guidelines, what fits: everything, or the sections that say most about the change."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reviewer.context.guidelines import STEP, guideline_budget, guidelines_for
from reviewer.context.model import ContextItem
from reviewer.context.tokens import count_tokens
from reviewer.git.commit import GitSnapshot
from reviewer.git.limits import Limit, LimitsReached
from tests.context.repository import Repository

MISSION = "## Mission\n" + "We ship software to everybody who wants it.\n" * 20
STYLE = "## Style\n### Errors\nReturn early.\n"
BUILD = "## Build\n" + "Run make all and wait for it.\n" * 20
AGENTS = f"# Project\n\n{MISSION}{STYLE}{BUILD}"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("guidelines") / "repo")


def read(
    repository: Repository, files: dict[str, str], budget: int, paths: tuple[str, ...] = ("shop/cart.py",)
) -> tuple[tuple[ContextItem, ...], LimitsReached]:
    none = dict.fromkeys(("AGENTS.md", "REVIEW.md", "shop/AGENTS.md", "shop/REVIEW.md"), "")
    commit = repository.commit({**none, **files})
    limits = LimitsReached()
    with GitSnapshot.open(Path(repository.git_dir), commit) as base:
        return guidelines_for(paths, base, budget=budget, count=count_tokens, limits=limits), limits


def test_what_fits_is_shown_as_it_is_written(repository: Repository) -> None:
    (item,), limits = read(repository, {"AGENTS.md": AGENTS}, 10_000)
    assert item.text == AGENTS.strip()
    assert "sections" not in item.reason
    assert limits.all() == ()


def test_where_not_everything_fits_the_rules_for_code_stand_and_how_to_build_does_not(
    repository: Repository,
) -> None:
    (item,), limits = read(repository, {"AGENTS.md": AGENTS}, 60)
    assert item.text == "# Project\n…\n## Style\n### Errors\nReturn early.\n…"
    assert item.reason.endswith("3 of 5 sections")
    (reached,) = limits.all()
    assert (reached.limit, reached.most, reached.where) == (Limit.GUIDELINE_TOKENS, 60, "AGENTS.md")
    assert reached.left_out == count_tokens(AGENTS.strip()) - item.tokens


def test_a_review_guide_goes_before_what_is_written_for_agents(repository: Repository) -> None:
    rules = "# How we review\n## Commits\n" + "Money is Decimal.\n" * 10
    items, _limits = read(repository, {"REVIEW.md": rules, "AGENTS.md": AGENTS}, 80)
    assert items[0].text == rules.strip()
    assert "Mission" not in "".join(item.text for item in items)


def test_of_two_equal_sections_the_nearer_file_has_the_room(repository: Repository) -> None:
    near, far = ("## Style\n" + f"The {where} rule holds.\n" * 12 for where in ("near", "far"))
    (item,), limits = read(repository, {"AGENTS.md": far, "shop/AGENTS.md": near}, 80)
    assert (item.path, item.text) == ("shop/AGENTS.md", near.strip())
    assert [reached.where for reached in limits.all()] == ["AGENTS.md"]


def test_a_file_without_headings_is_shown_as_far_as_it_fits(repository: Repository) -> None:
    (item,), _limits = read(repository, {"REVIEW.md": "Close every socket.\n" * 100}, 50)
    lines = item.text.split("\n")
    assert set(lines[:-1]) == {"Close every socket."}
    assert lines[-1] == "…"
    assert 40 <= item.tokens <= 50


@given(
    st.lists(
        st.sampled_from(
            ["# Style", "## Build", "### Tests", "rule " * 9, "日本語 → ok", "", "```", "`a`\t{x}", "…"]
        ),
        max_size=30,
    ),
    st.lists(st.sampled_from(["# Review", "## Mission", "Be brief.", "- [ ] done", ""]), max_size=20),
    st.integers(0, 120),
)
@settings(max_examples=40, deadline=None)
@example(agents=["# Style"], review=["Be brief."], budget=4)
@example(agents=["# Style", "rule", "## Build"], review=[], budget=4)
def test_the_budget_is_never_passed_and_no_line_is_made_up(
    repository: Repository, agents: list[str], review: list[str], budget: int
) -> None:
    files = {"AGENTS.md": "\n".join(agents), "shop/REVIEW.md": "\n".join(review)}
    items, limits = read(repository, files, budget)
    assert sum(item.tokens for item in items) <= budget
    for item in items:
        assert item.tokens == count_tokens(item.text)
        assert set(item.text.split("\n")) <= {*files[item.path].strip().split("\n"), "…", ""}
    whole = {path for path, text in files.items() if text.strip()}
    shown = {item.path for item in items if item.text == files[item.path].strip()}
    assert whole - shown == {reached.where for reached in limits.all()}


@pytest.mark.parametrize(("context", "expected"), [(0, STEP), (200, STEP), (401, 2 * STEP), (6000, 6000)])
def test_the_budget_moves_in_steps_so_that_a_push_seldom_changes_the_choice(context: int, expected: int) -> None:
    assert guideline_budget(context) == expected
