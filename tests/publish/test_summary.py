from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policies.words import Payment, Severity
from reviewer.findings.earlier import EarlierFinding
from reviewer.findings.merge import merge
from reviewer.findings.model import Coverage, Disposition, PlacedFinding, Reviewed, Skipped
from reviewer.models.model import Usage
from reviewer.publish.check import TEXT_LIMIT, render_check, verdict_of
from reviewer.publish.cost import Totals
from reviewer.publish.coverage import lines as coverage_lines
from reviewer.publish.figures import exact, money, percent, seconds, short_tokens
from reviewer.publish.inline import BODY_LIMIT, render_inline, size
from reviewer.publish.marker import Kind, read_marker
from reviewer.publish.open_findings import OPEN_THREAD
from reviewer.publish.summary import SUMMARY_LIMIT, SummaryInput, headline, render_summary
from reviewer.steps.result import Review, ReviewStatus
from tests.publish.rendered import problems, tags, text_of
from tests.publish.samples import HEAD, call, finding, full_review, inline, placed, review
from tests.publish.test_sanitize import ATTACKS, TEXTS

URL = "https://github.example/acme/shop"


def summary(of: Review, **fields: Any) -> str:
    return render_summary(SummaryInput(of, **{"repository_url": URL, **fields}))


def test_the_first_lines_answer_what_there_is_to_do() -> None:
    lines = [line for line in summary(full_review(), totals=Totals(3, 9, Decimal("0.0534"))).split("\n") if line]
    assert read_marker(lines[0] + "\n") is not None
    assert lines[1] == "### 🟠 Kilo Review: 4 findings (1 high, 1 medium, 2 low)"
    assert lines[2].startswith(
        "**Everything in scope reviewed (2 hunks, 1 file)** · 2 inline · $0.0216 this run, "
        "$0.0534 this pull request · 8.3 s"
    )


def test_everything_of_a_review_is_in_the_summary() -> None:
    text = summary(full_review(), totals=Totals(3, 9, Decimal("0.0534")))
    for words in (
        "SQL is built from user input", "`os` is unused", "is never called", "No test for a name",  # findings
        "Connection is not closed", "raised in an open thread", "line 3 shows it false",  # set aside, with reasons
        "package-lock.json", "lock file",  # coverage
        "own key", "gateway", "4,096", "$0.002345", "$0.0193", "**$0.021645**", "69 % of that",  # cost
        "the check `anchor` failed", "429 from api.openai.com", "not paid for again", "3 reviews",
        "touches SQL", "ruff 0.17.6", "not installed", "80 % used",
    ):  # fmt: skip
        assert words in text, words


def test_no_issues_is_only_said_at_complete_coverage() -> None:
    assert headline(review()) == "no issues found"
    missed = Coverage(
        reviewed=(Reviewed("a.py", "@@", "model:x"),),
        skipped=(Skipped("b.py", "", "over the limit", excluded=False),),
    )
    for status in ReviewStatus:
        for coverage in (missed, Coverage()):
            if status is ReviewStatus.COMPLETE and coverage.complete:
                continue
            partial = review(status=status, coverage=coverage)
            assert "no issues" not in summary(partial)
            assert "✅" not in summary(partial)
    partial = review(status=ReviewStatus.INCOMPLETE, coverage=missed)
    assert headline(partial) == "incomplete; nothing found in what was reviewed"
    assert "only 50 % reviewed (1 of 2 parts)" in summary(partial).lower()
    assert "b.py" in summary(partial)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (ReviewStatus.EMPTY, "nothing to review"),
        (ReviewStatus.ANALYSERS_ONLY, "no model reviewed this, analysers only"),
        (ReviewStatus.STOPPED_BY_LIMIT, "stopped by a spending limit"),
    ],
)
def test_a_review_without_a_model_says_so(status: ReviewStatus, words: str) -> None:
    assert headline(review(status=status)).startswith(words)


