"""Values for the ledger's tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from policies.budgets import Account
from policies.caps import Cap
from policies.words import Payment, Tier
from reviewer.ledger.findings import Outcome
from reviewer.ledger.keys import Accepted, ReviewKey
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.tables import findings
from reviewer.ledger.tables import outcomes as outcome_rows
from reviewer.models.meter import CallIntent
from reviewer.models.model import Call, Candidate, Stage, Usage

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEY = ReviewKey(installation_id=1, repo_id=2, number=3, head_sha="a" * 40)
ACCOUNT = Account(run="1", pull_request=KEY.pull_request, user="bob", repository="acme/app", organisation="acme")


def candidate(payment: Payment = Payment.GATEWAY) -> Candidate:
    return Candidate(Tier.EFFICIENT, "kilo", "vendor/model", payment, "openai", "http://127.0.0.1:1", 8192, 1024)


def intent(payment: Payment = Payment.GATEWAY, *, unit: str = "u1") -> CallIntent:
    return CallIntent(unit, Stage.REVIEW, Tier.EFFICIENT, candidate(payment), attempt=1)


def call(cost: Decimal | str | None, *, unit: str = "u1", ok: bool = True, error: str = "") -> Call:
    return Call(
        unit=unit,
        stage=Stage.REVIEW,
        tier=Tier.EFFICIENT,
        provider="kilo",
        model="vendor/model",
        payment=Payment.GATEWAY,
        usage=Usage(input=1000, cache_read=400, output=50),
        cost=None if cost is None else Decimal(cost),
        latency_ms=12,
        attempt=1,
        ok=ok,
        error=error,
    )


def accept(ledger: Ledger, key: ReviewKey = KEY, now: datetime = NOW) -> int:
    return ledger.requests.accept(key, actor="bob", payload={"title": "A change"}, now=now).review_id


def outcomes(ledger: Ledger, repo_id: int, number: int) -> dict[str, Outcome]:
    """Return the latest outcome of each finding of a pull request, by fingerprint; UNKNOWN where none is."""
    query = (
        select(findings.c.fingerprint, outcome_rows.c.outcome)
        .outerjoin(outcome_rows, outcome_rows.c.finding_id == findings.c.id)
        .where(findings.c.repo_id == repo_id, findings.c.number == number)
        .order_by(findings.c.id, outcome_rows.c.id)
    )
    rows = ledger.db.read(lambda connection: connection.execute(query).all())
    return {row.fingerprint: Outcome(row.outcome or Outcome.UNKNOWN) for row in rows}


def ask(
    ledger: Ledger, caps: Sequence[Cap] = (), *, key: ReviewKey = KEY, now: datetime = NOW, **more: object
) -> Accepted:
    """Ask for a review as a delivery does."""
    payload = {"verb": "review", "actor_id": 7, **more}
    return ledger.requests.accept(key, actor="bob", payload=payload, now=now, caps=caps)
