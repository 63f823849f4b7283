"""What starts a review: every key of `[triggers]`, from each layer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies.caps import caps_of
from policies.keys import KEYS
from policies.load import load_policy
from policies.starting import Asker, Occasion, analysers_only, may_review_drafts, why_not

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
