"""Keep the findings that were published on each pull request, and what people did with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, func, select, update

from policies.words import Severity
from reviewer.ledger.conceal import Conceal
from reviewer.ledger.database import Database
from reviewer.ledger.fence import write_fenced
from reviewer.ledger.keys import Lease
from reviewer.ledger.tables import findings, outcomes, reviews
from reviewer.ledger.units import clean, to_micros


class Outcome(StrEnum):
    """What people did with a finding."""

    ACCEPTED = "accepted"
    DISMISSED = "dismissed"
    IGNORED = "ignored"
    UNKNOWN = "unknown"


class FindingState(StrEnum):
    """What became of a finding's thread."""

    OPEN = "open"
    RESOLVED = "resolved"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class KnownFinding:
    """A finding that was published on the pull request. `comment_id` is None where it is only in the summary."""

    fingerprint: str
    path: str
    title: str
    body: str
    line: int
    severity: Severity
    category: str
    source: str
    state: FindingState = FindingState.OPEN
    comment_id: int | None = None
    url: str = ""


class Findings:
    """The published findings of each pull request."""

    def __init__(self, db: Database, conceal: Conceal) -> None:
        self.db = db
        self._conceal = conceal

    def save(self, lease: Lease, repo_id: int, number: int, found: Iterable[KnownFinding], now: datetime) -> None:
        """Store what was published on a pull request; a known fingerprint keeps its state and first comment."""
        at = to_micros(now)
        rows = [
            {
                "repo_id": repo_id,
                "number": number,
                "fingerprint": clean(finding.fingerprint),
                "review_id": lease.review_id,
                "path": clean(finding.path),
                "line": finding.line,
                "title": clean(self._conceal(finding.title)),
                "body": clean(self._conceal(finding.body)),
                "severity": int(finding.severity),
                "category": finding.category,
                "source": clean(finding.source),
                "state": finding.state.value,
                "comment_id": finding.comment_id,
                "url": clean(finding.url),
                "raised_at": at,
                "updated_at": at,
            }
            for finding in found
        ]
        if not rows:
            return
        new = self.db.insert(findings)
        known = findings.c
        statement = new.on_conflict_do_update(
            index_elements=["repo_id", "number", "fingerprint"],
            set_={
                "path": new.excluded.path,
                "line": new.excluded.line,
                "updated_at": at,
                "comment_id": func.coalesce(known.comment_id, new.excluded.comment_id),
                "url": func.coalesce(func.nullif(known.url, ""), new.excluded.url),
            },
        )

        def work(connection: Connection) -> None:
            write_fenced(connection, lease, updated_at=at)
            connection.execute(statement, rows)

        self.db.write(work)

    def of_pull_request(self, repo_id: int, number: int) -> tuple[KnownFinding, ...]:
        """Return everything that a pull request was ever told, oldest first."""
        query = (
            select(findings)
            .where(findings.c.repo_id == repo_id, findings.c.number == number)
            .order_by(findings.c.id)
        )
        rows = self.db.read(lambda connection: connection.execute(query).all())
        return tuple(_known(row) for row in rows)

    def review_of(self, repo_id: int, number: int, fingerprint: str) -> int | None:
        """Return the review that raised a finding first, None where it is not known."""
        query = select(findings.c.review_id).where(
            findings.c.repo_id == repo_id, findings.c.number == number, findings.c.fingerprint == fingerprint
        )
        return self.db.read(lambda connection: connection.execute(query).scalar())

    def set_state(self, repo_id: int, number: int, fingerprint: str, state: FindingState, now: datetime) -> bool:
        """Record what became of a finding's thread; False where the ledger has no such finding."""
        statement = (
            update(findings)
            .where(
                findings.c.repo_id == repo_id,
                findings.c.number == number,
                findings.c.fingerprint == fingerprint,
            )
            .values(state=state.value, updated_at=to_micros(now))
        )
        return self.db.write(lambda connection: connection.execute(statement).rowcount == 1)

    def record_outcome(
        self, repo_id: int, number: int, fingerprint: str, outcome: Outcome, reason: str, now: datetime
    ) -> bool:
        """Append what people did with a finding; False where that is its outcome already or it is unknown."""
        at = to_micros(now)
        finding = select(findings.c.id).where(
            findings.c.repo_id == repo_id, findings.c.number == number, findings.c.fingerprint == fingerprint
        )

        def work(connection: Connection) -> bool:
            finding_id = connection.execute(finding.with_for_update()).scalar()
            if finding_id is None:
                return False
            latest = (
                select(outcomes.c.outcome)
                .where(outcomes.c.finding_id == finding_id)
                .order_by(outcomes.c.id.desc())
                .limit(1)
            )
            if connection.execute(latest).scalar() == outcome.value:
                return False
            row = {
                "finding_id": finding_id,
                "outcome": outcome.value,
                "reason": clean(self._conceal(reason)),
                "at": at,
            }
            connection.execute(outcomes.insert(), row)
            connection.execute(
                update(findings)
                .where(findings.c.id == finding_id)
                .values(outcome=outcome.value, outcome_at=None if outcome is Outcome.UNKNOWN else at)
            )
            return True

        return self.db.write(work)

    def ignore_undecided(self, installation_id: int, repo_id: int, number: int, now: datetime) -> int:
        """Record that a pull request was merged with findings that nobody decided; return how many there were.

        Only findings of this installation's reviews; asked again, it changes nothing.
        """
        at = to_micros(now)
        left = (
            select(findings.c.id)
            .join(reviews, reviews.c.id == findings.c.review_id)
            .where(
                reviews.c.installation_id == installation_id,
                findings.c.repo_id == repo_id,
                findings.c.number == number,
                findings.c.outcome == Outcome.UNKNOWN.value,
            )
        )

        def work(connection: Connection) -> int:
            ids = list(connection.execute(left.with_for_update(of=findings)).scalars())
            if ids:
                rows = [
                    {"finding_id": each, "outcome": Outcome.IGNORED.value, "reason": "merged", "at": at}
                    for each in ids
                ]
                connection.execute(outcomes.insert(), rows)
                values = {"outcome": Outcome.IGNORED.value, "outcome_at": at}
                connection.execute(update(findings).where(findings.c.id.in_(ids)).values(**values))
            return len(ids)

        return self.db.write(work)


def _known(row: Any) -> KnownFinding:
    return KnownFinding(
        fingerprint=row.fingerprint,
        path=row.path,
        title=row.title,
        body=row.body,
        line=row.line,
        severity=Severity(row.severity),
        category=row.category,
        source=row.source,
        state=FindingState(row.state),
        comment_id=row.comment_id,
        url=row.url,
    )
