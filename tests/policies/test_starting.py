"""What starts a review: every key of `[triggers]`, from each layer."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.caps import caps_of
from policies.keys import KEYS
from policies.load import load_policy
from policies.starting import Asker, Occasion, analysers_only, may_review_drafts, title_matches, why_not

PUSH = Occasion("synchronize", author="ann")
COMMAND = Occasion("command", author="ann", draft=True, is_fork=True, author_is_bot=True)
WRITER = Asker("will", "write", 0)

# Key -> what the organisation or the repository writes, and the occasion that it refuses.
ROWS: dict[str, tuple[str, Occasion, Asker | None]] = {
    "triggers.on": ('on = ["opened", "command"]', PUSH, None),
    "triggers.drafts": ("drafts = false", replace(PUSH, draft=True), None),
    "triggers.forks": ("forks = false", replace(PUSH, is_fork=True), None),
    "triggers.bots": ('bots = "ignore"', replace(PUSH, author="dependabot[bot]", author_is_bot=True), None),
    "triggers.ignore_authors": ('ignore_authors = ["Ann"]', PUSH, None),
    "triggers.skip_labels": ('skip_labels = ["Not now"]', replace(PUSH, labels=("bug", "not now")), None),
    "triggers.skip_titles": ('skip_titles = ["WIP*"]', replace(PUSH, title="wip: later"), None),
    "triggers.command_permission": ('command_permission = "maintain"', COMMAND, WRITER),
    "triggers.max_reviews_per_hour": ("max_reviews_per_hour = 2", COMMAND, replace(WRITER, asked_before=2)),
}
ALL = """[triggers]
on = ["opened", "synchronize", "reopened", "ready_for_review", "labeled", "command"]
drafts = true
"""


# Counted when a request arrives, over more than one pull request: by the organisation alone.
CAPS = {
    "triggers.max_reviews_per_author_day": False,
    "triggers.max_reviews_per_repository_day": False,
    "triggers.max_reviews_per_outsider_day": True,
    "triggers.max_outsider_reviews_per_repository_day": True,
}


def test_every_key_of_the_section_has_a_row() -> None:
    assert {*ROWS, *CAPS} == {name for name in KEYS if name.startswith("triggers.")}


@pytest.mark.parametrize("name", sorted(CAPS))
def test_a_cap_of_the_day_is_one_that_requests_have_to_pass_and_a_repository_cannot_set_it(name: str) -> None:
    text = f"[triggers]\n{name.partition('.')[2]} = 1"
    caps = {cap.key: cap.most for cap in caps_of(load_policy(organisation=text), outsider=CAPS[name])}
    assert caps[name] == 1
    usual = {cap.key: cap.most for cap in caps_of(load_policy(), outsider=CAPS[name])}
    assert usual[name] > 1
    repository = load_policy(repository=text)
    assert {cap.key: cap.most for cap in caps_of(repository, outsider=CAPS[name])} == usual
    assert any(name.partition(".")[2] in notice for notice in repository.notices)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_key_refuses_from_either_layer_and_nothing_is_refused_without_it(name: str) -> None:
    line, occasion, asker = ROWS[name]
    text = f"[triggers]\n{line}"
    for policy in (load_policy(organisation=text), load_policy(organisation=ALL, repository=text)):
        assert f"({name})" in why_not(occasion, policy, asker)
    assert why_not(occasion, load_policy(organisation=ALL), asker) == ""


@pytest.mark.parametrize(
    ("pattern", "title", "skipped"),
    [
        ("WIP*", "WIP", True),
        ("WIP*", " wip: half done", True),
        ("WIP*", "not WIP", False),
        ("*[skip kilo]*", "Docs [Skip Kilo] only", True),
        ("*[skip kilo]", "[skip kilo] later", False),
        ("chore(deps): *", "chore(deps): bump x", True),
        ("release", "release", True),
        ("release", "release 2", False),
        ("a*a", "a", False),
        ("ab*b*c", "abc", False),
        ("ab*b*c", "ab-b-c", True),
        (".+", "anything", False),
    ],
)
def test_a_pattern_means_the_whole_title_in_any_case(pattern: str, title: str, *, skipped: bool) -> None:
    assert title_matches(title, pattern) is skipped


@given(st.lists(st.text("ab", max_size=3), min_size=1, max_size=5), st.text("ab", max_size=12))
def test_a_pattern_matches_what_the_same_expression_matches(parts: list[str], title: str) -> None:
    expression = re.compile(".*".join(map(re.escape, parts)))
    assert title_matches(title, "*".join(parts)) is (expression.fullmatch(title) is not None)


def test_a_pattern_of_many_stars_takes_no_longer_than_its_title() -> None:
    # A backtracking expression would try every way to share the title out, and never end.
    assert not title_matches("a" * 256, "a*" * 127 + "b")


def test_the_label_for_it_is_shipped_and_a_command_goes_before_it() -> None:
    skipped = replace(PUSH, labels=("kilo:skip",))
    assert "triggers.skip_labels" in why_not(skipped, load_policy())
    assert why_not(replace(skipped, action="command"), load_policy(), WRITER) == ""


def test_a_command_of_somebody_entitled_starts_what_an_event_does_not() -> None:
    refusing = load_policy(organisation='[triggers]\nforks = false\nbots = "ignore"\nignore_authors = ["ann"]')
    assert why_not(COMMAND, refusing, WRITER) == ""
    for role in ("none", "read", "triage"):
        assert "command_permission" in why_not(COMMAND, refusing, replace(WRITER, role=role))


def test_a_label_starts_a_review_where_policy_says_so() -> None:
    labeled = Occasion("labeled", author="ann")
    assert "triggers.on" in why_not(labeled, load_policy())
    assert why_not(labeled, load_policy(organisation=ALL)) == ""


def test_nobody_is_billed_for_a_bots_pull_request_unless_somebody_asks() -> None:
    bot = replace(PUSH, author="dependabot[bot]", author_is_bot=True)
    assert "dependabot[bot]" in analysers_only(bot, load_policy(), asked=False)
    assert analysers_only(bot, load_policy(), asked=True) == ""
    assert analysers_only(PUSH, load_policy(), asked=False) == ""
    assert analysers_only(bot, load_policy(repository='[triggers]\nbots = "review"'), asked=False) == ""
    stated = load_policy(organisation='[triggers]\nbots = "analysers"', repository='[triggers]\nbots = "review"')
    assert analysers_only(bot, stated, asked=False) != ""


def test_a_repository_may_turn_drafts_on_until_the_organisation_says_no() -> None:
    assert may_review_drafts(load_policy())
    assert may_review_drafts(load_policy(organisation="[triggers]\ndrafts = true"))
    assert not may_review_drafts(load_policy(organisation="[triggers]\ndrafts = false"))
    assert not may_review_drafts(load_policy(organisation='locked = ["triggers"]'))
