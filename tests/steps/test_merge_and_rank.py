"""The same issue once, scored, and placed beside its line, in the summary or on record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policies.words import Payment, Severity, Style, Tier
from reviewer.context.lookup import LookUps
from reviewer.context.lookup_request import LookupRequest
from reviewer.evidence.run import Evidence
from reviewer.findings.merge import EarlierFinding
from reviewer.findings.model import Category, Disposition, Finding, PlacedFinding
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.merge_and_rank import ONLY_FREE_TIER, merge_and_rank
from reviewer.steps.outputs import StepOutputs
from reviewer.steps.verify import Verified
from tests.findings.builders import DIFF, finding
from tests.steps.parts import HEAD, POLICY, SMALL, candidate, edit, plan_of, prepared_of, unit_of

LENIENT = replace(POLICY, style=Style.LENIENT)
FROM_ANALYSER = finding(
    "Count may be missing", source="ruff:S1", severity=Severity.CRITICAL, confidence=None, unit=""
)


def answered(*findings: Finding, tier: Tier = Tier.FRONTIER, **fields: Any) -> UnitAnswer:
    plan = plan_of(tier=tier, **{name: fields.pop(name) for name in ("candidate", "items") if name in fields})
    mine = tuple(replace(found, unit=plan.unit.identity) for found in findings)
    return UnitAnswer(plan, tier, model="m", findings=mine, **fields)


def sure(title: str = "Count may be missing", **fields: Any) -> Finding:
    return finding(title, **{"confidence": 0.95, "severity": Severity.CRITICAL, **fields})


def place(
    *answers: UnitAnswer,
    evidence: tuple[Finding, ...] = (),
    refuted: tuple[PlacedFinding, ...] = (),
    policy: Any = LENIENT,
    **request: Any,
) -> tuple[PlacedFinding, ...]:
    outputs = StepOutputs(answers, Verified(refuted), Evidence(evidence))
    return merge_and_rank(prepared_of(**request), outputs, policy)


def set_aside(answer: UnitAnswer, *indexes: int) -> tuple[PlacedFinding, ...]:
    return tuple(PlacedFinding(answer.findings[at], Disposition.UNVERIFIED, "false: a line") for at in indexes)


def fates(placed: tuple[PlacedFinding, ...]) -> list[tuple[str, Disposition]]:
    return [(one.finding.title, one.disposition) for one in placed]


def test_a_finding_that_a_strong_model_is_sure_of_stands_beside_its_line() -> None:
    (placed,) = place(answered(sure()))
    assert placed.disposition is Disposition.INLINE
    assert placed.anchor is not None
    assert placed.anchor.line == 4


@pytest.mark.parametrize(
    ("tier", "model", "fate"),
    [
        (Tier.FREE, candidate(Tier.FREE), Disposition.SUMMARY),
        (Tier.FREE, None, Disposition.SUMMARY),
        (Tier.FREE, SMALL, Disposition.SUMMARY),
        (Tier.FREE, candidate(Tier.FREE, payment=Payment.LOCAL), Disposition.INLINE),
        (Tier.EFFICIENT, candidate(Tier.EFFICIENT), Disposition.INLINE),
    ],
)
def test_what_only_a_free_tier_model_says_is_not_shown_beside_the_line(
    tier: Tier, model: Any, fate: Disposition
) -> None:
    (placed,) = place(answered(sure(), tier=tier, candidate=model))
    assert placed.disposition is fate
    moved = fate is Disposition.SUMMARY
    assert placed.reason == (ONLY_FREE_TIER if moved else "")
    assert (placed.anchor is None) is moved


def test_the_reason_of_the_move_is_one_that_a_reader_understands() -> None:
    assert ONLY_FREE_TIER == "only a free-tier model says so: not shown beside the line"


def test_two_free_tier_models_that_agree_are_shown_beside_the_line() -> None:
    one, other = sure(source="model:one"), sure(source="model:other")
    placed = place(answered(one, other, tier=Tier.FREE, candidate=None))
    assert fates(placed) == [(one.title, Disposition.INLINE), (one.title, Disposition.DUPLICATE)]
    assert placed[0].agreed == 2


def test_what_a_free_tier_model_says_twice_is_said_by_one() -> None:
    (first, _again) = place(answered(sure(), sure(), tier=Tier.FREE, candidate=None))
    assert first.disposition is Disposition.SUMMARY


def test_an_analyser_is_shown_beside_the_line_alone() -> None:
    (placed,) = place(evidence=(FROM_ANALYSER,))
    assert placed.disposition is Disposition.INLINE


def test_an_analyser_that_says_the_same_of_two_lines_is_one_comment_and_two_findings() -> None:
    hits = tuple(sure("Weak hash", line=line, quote=f"line {line}", source="ast-grep:weak") for line in (4, 5))
    placed = place(evidence=hits)
    assert [(one.finding.line, one.disposition) for one in placed] == [
        (4, Disposition.INLINE),
        (5, Disposition.SUMMARY),
    ]
    assert placed[0].finding.body.endswith("The same on line 5.")


def test_a_model_and_an_analyser_that_say_the_same_are_one_issue() -> None:
    placed = place(answered(sure(), tier=Tier.FREE, candidate=None), evidence=(FROM_ANALYSER,))
    assert [one.disposition for one in placed] == [Disposition.INLINE, Disposition.DUPLICATE]
    assert placed[0].agreed == 2


def test_what_is_not_beside_a_line_keeps_its_own_reason() -> None:
    (placed,) = place(answered(finding(confidence=0.01, severity=Severity.LOW), tier=Tier.FREE, candidate=None))
    assert placed.disposition is Disposition.SUMMARY
    assert placed.reason.startswith("score ")


def test_the_style_of_the_policy_decides_what_is_beside_the_line() -> None:
    asked = answered(finding(confidence=0.4, severity=Severity.LOW))
    lenient, strict = (
        place(asked, policy=replace(POLICY, style=style))[0] for style in (Style.LENIENT, Style.STRICT)
    )
    assert lenient.disposition is Disposition.INLINE
    assert strict.disposition is Disposition.SUMMARY
    assert lenient.score == strict.score


def test_no_more_stand_beside_lines_than_policy_allows() -> None:
    other = sure("Log is missing", quote="log(row)", line=5, category=Category.TESTS, body="There is no log.")
    placed = place(answered(sure(), other), policy=replace(LENIENT, max_inline=1))
    assert sorted(one.disposition.value for one in placed) == ["inline", "summary"]


def test_a_finding_on_no_line_of_the_diff_is_shown_as_out_of_it() -> None:
    (placed,) = place(answered(sure(line=400)))
    assert placed.disposition is Disposition.OUT_OF_DIFF


def test_a_stronger_tier_ranks_the_same_words_higher() -> None:
    (strong,), (weak,) = (place(answered(sure(), tier=tier)) for tier in (Tier.FRONTIER, Tier.EFFICIENT))
    assert strong.score > weak.score


def test_evidence_that_was_in_the_context_ranks_a_finding_higher() -> None:
    item = LookUps(HEAD).answer(LookupRequest("file", "", "shop/price.py", 1, 2))
    said = sure(evidence=("shop/price.py:2",))
    (without,) = place(answered(said))
    (looked_up,) = place(answered(said, looked_up=(item,)))
    (planned,) = place(answered(said, items=(item,)))
    assert looked_up.score == planned.score
    assert looked_up.score > without.score


def test_evidence_of_one_finding_stays_known_where_the_next_of_the_unit_has_none() -> None:
    item = LookUps(HEAD).answer(LookupRequest("file", "", "shop/price.py", 1, 2))
    said = sure(evidence=("shop/price.py:2",))
    other = sure("Log is missing", quote="log(row)", line=5, category=Category.TESTS, body="There is no log.")
    (alone,) = place(answered(said, items=(item,)))
    both = {one.finding.title: one for one in place(answered(said, other, items=(item,)))}
    assert both[said.title].score == alone.score


def test_evidence_of_one_of_two_that_agree_counts_for_the_issue() -> None:
    item = LookUps(HEAD).answer(LookupRequest("file", "", "shop/price.py", 1, 2))
    with_evidence = sure(evidence=("shop/price.py:2",))
    other = sure(source="model:other")
    (known, _), (unknown, _) = (place(answered(with_evidence, other, items=items)) for items in ((item,), ()))
    assert known.score > unknown.score


def test_the_best_of_a_group_says_what_the_issue_is_worth() -> None:
    weak = sure(source="model:weak", confidence=0.05)
    placed = place(answered(sure(), weak))
    agreed = place(answered(sure(), sure(source="model:weak")))
    assert placed[0].score == agreed[0].score


def test_what_verification_refuted_is_on_record_and_nowhere_else() -> None:
    answer = answered(
        sure(), sure("Log is missing", quote="log(row)", line=5, category=Category.TESTS, body="Log.")
    )
    placed = place(answer, refuted=set_aside(answer, 0))
    assert fates(placed) == [
        ("Log is missing", Disposition.INLINE),
        ("Count may be missing", Disposition.UNVERIFIED),
    ]


def test_of_the_very_same_finding_said_twice_one_stands_where_one_was_refuted() -> None:
    answer = answered(sure(), sure())
    placed = place(answer, refuted=set_aside(answer, 1))
    assert [one.disposition for one in placed] == [Disposition.INLINE, Disposition.UNVERIFIED]


def test_what_failed_a_check_is_on_record_with_the_check() -> None:
    lost = PlacedFinding(finding("Lost"), Disposition.UNVERIFIED, "quote: no such line")
    placed = place(answered(sure(), rejected=(lost,)))
    assert placed[1:] == (lost,)


def test_what_a_thread_says_already_is_not_said_again() -> None:
    said = sure()
    old = EarlierFinding(said.fingerprint, said.path, said.title, said.body, said.line, "open", "https://x/1")
    (placed,) = place(answered(said), earlier=(old,))
    assert placed.disposition is Disposition.DUPLICATE


def test_a_thread_follows_a_file_that_was_renamed() -> None:
    diff = (
        "diff --git a/old.py b/new.py\nsimilarity index 50%\nrename from old.py\nrename to new.py\n"
        "--- a/old.py\n+++ b/new.py\n@@ -1 +1 @@\n-old\n+new value = total / size\n"
    ) + edit("else.py")
    said = sure("Division by zero", path="new.py", line=1, quote="new value = total / size", body="size may be 0.")
    old = EarlierFinding("another", "old.py", said.title, said.body, 1, "open")
    plan = plan_of(unit_of(diff), tier=Tier.FRONTIER)
    answer = UnitAnswer(plan, Tier.FRONTIER, model="m", findings=(replace(said, unit=plan.unit.identity),))
    (placed,) = place(answer, diff=diff, earlier=(old,))
    assert placed.disposition is Disposition.DUPLICATE
    (fresh,) = place(answer, diff=diff, earlier=(replace(old, path="else.py"),))
    assert fresh.disposition is Disposition.INLINE


def test_two_units_of_different_tiers_keep_their_own_rank() -> None:
    free = answered(sure(), tier=Tier.FREE, candidate=None)
    plan = plan_of(unit_of(edit("b.py")), tier=Tier.FRONTIER)
    other = sure("B is wrong", path="b.py", line=1, quote="new", unit=plan.unit.identity)
    strong = UnitAnswer(plan, Tier.FRONTIER, model="m", findings=(other,))
    placed = place(free, strong, diff=DIFF + edit("b.py"))
    assert dict(fates(placed)) == {
        "B is wrong": Disposition.INLINE,
        "Count may be missing": Disposition.SUMMARY,
    }
