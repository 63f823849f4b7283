"""What the units of one review use up together: time and escalations."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from reviewer.steps.run_limits import RunLimits


def test_a_review_without_limits_is_never_out_of_time_and_has_used_nothing() -> None:
    run = RunLimits()
    assert run.out_of_time() == ""
    assert (run.escalations, run.stopped) == (0, "")


@pytest.mark.parametrize(("now", "over"), [(100.0, False), (159.9, False), (160.0, True), (200.0, True)])
def test_the_time_is_over_when_as_many_seconds_have_passed_as_the_policy_allows(now: float, over: bool) -> None:
    run = RunLimits(seconds=60, clock=lambda: now, started=100.0)
    said = run.out_of_time()
    assert said == ("not asked within the 60 s of one review (caps.max_seconds)" if over else "")


def test_as_many_escalations_are_granted_as_the_policy_allows_whoever_asks() -> None:
    run = RunLimits()
    with ThreadPoolExecutor(8) as threads:
        granted = list(threads.map(run.take_escalation, [5] * 40))
    assert granted.count(True) == 5
    assert run.escalations == 5


def test_no_escalation_is_granted_where_none_is_allowed() -> None:
    assert RunLimits().take_escalation(0) is False


def test_the_time_that_a_review_took_is_told_in_milliseconds() -> None:
    assert RunLimits(clock=lambda: 101.25, started=100.0).elapsed_ms() == 1250