def test_a_finding_in_an_open_thread_is_still_there_and_still_counts() -> None:
    old = finding(fingerprint="f9")
    earlier = EarlierFinding("f9", old.path, old.title, old.body, old.line, "open", f"{URL}/pull/7#discussion_r9")
    (group,) = merge([old], earlier=[earlier])
    assert group.reason.startswith(OPEN_THREAD)
    again = review(PlacedFinding(old, Disposition.DUPLICATE, reason=group.reason))
    text = summary(again)
    assert "1 finding (1 high), raised before" in text
    assert f"[SQL is built from user input *(raised before, still open)*]({URL}/pull/7#discussion_r9)" in text
    assert "Set aside" not in text
    assert verdict_of(again, fail_on=Severity.HIGH).conclusion.value == "failure"
    foreign = replace(again.findings[0], reason=f"{OPEN_THREAD} (https://evil.example/x)")
    assert "evil.example" not in summary(replace(again, findings=(foreign,)))


def check_of(of: Review, fail_on: Severity | None = Severity.HIGH) -> tuple[str, str]:
    verdict = verdict_of(of, fail_on=fail_on)
    return verdict.conclusion.value, summary(of, verdict=verdict)


def test_a_finding_that_is_not_worth_a_line_is_collapsed_and_does_not_decide() -> None:
    doubtful = PlacedFinding(finding(confidence=0.05), Disposition.SUMMARY, "score 0.05 is under 0.50", score=0.05)
    conclusion, text = check_of(review(doubtful))
    assert conclusion == "success"
    assert "Check: **success**" in text
    assert "these do not decide" in text
    table, _, folded = text.partition("<details>")
    assert doubtful.finding.title not in table
    assert doubtful.finding.title in folded


def test_a_verified_finding_decides_and_stands_in_the_table_and_the_summary_names_it() -> None:
    verified = PlacedFinding(finding(), Disposition.SUMMARY, "score 0.45 is under 0.50", verified=True)
    conclusion, text = check_of(review(verified))
    assert conclusion == "failure"
    assert f"Decided by `{verified.finding.path}:{verified.finding.line}`." in text
    assert verified.finding.title in text.partition("<details>")[0]
    assert check_of(review(verified), fail_on=None)[0] == "success"
    assert check_of(review(verified), fail_on=Severity.CRITICAL)[0] == "success"


@pytest.mark.parametrize("disposition", [Disposition.DUPLICATE, Disposition.SUPPRESSED, Disposition.UNVERIFIED])
def test_what_is_set_aside_decides_nothing_also_when_it_was_verified(disposition: Disposition) -> None:
    assert check_of(review(PlacedFinding(finding(), disposition, "same as 'x'", verified=True)))[0] == "success"


@pytest.mark.parametrize(
    ("changes", "fail_on", "conclusion"),
    [
        ({}, Severity.HIGH, "neutral"),
        ({"severity": Severity.LOW}, Severity.HIGH, "success"),
        ({"graded": False}, Severity.CRITICAL, "neutral"),
        ({"graded": False}, None, "success"),
    ],
)
def test_what_could_not_be_placed_or_graded_is_shown_as_it_is_and_never_called_wrong(
    changes: dict[str, Any], fail_on: Severity | None, conclusion: str
) -> None:
    unplaced = PlacedFinding(finding(**changes), Disposition.UNPLACED, "quote: a.py has no line 'x'")
    found, text = check_of(review(unplaced), fail_on)
    assert found == conclusion
    assert unplaced.finding.title in text.partition("<details>")[0]
    assert "a.py has no line" in text
    assert "shown to be wrong" not in text
    assert "✅" not in text
    assert ("Ungraded" in text) == (not unplaced.finding.graded)
    if conclusion == "neutral":
        assert "could not be placed or graded" in text


def test_an_unknown_price_is_unknown_never_zero() -> None:
    text = summary(review(calls=(call(), call(cost=None, provider="acme", model="m"))), totals=Totals(2, 3, None))
    assert "cost of this run unknown" in text
    assert "| unknown |" in text
    assert "**unknown**" in text
    assert "the known part is $0.002345" in text


