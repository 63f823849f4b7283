"""What the steps of one review share."""

from __future__ import annotations

from dataclasses import replace

from policies.words import Strategy
from reviewer.steps.progress import Progress
from tests.steps.parts import POLICY, context_of


def test_a_review_begins_with_limits_of_its_own_whose_time_starts_then() -> None:
    now = iter([50.0, 50.0 + 29, 50.0 + 31, 90.0])
    context = context_of(policy=replace(POLICY, max_seconds=30), clock=lambda: next(now))
    first = context.begin()
    assert first.run.started == 50.0
    assert first.run.out_of_time() == ""
    assert "30 s" in first.run.out_of_time()
    assert context.begin().run is not first.run


def test_a_strategy_that_was_asked_for_takes_the_place_of_policys() -> None:
    context = context_of()
    assert context.bounded_by(Strategy.FREE).policy.strategy is Strategy.FREE
    assert context.bounded_by(Strategy.FREE).run is context.run
    assert context.bounded_by(None) is context


def test_nobody_has_to_watch() -> None:
    context_of().watch(Progress("scope"))
