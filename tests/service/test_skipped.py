"""What the organisation's policy leaves out at the delivery is said on the check, once, with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reviewer.ledger.keys import ReviewState
from tests.service.rig import POLICY, REPOSITORY, Rig, rig

ORGANISATION = f'{POLICY}\n[triggers]\ndrafts = false\nignore_authors = ["rea"]\n'


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(Path(tmp_path_factory.mktemp("skipped")), policy=ORGANISATION) as made:
        yield made


@pytest.mark.parametrize(
    ("more", "why"), [({"draft": True}, "is a draft"), ({"author": "rea"}, "pull requests of rea by command only")]
)
def test_a_skipped_pull_request_says_why_and_does_not_look_clean(
    strict: Rig, more: dict[str, object], why: str
) -> None:
    number = strict.open(**more)
    asked = strict.calls
    strict.work()
    assert strict.calls == asked
    check = strict.shown(number).check
    assert (check.conclusion, check.title) == ("neutral", "Skipped by policy")
    assert why in (check.summary or "")
    assert strict.posted(number) == {"checks": 1}
    # A push is a new head, and told there; the same head is told once.
    strict.push(number, {"shop/more.py": "MORE = 1\n"})
    strict.simulator.act(REPOSITORY, number, "reopened")
    assert strict.simulator.hooks.wait()
    strict.work()
    assert strict.shown(number).check.title == "Skipped by policy"
    assert strict.posted(number) == {"checks": 1}


def test_a_draft_that_is_ready_has_its_review_on_the_same_check(strict: Rig) -> None:
    number = strict.open(draft=True)
    strict.work()
    skipped = strict.shown(number).check
    strict.simulator.act(REPOSITORY, number, "ready_for_review")
    assert strict.simulator.hooks.wait()
    strict.work()
    check = strict.shown(number).check
    assert (check.id, check.conclusion) == (skipped.id, "failure")
    assert strict.row(number).state is ReviewState.PUBLISHED


def test_a_label_of_somebody_who_may_not_ask_is_refused_in_words(strict: Rig) -> None:
    number = strict.open(draft=True)
    strict.simulator.act(REPOSITORY, number, "labeled", label="kilo", author="rea")
    assert strict.simulator.hooks.wait()
    asked = strict.calls
    strict.work()
    assert strict.calls == asked
    assert strict.posted(number) == {"checks": 1}
    assert strict.row(number).state is ReviewState.REFUSED
    assert "rea may not ask for reviews by the label kilo" in strict.row(number).error


def test_a_refused_label_takes_no_verdict_away(strict: Rig) -> None:
    number = strict.open()
    strict.work()
    before = strict.shown(number).check
    strict.simulator.act(REPOSITORY, number, "labeled", label="kilo", author="rea")
    assert strict.simulator.hooks.wait()
    strict.work()
    after = strict.shown(number).check
    assert (after.conclusion, after.title, after.summary) == (before.conclusion, before.title, before.summary)
