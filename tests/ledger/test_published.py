from __future__ import annotations

from dataclasses import replace

import pytest

from policies.words import Severity
from reviewer.errors import LeaseLost
from reviewer.ledger.findings import FindingState, KnownFinding, Outcome
from reviewer.ledger.keys import Lease, Publication
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.results import KEEP, MAX_RESULT
from tests.ledger.make import KEY, MINUTE, NOW, accept, outcomes

FINDING = KnownFinding("f1", "src/app.py", "A defect", "It breaks.", 7, Severity.HIGH, "defect", "model:x")
WHERE = (KEY.repo_id, KEY.number)


def leases(ledger: Ledger) -> tuple[Lease, Lease]:
    """A stale lease and the one that replaced it."""
    review_id = accept(ledger)
    stale = ledger.reviews.begin(review_id, "worker-1", NOW, MINUTE)
    live = ledger.reviews.begin(review_id, "worker-2", NOW + 2 * MINUTE, MINUTE)
    assert stale is not None
    assert live is not None
    return stale, live


def test_what_is_on_github_is_written_step_by_step_under_the_fence(ledger: Ledger) -> None:
    stale, live = leases(ledger)
    assert ledger.publications.get(live.review_id) == Publication()
    first = Publication(check_run_id=5, marker="<!-- m -->")
    ledger.publications.save(live, first, NOW)
    with pytest.raises(LeaseLost):
        ledger.publications.save(stale, Publication(github_review_id=1), NOW)
    whole = replace(first, github_review_id=9, comment_ids=(2**40, 3), summary_comment_id=4)
    ledger.publications.save(live, whole, NOW)
    assert ledger.publications.get(live.review_id) == whole


def test_a_pull_requests_findings_are_remembered_once(ledger: Ledger) -> None:
    stale, live = leases(ledger)
    with pytest.raises(LeaseLost):
        ledger.findings.save(stale, *WHERE, [FINDING], NOW)
    ledger.findings.save(live, *WHERE, [], NOW)
    ledger.findings.save(live, *WHERE, [FINDING, replace(FINDING, fingerprint="f2", title="a \0 \ud83d")], NOW)
    ledger.findings.set_state(*WHERE, "f1", FindingState.DISMISSED, NOW)
    moved = replace(FINDING, line=30, title="Said in other words", comment_id=77, url="https://example.com/77")
    ledger.findings.save(live, *WHERE, [moved], NOW)
    first, second = ledger.findings.of_pull_request(*WHERE)
    assert first == replace(
        FINDING, line=30, state=FindingState.DISMISSED, comment_id=77, url="https://example.com/77"
    )
    assert second.fingerprint == "f2"
    ledger.findings.save(live, *WHERE, [replace(moved, comment_id=88, url="https://example.com/88")], NOW)
    assert ledger.findings.of_pull_request(*WHERE)[0].comment_id == 77
    assert ledger.findings.of_pull_request(KEY.repo_id, 99) == ()


def test_outcomes_are_appended_and_the_latest_counts(ledger: Ledger) -> None:
    _, live = leases(ledger)
    ledger.findings.save(live, *WHERE, [FINDING, replace(FINDING, fingerprint="f2")], NOW)
    assert ledger.findings.record_outcome(*WHERE, "f1", Outcome.IGNORED, "merged", NOW)
    assert ledger.findings.record_outcome(*WHERE, "f1", Outcome.ACCEPTED, "fixed in abc", NOW)
    assert not ledger.findings.record_outcome(*WHERE, "f1", Outcome.ACCEPTED, "fixed in abc", NOW)
    assert not ledger.findings.record_outcome(*WHERE, "f9", Outcome.ACCEPTED, "", NOW)
    assert outcomes(ledger, *WHERE) == {"f1": Outcome.ACCEPTED, "f2": Outcome.UNKNOWN}
    assert not ledger.findings.set_state(*WHERE, "f9", FindingState.RESOLVED, NOW)


def test_a_cursor_is_where_a_reader_stopped(ledger: Ledger) -> None:
    assert ledger.cursors.get("deliveries") is None
    ledger.cursors.set("deliveries", "12345", NOW)
    ledger.cursors.set("deliveries", "12399", NOW + MINUTE)
    assert ledger.cursors.get("deliveries") == ("12399", NOW + MINUTE)


def test_a_result_that_was_paid_for_is_kept_by_its_key(ledger: Ledger) -> None:
    now = [NOW]
    store = ledger.results(lambda: now[0])
    assert store.get("k") is None
    store.put("k", '{"findings":[]}')
    store.put("other", "x")
    store.put("k", '{"findings":[1]}')
    assert store.get("k") == '{"findings":[1]}'
    store.put("huge", "x" * (MAX_RESULT + 1))
    assert store.get("huge") is None
    now[0] = NOW + KEEP / 2
    assert store.get("k") is not None
    now[0] = NOW + KEEP + MINUTE
    assert store.prune() == 1
    assert store.get("other") is None
    assert store.get("k") is not None
