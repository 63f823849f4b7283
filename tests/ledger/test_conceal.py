"""No secret that the ledger's owner knows is written to its tables."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sqlalchemy import select

from policies.words import Severity
from reviewer.ledger.conceal import conceal_json
from reviewer.ledger.findings import KnownFinding, Outcome
from reviewer.ledger.keys import ReviewState
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.tables import metadata
from reviewer.ledger.terms import Terms
from tests.ledger.make import ACCOUNT, KEY, MINUTE, NOW, accept, call, intent

SECRET = 'hunter"2\nsecret'


def conceal(text: str) -> str:
    return text.replace(SECRET, "[redacted]")


@pytest.fixture
def careful(ledger: Ledger) -> Ledger:
    return Ledger(ledger.db, conceal)


def everything(ledger: Ledger) -> str:
    """Return every value of every table as one text."""
    rows = [
        ledger.db.read(lambda connection, it=table: connection.execute(select(it)).all())
        for table in metadata.sorted_tables
    ]
    return repr([[tuple(row) for row in found] for found in rows])


def test_what_models_and_faults_say_is_stored_without_the_secrets(careful: Ledger) -> None:
    lease = careful.reviews.begin(accept(careful), "worker", NOW, MINUTE)
    assert lease is not None
    careful.results(lambda: NOW).put("one", json.dumps({"findings": [SECRET]}))
    careful.results(lambda: NOW).put("two", f"{{}}\nno JSON: {SECRET}")
    careful.money.reserve("r1", None, intent(), Terms(ACCOUNT, review_id=lease.review_id), NOW)
    careful.money.settle("r1", replace(call("0.1"), error=f"said {SECRET}"), NOW)
    finding = KnownFinding(
        "f", "a.py", f"Leaks {SECRET}", f"It says {SECRET}.", 7, Severity.HIGH, "defect", "model:x"
    )
    careful.findings.save(lease, KEY.repo_id, KEY.number, [finding], NOW)
    careful.findings.record_outcome(KEY.repo_id, KEY.number, "f", Outcome.DISMISSED, SECRET, NOW)
    lease = careful.reviews.save_result(lease, json.dumps({"review": {"body": [SECRET]}}), NOW)
    assert json.loads(careful.reviews.result(lease.review_id) or "") == {"review": {"body": ["[redacted]"]}}
    careful.reviews.finish(lease, ReviewState.FAILED, NOW, error=f"cannot use {SECRET}")
    stored = everything(careful)
    assert stored.count("[redacted]") == 8
    for dressed in (SECRET, json.dumps(SECRET)[1:-1], "hunter"):
        assert dressed not in stored


@pytest.mark.parametrize("text", ['{"a": 1}', "[]", "no JSON", '{"a":"b",  "c": [1.50]}', ""])
def test_a_document_without_a_secret_is_stored_as_it_is(text: str) -> None:
    assert conceal_json(text, conceal) == text
