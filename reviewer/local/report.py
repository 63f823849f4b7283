"""A Review for machines: one JSON document, SARIF 2.1.0, GitHub annotations. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote as url_quote

from policies.words import Severity
from reviewer.change.anchor import Anchors
from reviewer.change.model import Side
from reviewer.findings.model import Coverage, Finding, PlacedFinding
from reviewer.findings.statements import Statement
from reviewer.git.decode import raw_path
from reviewer.local.documents import (
    CallDocument,
    CoverageDocument,
    FindingDocument,
    LookupsDocument,
    ReviewDocument,
    StatementDocument,
    UsageDocument,
)
from reviewer.models.model import Call, Usage
from reviewer.steps.result import Review

JSON_VERSION: Final = 1
SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_SARIF_LEVEL: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
}
# GitHub orders code scanning alerts by this number (CVSS-like), https://docs.github.com/code-security/code-scanning
_SECURITY_SEVERITY: Final = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "3.0",
}
_ANNOTATION: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
}


def as_json(review: Review) -> ReviewDocument:
    """Return the review as plain JSON values; money in US dollars, null where a price is unknown."""
    return {
        "version": JSON_VERSION,
        "status": review.status.value,
        "base": review.change.base,
        "head": review.change.head,
        "findings": [finding_json(placed) for placed in review.findings],
        "coverage": coverage_json(review.coverage),
        "cost_usd": money(review.cost),
        "all_frontier_cost_usd": money(review.all_frontier_cost),
        "usage": usage_json(review.usage),
        "calls": [call_json(call) for call in review.calls],
        "units_from_cache": review.units_from_cache,
        "routes": [
            {
                "unit": route.unit,
                "paths": list(route.paths),
                "tier": route.tier.label,
                "model": route.model,
                "sensitivity": round(route.sensitivity, 3),
                "reasons": list(route.reasons),
            }
            for route in review.routes
        ],
        "escalations": [
            {
                "unit": step.unit,
                "check": step.check.value,
                "from": step.from_tier.label,
                "to": step.to_tier.label,
                "detail": step.detail,
            }
            for step in review.escalations
        ],
        "analysers": [
            {"tool": run.tool, "version": run.version, "findings": run.findings, "error": run.error}
            for run in review.evidence
        ],
        "checks": [{"gate": each.gate, **statement_json(each)} for each in review.statements],
        "criteria": [statement_json(each) for each in review.criteria],
        "notices": list(review.notices),
        "context_limits": list(review.context_limits),
        "lookups": LookupsDocument(
            asked=review.lookups.asked,
            answered=review.lookups.answered,
            empty=review.lookups.empty,
            refused=review.lookups.refused,
        ),
        "duration_ms": review.duration_ms,
    }


def statement_json(statement: Statement) -> StatementDocument:
    """Return what became of a check or an acceptance criterion."""
    return {
        "name": statement.name,
        "outcome": statement.outcome.value,
        "line": statement.quote,
        "why": statement.why,
    }


def finding_json(placed: PlacedFinding) -> FindingDocument:
    """Return one finding with its fate."""
    finding = placed.finding
    return {
        "path": finding.path,
        "line": finding.line,
        "start_line": finding.start_line,
        "side": finding.side.value,
        "severity": finding.severity.label,
        "category": finding.category.value,
        "title": finding.title,
        "body": finding.body,
        "suggestion": finding.suggestion,
        "quote": finding.quote,
        "source": finding.source,
        "confidence": finding.confidence,
        "evidence": list(finding.evidence),
        "fingerprint": finding.fingerprint,
        "disposition": placed.disposition.value,
        "reason": placed.reason,
        "score": round(placed.score, 3),
        "agreed": placed.agreed,
    }


def coverage_json(coverage: Coverage) -> CoverageDocument:
    """Return what was and was not reviewed."""
    return {
        "complete": coverage.complete,
        "share": round(coverage.share, 4),
        "reviewed": [{"path": row.path, "hunk": row.header, "by": row.by} for row in coverage.reviewed],
        "skipped": [
            {"path": row.path, "hunk": row.header, "reason": row.reason, "excluded": row.excluded}
            for row in coverage.skipped
        ],
    }


def call_json(call: Call) -> CallDocument:
    """Return one attempt at a model."""
    return {
        "unit": call.unit,
        "stage": call.stage.value,
        "tier": call.tier.label,
        "provider": call.provider,
        "model": call.model,
        "payment": call.payment.value,
        "usage": usage_json(call.usage),
        "cost_usd": money(call.cost),
        "latency_ms": call.latency_ms,
        "attempt": call.attempt,
        "ok": call.ok,
        "failed_check": call.failed_check.value if call.failed_check else None,
        "error": call.error,
    }


def usage_json(usage: Usage) -> UsageDocument:
    """Return token counts."""
    return {
        "input": usage.input,
        "cache_read": usage.cache_read,
        "cache_write": usage.cache_write,
        "output": usage.output,
        "reasoning": usage.reasoning,
    }


def money(amount: Decimal | None) -> float | None:
    """Return an amount as a JSON number, None where it is unknown."""
    return None if amount is None else float(amount)


def as_sarif(review: Review, *, version: str) -> dict[str, Any]:
    """Return SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/) with the findings that a reader sees."""
    shown = review.shown()
    rules = {_rule_id(placed.finding): placed.finding for placed in shown}
    order = {rule: index for index, rule in enumerate(rules)}
    anchors = Anchors.from_change(review.change)
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "kilo-review",
                        "semanticVersion": version,
                        "informationUri": "https://github.com/kilo-review/kilo-review",
                        "rules": [_sarif_rule(rule, finding) for rule, finding in rules.items()],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [{"executionSuccessful": review.coverage.complete}],
                "results": [_sarif_result(placed, order, anchors) for placed in shown],
            }
        ],
    }


def as_annotations(review: Review) -> str:
    """Return GitHub's workflow commands, one line a finding (https://docs.github.com/actions)."""
    lines = []
    anchors = Anchors.from_change(review.change)
    for placed in review.shown():
        finding = placed.finding
        start, end, note = in_new_file(finding, anchors)
        places = f"file={_property(finding.path)},line={start},endLine={end}"
        head = f"::{_ANNOTATION[finding.severity]} {places},title={_property(finding.title)}"
        lines.append(f"{head}::{_data(finding.body + note)}")
    return "\n".join(lines)


