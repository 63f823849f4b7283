"""What policy promises about money and tiers, on a running review with a store of results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from policies.words import Tier
from reviewer.models.model import Stage
from tests.policies.running import Lab, Seen
from tests.simulators.provider import ProviderSimulator

LOGIN, TOTAL = "auth/login.py", "shop/total.py"
QUIET = "[review]\nanalysers = []\n"


@dataclass
class Store:
    """A store of results for one test."""

    kept: dict[str, str] = field(default_factory=dict)

    def get(self, key: str) -> str | None:
        return self.kept.get(key)

    def put(self, key: str, text: str) -> None:
        self.kept[key] = text


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with ProviderSimulator("openai") as provider:
        made = Lab(tmp_path_factory.mktemp("promises"), provider)
        yield made
        made.ledger.close()


def reviewed(seen: Seen) -> bool:
    return bool(seen.review.coverage.reviewed)


def degraded(lab: Lab, store: Store) -> Seen:
    """Review a sensitive file under the largest limit that leaves no room for the frontier."""
    for cents in (200, 100, 50, 20, 10, 5, 2, 1):
        limit = f'[[limits]]\nscope = "run"\namount = "{cents / 100}"\n'
        seen = lab.run(QUIET + limit, only=LOGIN, store=store)
        if any("was used instead" in notice for notice in seen.review.notices) and reviewed(seen):
            return seen
        store.kept.clear()
    raise AssertionError("no limit made the review degrade")


def test_an_answer_of_a_lower_tier_for_want_of_money_does_not_pass_as_the_frontiers_later(lab: Lab) -> None:
    store = Store()
    cheap = degraded(lab, store)
    assert {call.tier for call in cheap.review.calls} < {Tier.EFFICIENT, Tier.BALANCED}
    dear = lab.run(QUIET, only=LOGIN, store=store)
    assert {call.tier for call in dear.review.calls} == {Tier.FRONTIER}
    assert lab.run(QUIET, only=LOGIN, store=store).requests == ()


def test_no_limit_makes_a_review_go_below_min_tier(lab: Lab) -> None:
    limit = '[[limits]]\nscope = "run"\namount = "0.000001"\n'
    seen = lab.run(f'min_tier = "balanced"\n{QUIET}{limit}', only=TOTAL)
    assert not reviewed(seen)
    assert not any(
        f"{tier.label} was used instead" in " ".join(seen.review.notices) for tier in (Tier.FREE, Tier.EFFICIENT)
    )


def test_a_second_pass_is_paid_for_once(lab: Lab) -> None:
    store, policy = Store(), "[review]\nanalysers = []\nsecond_pass = true\n"
    first = lab.run(policy, only=TOTAL, store=store)
    again = lab.run(policy, only=TOTAL, store=store)
    assert first.stages.count(Stage.SECOND_PASS) == 1
    assert again.requests == ()
    assert (
        [found.agreed for found in again.review.shown()] == [found.agreed for found in first.review.shown()] == [2]
    )


def test_a_second_pass_that_policy_wants_later_is_all_that_is_asked_for(lab: Lab) -> None:
    store = Store()
    lab.run(QUIET, only=TOTAL, store=store)
    later = lab.run("[review]\nanalysers = []\nsecond_pass = true\n", only=TOTAL, store=store)
    assert [stage for stage in later.stages if stage is not Stage.VERIFICATION] == [Stage.SECOND_PASS]
    assert [found.agreed for found in later.review.shown()] == [2]


@pytest.mark.parametrize("lookups", [0, 1, 2])
def test_a_model_looks_up_as_often_as_policy_says_and_is_told_no_after_that(lab: Lab, lookups: int) -> None:
    seen = lab.run(f'[review]\nanalysers = []\nverify = "never"\nlookups = {lookups}\n', only=TOTAL)
    assert seen.stages == [Stage.REVIEW, *[Stage.LOOKUP] * lookups]
    assert any(f"more context than review.lookups = {lookups} allows" in notice for notice in seen.review.notices)
    assert [found.finding.line for found in seen.review.shown()] == [2]


def test_what_an_analyser_calls_grave_is_read_by_a_better_model(lab: Lab) -> None:
    plain = lab.run(QUIET, only="shop/held.py")
    warned = lab.run('[review]\nanalysers = ["ruff"]\n', only="shop/held.py")
    assert plain.routes["shop/held.py"].tier is Tier.EFFICIENT
    assert warned.routes["shop/held.py"].tier is Tier.BALANCED
    assert "an analyser reports high severity" in warned.routes["shop/held.py"].reasons[0]
