from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from policies.gates import conclude
from policies.words import Conclusion, Severity

STATUSES = ["complete", "incomplete", "analysers-only", "stopped-by-limit", "empty", "a status of next year"]
counts = st.dictionaries(st.sampled_from(list(Severity)), st.integers(0, 5))


@given(
    status=st.sampled_from(STATUSES),
    complete=st.booleans(),
    share=st.floats(0, 1),
    counts=counts,
    fail_on=st.one_of(st.none(), st.sampled_from(list(Severity))),
    limit=st.sampled_from([Conclusion.NEUTRAL, Conclusion.ACTION_REQUIRED]),
)
def test_green_needs_a_complete_review_by_a_model_and_nothing_at_the_gate(
    status: str,
    complete: bool,
    share: float,
    counts: dict[Severity, int],
    fail_on: Severity | None,
    limit: Conclusion,
) -> None:
    verdict = conclude(
        status=status, complete=complete, share=share, counts=counts, fail_on=fail_on, limit_conclusion=limit
    )
    at_gate = fail_on is not None and any(number and level >= fail_on for level, number in counts.items())
    assert (verdict.conclusion is Conclusion.SUCCESS) == (status == "complete" and complete and not at_gate)
    assert (verdict.conclusion is Conclusion.FAILURE) == at_gate
    assert verdict.title
    assert all(verdict.reasons)


def ask(status: str, *, complete: bool = False, share: float = 0.5, **more: object) -> tuple[Conclusion, str]:
    verdict = conclude(
        status=status,
        complete=complete,
        share=share,
        counts=more.get("counts", {}),  # type: ignore[arg-type]
        fail_on=more.get("fail_on"),  # type: ignore[arg-type]
        limit_conclusion=more.get("limit", Conclusion.NEUTRAL),  # type: ignore[arg-type]
        deciding=more.get("deciding"),  # type: ignore[arg-type]
    )
    return verdict.conclusion, f"{verdict.title} {' '.join(verdict.reasons)}"


def test_analysers_alone_are_neutral_and_never_call_a_change_clean() -> None:
    conclusion, text = ask("analysers-only", complete=True, share=1.0)
    assert conclusion is Conclusion.NEUTRAL
    assert "No model reviewed this change" in text


def test_money_that_ran_out_concludes_as_policy_says() -> None:
    assert ask("stopped-by-limit")[0] is Conclusion.NEUTRAL
    conclusion, text = ask("stopped-by-limit", limit=Conclusion.ACTION_REQUIRED)
    assert conclusion is Conclusion.ACTION_REQUIRED
    assert "50 %" in text


def test_a_blocking_finding_fails_an_incomplete_review_too_and_says_that_it_is_incomplete() -> None:
    conclusion, text = ask("incomplete", counts={Severity.CRITICAL: 1}, fail_on=Severity.HIGH)
    assert conclusion is Conclusion.FAILURE
    assert "1 critical" in text
    assert "50 % of the change was reviewed" in text


def test_findings_below_the_gate_pass() -> None:
    conclusion, text = ask("complete", complete=True, share=1.0, counts={Severity.LOW: 2}, fail_on=Severity.HIGH)
    assert conclusion is Conclusion.SUCCESS
    assert "2 findings: 2 low" in text


def test_a_share_is_never_rounded_up_to_everything() -> None:
    assert "99 %" in ask("incomplete", share=0.9999)[1]


def test_an_empty_change_is_neutral() -> None:
    assert ask("empty", complete=True, share=1.0)[0] is Conclusion.NEUTRAL


def test_what_is_only_in_the_collapsed_part_never_fails_a_check_and_the_check_says_so() -> None:
    collapsed = {Severity.HIGH: 1, Severity.LOW: 1}
    conclusion, text = ask(
        "complete", complete=True, share=1.0, counts=collapsed, deciding={Severity.LOW: 1}, fail_on=Severity.HIGH
    )
    assert conclusion is Conclusion.SUCCESS
    assert "1 finding: 1 high in the lower-ranked part" in text
    assert "do not decide" in text
    conclusion, _ = ask(
        "complete", complete=True, share=1.0, counts=collapsed, deciding=collapsed, fail_on=Severity.HIGH
    )
    assert conclusion is Conclusion.FAILURE


@given(
    status=st.sampled_from(STATUSES),
    complete=st.booleans(),
    deciding=counts,
    fail_on=st.one_of(st.none(), st.sampled_from(list(Severity))),
    unplaced=st.integers(0, 3),
    limit=st.sampled_from(list(Conclusion)),
)
def test_with_a_finding_that_could_not_be_placed_nothing_is_green(
    status: str,
    complete: bool,
    deciding: dict[Severity, int],
    fail_on: Severity | None,
    unplaced: int,
    limit: Conclusion,
) -> None:
    verdict = conclude(
        status=status,
        complete=complete,
        share=1.0,
        counts=deciding,
        deciding=deciding,
        unplaced=unplaced,
        fail_on=fail_on,
        limit_conclusion=limit,
    )
    if unplaced and fail_on is not None:
        assert verdict.conclusion is not Conclusion.SUCCESS
        assert any("could not be placed or graded" in reason for reason in verdict.reasons)
    assert verdict.fail_on is fail_on
