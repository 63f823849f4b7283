"""The check run: conclusion, title, summary, and the list of everything found. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from policies.gates import Verdict, conclude, with_statements
from policies.words import Conclusion, Severity
from reviewer.findings.model import PlacedFinding
from reviewer.findings.statements import Outcome
from reviewer.prompts.redact import PLACEHOLDER
from reviewer.publish import cost, coverage
from reviewer.publish.cost import Totals
from reviewer.publish.escape import code, plain, visible
from reviewer.publish.figures import count, grade
from reviewer.publish.open_findings import decisive, ordered, standing, unplaced
from reviewer.publish.sanitize import title
from reviewer.steps.result import Review

# https://docs.github.com/rest/checks/runs: summary and text are limited to 65,535 bytes each (the page says
# characters, the answer "maximum bytesize"), annotations to 50 in a request.
TEXT_LIMIT: Final = 65_535
MAX_ANNOTATIONS: Final = 50
MAX_TITLE: Final = 250
_LEVELS: Final = {
    Severity.CRITICAL: "failure",
    Severity.HIGH: "failure",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
}


@dataclass(frozen=True, slots=True)
class CheckOutput:
    """What a check run says; `output` is GitHub's object of that name."""

    conclusion: Conclusion
    output: Mapping[str, Any]


def verdict_of(
    review: Review, *, fail_on: Severity | None, limit_conclusion: Conclusion = Conclusion.NEUTRAL
) -> Verdict:
    """Return the gates' verdict on a review.

    What stands beside a line, is verified, or stands in an open thread decides; what is only in the collapsed part
    does not. What could not be placed or graded never passes for clean, and neither does a gating check in plain
    language that is not visible.
    """
    verdict = conclude(
        status=str(review.status),
        complete=review.coverage.complete,
        share=review.coverage.share,
        counts=Counter(placed.finding.severity for placed in standing(review)),
        deciding=Counter(placed.finding.severity for placed in decisive(review)),
        unplaced=len(unplaced(review, fail_on)),
        fail_on=fail_on,
        limit_conclusion=limit_conclusion,
    )
    gating = [statement for statement in review.statements if statement.gate]
    return with_statements(
        verdict,
        [statement.name for statement in gating if statement.outcome is Outcome.NOT_MET],
        [statement.name for statement in gating if statement.outcome is Outcome.NOT_VISIBLE],
    )


def render_check(
    review: Review,
    verdict: Verdict,
    *,
    totals: Totals | None = None,
    summary_url: str = "",
    notices: Sequence[str] = (),
    annotate: bool = False,
) -> CheckOutput:
    """Return the check run's conclusion and output. `annotate` adds annotations, at most MAX_ANNOTATIONS: for where
    inline comments could not be posted.
    """
    parts = [*(plain(reason) for reason in verdict.reasons)]
    parts.append(f"{coverage.heading(review)}. {cost.heading(review)}.")
    parts += [f"⚠ {plain(notice)}" for notice in dict.fromkeys((*review.notices, *notices))]
    if summary_url:
        parts.append(f"[The summary on the pull request]({summary_url}) has the details.")
    findings = ordered(standing(review))
    output: dict[str, Any] = {
        "title": visible(verdict.title)[:MAX_TITLE],
        "summary": _fit("\n\n".join(parts).split("\n"), "line"),
    }
    if findings:
        output["text"] = _fit([_line(placed) for placed in findings], "finding")
    if annotate and findings:
        output["annotations"] = [
            _annotation(placed) for placed in findings if PLACEHOLDER not in placed.finding.path
        ][:MAX_ANNOTATIONS]
    return CheckOutput(verdict.conclusion, output)


def _line(placed: PlacedFinding) -> str:
    finding = placed.finding
    where = code(f"{finding.path}:{finding.line}")
    return f"- {grade(finding)} {where} {title(finding.title)}"


def _annotation(placed: PlacedFinding) -> dict[str, Any]:
    finding = placed.finding
    return {
        "path": finding.path,
        "start_line": finding.start_line or finding.line,
        "end_line": finding.line,
        "annotation_level": _LEVELS[finding.severity],
        # Plain text here: GitHub renders no Markdown in annotations.
        "title": visible(finding.title).replace("\n", " ")[:MAX_TITLE],
        "message": visible(finding.body)[:4_000] or visible(finding.title),
    }


def _fit(lines: Sequence[str], noun: str) -> str:
    """Join lines up to GitHub's limit; the rest is counted."""
    room = TEXT_LIMIT - 100
    kept: list[str] = []
    for line in lines:
        room -= len(line.encode("utf-8", "replace")) + 1
        if room < 0:
            kept.append(f"\n{count(len(lines) - len(kept), f'more {noun}')}.")
            break
        kept.append(line)
    return "\n".join(kept)
