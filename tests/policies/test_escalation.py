from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.escalation import NOT_REPAIRABLE, Attempt, Escalate, Repair, Stop, next_step
from policies.load import load_policy
from policies.policy import Policy
from policies.words import Check, Strategy, Tier

POLICY = load_policy()


def step(
    *attempts: Attempt, policy: Policy = POLICY, used: int = 0, highest: Tier = Tier.FRONTIER
) -> Repair | Escalate | Stop:
    return next_step(attempts, policy, escalations_used=used, highest=highest)


def review(check: Check | None = Check.SCHEMA, tier: Tier = Tier.EFFICIENT) -> Attempt:
    return Attempt("review", tier, check)


def repair(check: Check | None = Check.SCHEMA, tier: Tier = Tier.EFFICIENT) -> Attempt:
    return Attempt("repair", tier, check)


def test_a_good_answer_buys_nothing() -> None:
    assert step(review(None)) == Stop("the answer passed its checks")


def test_a_failed_check_is_repaired_once_and_then_escalated_one_tier() -> None:
    assert step(review()) == Repair()
    assert step(review(), repair(Check.QUOTE)) == Escalate(Tier.BALANCED)


@pytest.mark.parametrize("check", sorted(NOT_REPAIRABLE))
def test_what_a_repair_cannot_help_is_escalated_at_once(check: Check) -> None:
    assert step(review(check)) == Escalate(Tier.BALANCED)


def test_the_calls_of_a_unit_are_capped() -> None:
    escalated = Attempt("escalation", Tier.BALANCED, Check.ANCHOR)
    stopped = step(review(), repair(), escalated)
    assert isinstance(stopped, Stop)
    assert stopped.reason == "the unit has had its 3 calls"


def test_the_escalations_of_a_run_are_capped() -> None:
    stopped = step(review(), repair(), used=POLICY.max_escalations)
    assert isinstance(stopped, Stop)
    assert "20 escalations" in stopped.reason


def test_nothing_goes_above_the_highest_usable_or_allowed_tier() -> None:
    assert isinstance(step(review(), repair(), highest=Tier.EFFICIENT), Stop)
    capped = replace(POLICY, max_tier=Tier.EFFICIENT)
    assert isinstance(step(review(), repair(), policy=capped), Stop)
    assert isinstance(step(review(tier=Tier.FRONTIER), repair(tier=Tier.FRONTIER)), Stop)


def test_a_fixed_strategy_and_a_fixed_model_are_promises() -> None:
    fixed = replace(POLICY, strategy=Strategy.EFFICIENT)
    assert isinstance(step(review(), repair(), policy=fixed), Stop)
    named = replace(POLICY, model="acme/large-1")
    stopped = step(review(), repair(), policy=named)
    assert isinstance(stopped, Stop)
    assert "acme/large-1" in stopped.reason


def test_nothing_is_decided_before_the_first_answer() -> None:
    assert isinstance(step(), Stop)


@given(
    checks=st.lists(st.sampled_from(list(Check)), min_size=12, max_size=12),
    start=st.sampled_from(list(Tier)),
    highest=st.sampled_from(list(Tier)),
    calls=st.integers(1, 10),
    escalations=st.integers(0, 5),
)
def test_every_chain_ends_within_the_caps_and_climbs_one_tier_at_a_time(
    checks: list[Check], start: Tier, highest: Tier, calls: int, escalations: int
) -> None:
    policy = replace(POLICY, max_calls_per_unit=calls, max_escalations=escalations)
    attempts = [Attempt("review", start, checks[0])]
    used = 0
    for check in checks[1:]:
        decision = next_step(attempts, policy, escalations_used=used, highest=highest)
        if isinstance(decision, Stop):
            break
        if isinstance(decision, Escalate):
            used += 1
            assert decision.tier == attempts[-1].tier + 1
            assert decision.tier <= highest
            attempts.append(Attempt("escalation", decision.tier, check))
        else:
            attempts.append(Attempt("repair", attempts[-1].tier, check))
    else:
        pytest.fail("the chain did not end")
    assert len(attempts) <= calls
    assert used <= escalations
    assert sum(attempt.stage == "repair" for attempt in attempts) <= 1
