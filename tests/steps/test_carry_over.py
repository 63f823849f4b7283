"""A hunk that was concluded on is not asked about again while it, its context and policy are the same."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.words import Severity, Strategy, Tier, Verify
from reviewer import pipeline
from reviewer.change.model import Side
from reviewer.change.parse import parse_diff
from reviewer.errors import ModelUnavailable
from reviewer.findings.model import Category, Disposition, Finding
from reviewer.steps.context import ReviewContext
from reviewer.steps.hunk_context import Block
from reviewer.steps.hunk_record import HunkRecord, RecordedFinding, read_record, write_record
from reviewer.steps.policy_digest import policy_digest
from reviewer.steps.request import ReviewRequest
from reviewer.steps.result import Review, ReviewStatus
from tests.findings.builders import Files
from tests.steps.parts import POLICY, ScriptedModels

PADDING = "".join(f"def f{number}():\n    return {number}\n\n\n" for number in range(40))
FILES = {"shop/a.py": f"A = 1\n{PADDING}LAST = 'a'\n", "shop/b.py": f"B = 1\n{PADDING}LAST = 'b'\n"}
BAD = "    return total / size\n"
HEAD = {
    "shop/a.py": FILES["shop/a.py"].replace("    return 20\n", f"    return 20\n\n\ndef mean(total, size):\n{BAD}"),
    "shop/b.py": FILES["shop/b.py"].replace("    return 20\n", "    return 21\n"),
}


@dataclass
class Store:
    kept: dict[str, str] = field(default_factory=dict)

    def get(self, key: str) -> str | None:
        return self.kept.get(key)

    def put(self, key: str, text: str) -> None:
        self.kept[key] = text


def answering(question: Any) -> str:
    if "verdicts" in json.dumps(question.prompt.schema or {}):
        return '{"verdicts": []}'
    found = []
    if f"+{BAD.rstrip()}" in question.prompt.text:
        row = {"path": "shop/a.py", "line": 0, "quote": BAD, "evidence": [], "category": "defect", "also": None}
        words = {"title": "Division by zero", "body": "size may be 0.", "suggestion": None}
        found = [{**row, **words, "severity": "high", "confidence": 0.9}]
    return json.dumps({"findings": found, "needs": [], "uncertain": False})


def review(store: Store | None, head: Mapping[str, str] = HEAD, **more: Any) -> tuple[Review, ScriptedModels]:
    models = ScriptedModels([more.pop("script", answering)])
    before = {**FILES, **more.pop("before", {})}
    diff = "".join(_diff(path, before.get(path, ""), text) for path, text in head.items())
    request = ReviewRequest(parse_diff(diff, base="b" * 40, head="h" * 40), **more.pop("request", {}))
    beside = more.pop("beside", {})
    context = ReviewContext(
        more.pop("policy", POLICY),
        models,  # type: ignore[arg-type]
        head=Files({path: text.encode() for path, text in {**FILES, **beside, **head}.items()}),  # type: ignore[arg-type]
        base=Files({path: text.encode() for path, text in {**before, **beside}.items()}),  # type: ignore[arg-type]
        hunks=store,
    )
    assert not more
    return pipeline.review(request, context), models


def _diff(path: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), f"a/{path}", f"b/{path}")
    return f"diff --git a/{path} b/{path}\n" + "".join(lines)


def test_the_same_change_is_not_asked_about_and_finds_the_same() -> None:
    store = Store()
    first, asked = review(store)
    assert asked.questions
    again, nothing = review(store)
    assert nothing.questions == []
    assert again.findings == first.findings
    assert (again.status, again.coverage.share) == (ReviewStatus.COMPLETE, 1.0)
    assert {part.by for part in again.coverage.reviewed} == {"cache"}


def test_what_moves_keeps_its_findings_at_their_new_lines() -> None:
    store = Store()
    first, _ = review(store)
    moved = {path: text.replace("A = 1\n", "A = 1\n# more\n# and more\n") for path, text in HEAD.items()}
    second, asked = review(store, moved)
    assert not any("+def mean" in question.prompt.text for question in asked.questions)
    (before,), (after,) = first.by_disposition(Disposition.INLINE), second.by_disposition(Disposition.INLINE)
    assert after.finding.line == before.finding.line + 2
    assert after.anchor is not None
    assert after.anchor.line == after.finding.line


def test_only_the_hunk_that_changed_is_asked_about() -> None:
    store = Store()
    review(store)
    head = {**HEAD, "shop/b.py": HEAD["shop/b.py"].replace("    return 21\n", "    return 22\n")}
    second, asked = review(store, head)
    (question,) = asked.questions
    assert "+    return 22" in question.prompt.text
    assert "+def mean" not in question.prompt.text
    assert [placed.finding.title for placed in second.shown()] == ["Division by zero"]
    assert sorted(part.by for part in second.coverage.reviewed) == ["cache", "model:a-efficient-model"]


def test_a_renamed_file_keeps_what_was_concluded_unless_its_new_name_asks_for_another_review() -> None:
    store, path, text = Store(), "shop/a.py", HEAD["shop/a.py"]
    policy = replace(POLICY, sensitive=replace(POLICY.sensitive, paths=("vault/**",)))
    review(store, policy=policy)
    shown, asked = review(store, {"shop/renamed.py": text}, before={"shop/renamed.py": FILES[path]}, policy=policy)
    assert asked.questions == []
    assert [placed.finding.path for placed in shown.by_disposition(Disposition.INLINE)] == ["shop/renamed.py"]
    for name in ("shop/a.ts", "tests/test_a.py", "vault/a.py"):
        _, asked = review(store, {name: text}, before={name: FILES[path]}, policy=policy)
        assert asked.questions, name


@pytest.mark.parametrize(
    "changed",
    [
        {"policy": replace(POLICY, strategy=Strategy.FRONTIER)},
        {"policy": replace(POLICY, verify=Verify.ALWAYS)},
        {"policy": replace(POLICY, context_tokens=10)},
        {"request": {"strategy": Strategy.FRONTIER}},
        {"request": {"labels": ("kilo:frontier",)}},
    ],
    ids=["strategy", "verification", "context", "a command", "a label"],
)
def test_another_policy_is_another_review(changed: dict[str, Any]) -> None:
    store = Store()
    review(store)
    _, asked = review(store, **changed)
    assert asked.questions


def test_what_only_shows_or_bounds_a_review_asks_nobody_again() -> None:
    store = Store()
    review(store)
    looser = replace(POLICY, max_inline=3, fail_on=Severity.LOW, converge=False, max_seconds=5, notices=("note",))
    _, asked = review(store, policy=looser)
    assert asked.questions == []


def test_a_change_in_what_was_shown_beside_a_hunk_has_it_reviewed_again() -> None:
    store = Store()
    rule = "# Rules for reviews\n\n- Money is a Decimal and is never a float in shop/.\n"
    _, first = review(store, beside={"AGENTS.md": rule})
    assert any("Money is a Decimal" in question.prompt.text for question in first.questions)
    _, same = review(store, beside={"AGENTS.md": f"# Welcome\n\n{rule}"})
    assert same.questions == []
    _, asked = review(store, beside={"AGENTS.md": rule.replace("Decimal", "whole number of cents")})
    assert any("+def mean" in question.prompt.text for question in asked.questions)


def test_what_no_model_answered_is_asked_about_the_next_time() -> None:
    store = Store()
    first, _ = review(store, script=ModelUnavailable("down"))
    assert first.status is ReviewStatus.INCOMPLETE
    assert store.kept == {}
    second, asked = review(store)
    assert asked.questions
    assert second.status is ReviewStatus.COMPLETE


def test_a_record_of_a_damaged_or_older_store_is_asked_about_again() -> None:
    store = Store()
    review(store)
    for damage in ("", "{}", "[]", "null", '{"version": 0}', "x" * 40):
        broken = Store(dict.fromkeys(store.kept, damage))
        _, asked = review(broken)
        assert asked.questions


def test_every_decision_that_a_model_is_asked_by_is_in_the_digest() -> None:
    request = ReviewRequest(parse_diff(""))
    own = policy_digest(POLICY, request)
    for name, other in {
        "min_tier": Tier.FRONTIER,
        "lookups": 0,
        "second_pass": True,
        "metadata_blind": False,
    }.items():
        assert policy_digest(replace(POLICY, **{name: other}), request) != own  # type: ignore[arg-type]


texts = st.text(max_size=20)
findings = st.builds(
    Finding,
    path=texts,
    line=st.integers(1, 9999),
    severity=st.sampled_from(Severity),
    category=st.sampled_from(Category),
    title=texts,
    body=texts,
    source=texts,
    fingerprint=texts,
    start_line=st.none() | st.integers(1, 9999),
    side=st.sampled_from(Side),
    suggestion=st.none() | texts,
    quote=texts,
    confidence=st.none() | st.floats(0, 1),
    evidence=st.lists(texts, max_size=2).map(tuple),
    unit=texts,
    graded=st.booleans(),
)
records = st.builds(
    HunkRecord,
    path=texts,
    model=texts,
    tier=st.sampled_from(Tier),
    alone_inline=st.booleans(),
    new_start=st.integers(0, 9999),
    old_start=st.integers(0, 9999),
    context=st.lists(
        st.builds(Block, path=texts, first=texts, whole=texts, count=st.integers(1, 99), base=st.booleans()),
        max_size=3,
    ).map(tuple),
    findings=st.lists(st.builds(RecordedFinding, findings, st.booleans(), st.booleans(), texts), max_size=2).map(
        tuple
    ),
)


@given(records)
def test_what_is_written_is_read_as_it_was(record: HunkRecord) -> None:
    assert read_record(write_record(record)) == record