def test_a_local_model_shows_its_time_and_who_pays() -> None:
    local = call(provider="llamacpp", model="q", payment=Payment.LOCAL, cost=Decimal(0), latency_ms=61_000)
    assert "| local | 1 | 6,200 | 4,096 | 412 | 61 s | $0.00 |" in summary(review(calls=(local,)))


def test_the_posted_sum_is_the_sum_of_the_calls_to_the_millionth() -> None:
    calls = tuple(call(cost=Decimal("0.000123") * n, usage=Usage(input=n)) for n in range(1, 200))
    of = review(calls=calls)
    assert of.cost is not None
    assert f"**{exact(of.cost)}**" in summary(of)


@pytest.mark.parametrize(
    ("amount", "short"),
    [("0", "$0.00"), ("0.000001", "$0.000001"), ("0.0000001", "< $0.000001"), ("0.0216", "$0.0216"),
     ("12.345", "$12.34"), ("1234.5", "$1,234.50"), ("0.1", "$0.10")],
)  # fmt: skip
def test_money_reads_as_people_write_it(amount: str, short: str) -> None:
    assert money(Decimal(amount)) == short


def test_figures_never_round_up_to_a_claim() -> None:
    assert percent(0.9999) == "99 %"
    assert percent(1.0) == "100 %"
    assert seconds(3000 * 61) == "3 min 3 s"
    assert short_tokens(999_999) == "1.0M"


def test_many_findings_fit_and_none_is_lost() -> None:
    many = [
        placed(Disposition.SUMMARY, "below the threshold", fingerprint=f"m{n}", title=f"Finding number {n} of many",
               body="because " * 200, severity=Severity.LOW)
        for n in range(300)
    ]  # fmt: skip
    text = summary(review(*many))
    assert size(text) <= SUMMARY_LIMIT < BODY_LIMIT
    assert all(f"Finding number {n} of many" in text for n in range(300))
    assert text.count("<details>") == text.count("</details>")


def test_more_than_fits_is_counted_here_and_listed_in_the_check_run() -> None:
    many = [inline(fingerprint=f"m{n}", title=f"Finding {n} " + "x" * 180) for n in range(900)]
    of = review(*many)
    text = summary(of)
    assert size(text) <= SUMMARY_LIMIT
    assert "more findings** did not fit here" in text
    output = render_check(of, verdict_of(of, fail_on=None)).output
    assert len(str(output["text"]).encode()) <= TEXT_LIMIT
    assert "more findings" in str(output["text"])
    assert text.count("<details>") == text.count("</details>")


def test_thousands_of_skipped_files_fit_and_are_counted() -> None:
    skipped = tuple(Skipped(f"src/module_{n}/some/long/path/file_{n}.py", "", "over the limit", excluded=False)
                    for n in range(3001))  # fmt: skip
    text = summary(review(coverage=Coverage(skipped=skipped), status=ReviewStatus.INCOMPLETE))
    assert size(text) <= SUMMARY_LIMIT
    assert "(3,001)" in text
    assert "more" in text


def hostile(text: str) -> Review:
    """A review in which everything that others write is the same hostile text."""
    named = {"title": text, "body": text, "source": f"model:{text}", "evidence": (text,), "path": "app/db.py"}
    base = full_review()
    return replace(
        base,
        findings=(
            inline(**named, suggestion=text),
            placed(
                Disposition.OUT_OF_DIFF, text, **{**named, "path": text or "x"}, fingerprint="h2", suggestion=text
            ),
            placed(Disposition.SUMMARY, text, **{**named, "severity": Severity.LOW}, fingerprint="h3"),
            placed(Disposition.UNVERIFIED, text, **named, fingerprint="h4"),
            placed(Disposition.DUPLICATE, f"{OPEN_THREAD} ({text})", **named, fingerprint="h5"),
        ),
        coverage=Coverage(
            reviewed=(Reviewed("a.py", text, text),),
            skipped=(Skipped(text, text, text, excluded=False), Skipped(text, "", text, excluded=True)),
        ),
        calls=(call(model=text, provider=text, error=text, ok=False),),
        routes=(replace(base.routes[0], paths=(text,), model=text, reasons=(text, text)),),
        escalations=(replace(base.escalations[0], detail=text),),
        evidence=(replace(base.evidence[1], tool=text, error=text),),
        notices=(text,),
    )


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_of_a_hostile_review_comes_alive(attack: str) -> None:
    of = hostile(attack)
    assert problems(summary(of), own_links=URL) == []
    assert problems(render_inline(of.findings[0], head=HEAD), may_suggest=True) == []
    output = render_check(of, verdict_of(of, fail_on=None), summary_url=f"{URL}/pull/1", annotate=True).output
    assert problems(str(output["summary"]), own_links=URL) == []
    assert problems(str(output["text"])) == []


