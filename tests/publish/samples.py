"""Reviews to render in tests: built from a real diff, with every fate a finding can have."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from policies.words import Check, Payment, Severity, Tier
from reviewer.change.anchor import Anchors
from reviewer.change.model import Change
from reviewer.change.parse import parse_diff
from reviewer.evidence.model import EvidenceRun
from reviewer.findings.model import (
    Category,
    Coverage,
    Disposition,
    Finding,
    PlacedFinding,
    Reviewed,
    Skipped,
)
from reviewer.models.model import Call, Stage, Usage
from reviewer.steps.result import Escalation, Review, ReviewStatus, UnitRoute

BASE, HEAD = "b" * 40, "a" * 40

DIFF = """\
diff --git a/app/db.py b/app/db.py
index 1111111..2222222 100644
--- a/app/db.py
+++ b/app/db.py
@@ -1,4 +1,6 @@
 import sqlite3
+import os
 # ---
 def find(name):
-    return query("select 1")
+    sql = f"select * from users where name = '{name}'"
+    return query(sql)
@@ -20,3 +22,4 @@ def close():
     connection.close()
     log("closed")
+    return None
     # end
"""


def change(diff: str = DIFF) -> Change:
    return parse_diff(diff, base=BASE, head=HEAD)


def finding(**fields: Any) -> Finding:
    values: dict[str, Any] = {
        "path": "app/db.py",
        "line": 5,
        "severity": Severity.HIGH,
        "category": Category.SECURITY,
        "title": "SQL is built from user input",
        "body": "`name` reaches the statement unescaped. Use a parameter.",
        "source": "model:openai/gpt-x",
        "fingerprint": "f1",
        "confidence": 0.9,
    }
    return Finding(**{**values, **fields})


def inline(**fields: Any) -> PlacedFinding:
    found = finding(**fields)
    anchor = Anchors.from_change(change()).place(found.path, found.line, found.start_line, found.side)
    assert anchor is not None
    return PlacedFinding(found, Disposition.INLINE, anchor=anchor, score=0.9)


def placed(disposition: Disposition, reason: str = "", **fields: Any) -> PlacedFinding:
    return PlacedFinding(finding(**fields), disposition, reason=reason, score=0.4)


def call(**fields: Any) -> Call:
    values: dict[str, Any] = {
        "unit": "u1",
        "stage": Stage.REVIEW,
        "tier": Tier.EFFICIENT,
        "provider": "openai",
        "model": "gpt-x-mini",
        "payment": Payment.OWN_KEY,
        "usage": Usage(input=6200, cache_read=4096, output=412),
        "cost": Decimal("0.002345"),
        "latency_ms": 2400,
        "attempt": 1,
        "ok": True,
    }
    return Call(**{**values, **fields})


def review(*findings: PlacedFinding, **fields: Any) -> Review:
    values: dict[str, Any] = {
        "change": change(),
        "status": ReviewStatus.COMPLETE,
        "findings": findings,
        "coverage": Coverage(
            reviewed=tuple(
                Reviewed("app/db.py", hunk.header, "model:openai/gpt-x-mini") for hunk in change().hunks
            ),
            skipped=(Skipped("package-lock.json", "", "lock file", excluded=True),),
        ),
        "calls": (call(),),
        "all_frontier_cost": Decimal("0.0312"),
        "duration_ms": 8300,
    }
    return Review(**{**values, **fields})


def full_review() -> Review:
    """A review with one of everything."""
    return review(
        inline(fingerprint="f1", suggestion="    sql = 'select * from users where name = ?'"),
        inline(
            fingerprint="f2",
            line=2,
            severity=Severity.LOW,
            category=Category.MAINTAINABILITY,
            title="`os` is unused",
            source="ruff:F401",
            confidence=None,
            body="Remove the import.",
        ),
        placed(
            Disposition.OUT_OF_DIFF,
            "the line is not part of the diff",
            fingerprint="f3",
            line=400,
            severity=Severity.MEDIUM,
            category=Category.DEFECT,
            title="`close()` is never called",
            body="See the caller.",
        ),
        placed(
            Disposition.SUMMARY,
            "below the threshold of the style",
            fingerprint="f4",
            line=24,
            severity=Severity.LOW,
            category=Category.TESTS,
            title="No test for a name with a quote",
            body="Add one.",
        ),
        placed(
            Disposition.DUPLICATE, "raised in an open thread", fingerprint="f5", title="Connection is not closed"
        ),
        placed(Disposition.UNVERIFIED, "line 3 shows it false", fingerprint="f6", title="`find` can return None"),
        status=ReviewStatus.COMPLETE,
        calls=(
            call(),
            call(
                stage=Stage.ESCALATION,
                tier=Tier.FRONTIER,
                provider="kilo",
                model="anthropic/claude-x",
                payment=Payment.GATEWAY,
                usage=Usage(input=5100, output=800),
                cost=Decimal("0.0193"),
                latency_ms=5200,
            ),
            call(
                ok=False,
                error="429 from api.openai.com",
                usage=Usage(),
                cost=Decimal(0),
                latency_ms=130,
                failed_check=None,
            ),
        ),
        routes=(
            UnitRoute(
                "u1",
                ("app/db.py",),
                Tier.FRONTIER,
                "anthropic/claude-x",
                ("touches SQL", "0.87 likely security-sensitive"),
            ),
        ),
        escalations=(
            Escalation("u1", Check.ANCHOR, Tier.EFFICIENT, Tier.FRONTIER, "the quote is not in the diff"),
        ),
        evidence=(EvidenceRun("ruff", "0.17.6", 1, 40), EvidenceRun("zizmor", "", 0, 0, error="not installed")),
        notices=("The limit of $5.00 for this repository and month is 80 % used.",),
        units_from_cache=1,
    )


def with_findings(base: Review, findings: tuple[PlacedFinding, ...]) -> Review:
    return replace(base, findings=findings)