def as_notice(title: str, text: str) -> str:
    """Return a text as one notice of a GitHub workflow."""
    return f"::notice title={_property(title)}::{_data(text)}"


def in_new_file(finding: Finding, anchors: Anchors) -> tuple[int, int, str]:
    """Return the first and last line of a finding in the file as the change leaves it, and a note where they moved.

    A SARIF region is one of the artifact that was analysed (2.1.0, 3.30), and code scanning draws it on the head
    commit: the number of a deleted line would point at whatever has that number now. So such a finding stands on
    the line that took the place, and says so. Of a deleted file nothing is left: its own numbers stay.
    """
    first, last = finding.start_line or finding.line, finding.line
    if finding.side is Side.RIGHT:
        return first, last, ""
    lines = f"line {last}" if first == last else f"lines {first} to {last}"
    now = anchors.successor(finding.path, last)
    if now is None:
        return first, last, f"\n\n(About deleted {lines} of the file as it was before the change.)"
    return now, now, f"\n\n(About deleted {lines} of the file as it was before the change; {now} stands there now.)"


def _rule_id(finding: Finding) -> str:
    return f"kilo/{finding.category.value}" if finding.from_model else finding.source.replace(":", "/")


def _sarif_rule(rule: str, finding: Finding) -> dict[str, Any]:
    description = finding.category.value.capitalize() if finding.from_model else finding.title
    properties: dict[str, Any] = {"tags": [finding.category.value]}
    if finding.category.value == "security":
        properties["security-severity"] = _SECURITY_SEVERITY[finding.severity]
    return {
        "id": rule,
        "name": "".join(part.capitalize() for part in rule.replace("/", "-").split("-")),
        "shortDescription": {"text": description},
        "defaultConfiguration": {"level": _SARIF_LEVEL[finding.severity]},
        "properties": properties,
    }


def _sarif_result(placed: PlacedFinding, order: dict[str, int], anchors: Anchors) -> dict[str, Any]:
    finding = placed.finding
    rule = _rule_id(finding)
    start, end, note = in_new_file(finding, anchors)
    uri = url_quote(raw_path(finding.path))
    region = {"startLine": max(1, start), "endLine": max(1, end)}
    where = {"uri": uri, "uriBaseId": "%SRCROOT%"}
    result: dict[str, Any] = {
        "ruleId": rule,
        "ruleIndex": order[rule],
        "level": _SARIF_LEVEL[finding.severity],
        "message": {"text": f"{finding.title}\n\n{finding.body}{note}"},
        "locations": [{"physicalLocation": {"artifactLocation": where, "region": region}}],
        "partialFingerprints": {"kiloReview/v1": finding.fingerprint},
        "properties": {
            "severity": finding.severity.label,
            "score": round(placed.score, 3),
            "source": finding.source,
        },
    }
    if finding.suggestion is not None:
        # A region without columns ends before the last line's end (SARIF 2.1.0, 3.30.8), so that end stays.
        replacement = {"deletedRegion": region, "insertedContent": {"text": finding.suggestion}}
        result["fixes"] = [
            {
                "description": {"text": "Suggested change"},
                "artifactChanges": [{"artifactLocation": where, "replacements": [replacement]}],
            }
        ]
    return result


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