@settings(max_examples=30, deadline=None)
@example("www")
@example(("a" + "`" * 300 + "\n@octocat\n" + "`" * 300) * 3)
@given(TEXTS)
def test_no_text_breaks_the_summary(text: str) -> None:
    written = summary(hostile(text))
    assert problems(written, own_links=URL) == []
    marker = read_marker(written)
    assert marker is not None
    assert marker.kind is Kind.SUMMARY
    assert tags(written).count("table") >= 3


def test_endless_notices_and_reasons_push_no_finding_out() -> None:
    written = summary(hostile("a" + ("`" * 300 + "\n@octocat\n") * 12))
    assert "did not fit" not in written


@settings(max_examples=15, deadline=None)
@given(st.integers(min_value=1_500, max_value=70_000))
def test_any_limit_is_kept(limit: int) -> None:
    many = [inline(fingerprint=f"m{n}", title=f"Finding {n}", body="b" * 500) for n in range(120)]
    assert size(render_summary(SummaryInput(review(*many), repository_url=URL), limit=limit)) <= limit


def test_an_inline_comment_has_severity_reason_fix_and_source() -> None:
    text = render_inline(full_review().findings[0], head=HEAD)
    assert read_marker(text) is not None
    assert "**🟠 High · SQL is built from user input**" in text
    assert "```suggestion\n    sql = 'select * from users where name = ?'\n```" in text
    assert "*security · `openai/gpt-x` · confidence 90 %*" in text


def test_a_suggestion_is_only_offered_for_the_lines_it_was_written_for() -> None:
    one = inline(suggestion="fixed")
    assert one.anchor is not None
    elsewhere = replace(one, anchor=replace(one.anchor, line=6))
    assert "```suggestion" in render_inline(one, head=HEAD)
    assert "```suggestion" not in render_inline(elsewhere, head=HEAD)
    assert "fixed" in render_inline(elsewhere, head=HEAD)


def test_a_suggestion_that_carries_a_redacted_secret_cannot_be_applied() -> None:
    text = render_inline(inline(suggestion="key = '[redacted]'"), head=HEAD)
    assert "```suggestion" not in text
    assert "cannot be applied" in text


def test_a_suggestion_that_removes_the_lines_is_a_block_of_nothing() -> None:
    assert "```suggestion\n\n```" in render_inline(inline(suggestion=""), head=HEAD)


def test_the_check_run_is_never_green_without_a_model() -> None:
    for status in ReviewStatus:
        verdict = verdict_of(review(status=status), fail_on=None)
        assert (verdict.conclusion.value == "success") == (status is ReviewStatus.COMPLETE)


def test_the_summary_stays_short_where_there_is_nothing_to_do() -> None:
    visible = text_of(summary(review()))
    assert len(summary(review()).split("<details>")[0]) < 400
    assert "no issues found" in visible


def test_a_hunk_that_no_model_read_names_the_analysers_that_did():
    coverage = Coverage(reviewed=(Reviewed("a.ts", "@@ -1 +1 @@", "analysers: ast-grep, oxlint"),))
    shown = "\n".join(coverage_lines(replace(review(), coverage=coverage)))
    assert "1 hunk by analysers only (`ast-grep`, `oxlint`)" in shown
