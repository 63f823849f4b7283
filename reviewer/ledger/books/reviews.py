"""Find reviews, and show one with its calls, escalations and findings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, String, cast, func, or_, select

from reviewer.ledger.books.visible import Visible
from reviewer.ledger.books.window import Page, Window
from reviewer.ledger.database import Database
from reviewer.ledger.tables import call_reviews as s
from reviewer.ledger.tables import calls as c
from reviewer.ledger.tables import findings as g
from reviewer.ledger.tables import review_documents as document
from reviewer.ledger.tables import review_facts as f
from reviewer.ledger.tables import reviews as r
from reviewer.ledger.units import from_micros, from_picos, to_picos

# Of one review. A longer list is cut, and the record says so.
MAX_CALLS: Final = 1000
MAX_FINDINGS: Final = 1000
MAX_LINES: Final = 200


@dataclass(frozen=True, slots=True)
class ReviewFilter:
    """What reviews to find; "" and None for any. `text` is looked for in repository, title and author.

    `coverage_below` is a share from 0 to 1. `person` is who asked for the review, or who wrote the pull request.
    """

    repository: str = ""
    number: int | None = None
    state: str = ""
    person: str = ""
    text: str = ""
    cost_at_least: Decimal | None = None
    cost_at_most: Decimal | None = None
    coverage_below: float | None = None


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """One review in a list. `cost_usd` is None where a part is unknown, `coverage` before there is a result."""

    id: int
    repository: str
    repository_id: int
    installation_id: int
    number: int
    head_sha: str
    title: str
    author: str
    actor: str
    state: str
    status: str
    kind: str
    coverage: float | None
    complete: bool | None
    cost_usd: Decimal | None
    known_usd: Decimal
    calls: int
    escalations: int
    accepted_at: datetime
    updated_at: datetime
    error: str


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """Reviews, newest first; `next` is the `after` of the next page, None at the end."""

    rows: tuple[ReviewLine, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class CallLine:
    """One call of a review. Tokens are the provider's, or counted where `estimated`."""

    unit: str
    stage: str
    tier: int
    provider: str
    model: str
    payment: str
    state: str
    attempt: int
    ok: bool
    failed_check: str
    error: str
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_usd: Decimal | None
    estimated: bool
    latency_ms: int
    request_id: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One finding that a review raised first, and what people did with it."""

    fingerprint: str
    path: str
    line: int
    title: str
    body: str
    severity: int
    category: str
    source: str
    state: str
    outcome: str
    outcome_at: datetime | None
    url: str
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class EscalationLine:
    """A quality check that failed and so bought a call of a stronger tier."""

    unit: str
    check: str
    from_tier: str
    to_tier: str
    detail: str


@dataclass(frozen=True, slots=True)
class RouteLine:
    """Which model a part of the change went to, and why."""

    unit: str
    paths: tuple[str, ...]
    tier: str
    model: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReviewDetail:
    """Everything that the ledger has of one review. Empty lists where its result is not stored (yet).

    `context_limits` is what the context engine was to read and did not. `cut` names the lists that were longer.
    """

    review: ReviewLine
    calls: tuple[CallLine, ...]
    findings: tuple[FindingLine, ...]
    escalations: tuple[EscalationLine, ...]
    routes: tuple[RouteLine, ...]
    notices: tuple[str, ...]
    context_limits: tuple[str, ...]
    cut: tuple[str, ...]


def reviews(db: Database, visible: Visible, window: Window, wanted: ReviewFilter, page: Page) -> ReviewPage:
    """Return the reviews that were asked for in a stretch of time and fit, newest first."""
    since, until = window.micros
    query = _lines().where(
        r.c.accepted_at >= since,
        r.c.accepted_at < until,
        visible.where(r.c.installation_id, r.c.repo_id),
        *_wanted(wanted),
    )
    if page.after:
        query = query.where(r.c.id < page.after)
    query = query.order_by(r.c.id.desc()).limit(page.rows + 1)
    found = db.read(lambda connection: connection.execute(query).all())
    lines = tuple(_line(row) for row in found[: page.rows])
    return ReviewPage(lines, lines[-1].id if len(found) > page.rows else None)


def review(db: Database, visible: Visible, review_id: int) -> ReviewDetail | None:
    """Return one review with all that belongs to it, None where there is none that the asker may see."""
    return db.read(lambda connection: _detail(connection, visible, review_id))


def _detail(connection: Connection, visible: Visible, review_id: int) -> ReviewDetail | None:
    seen = (r.c.id == review_id, visible.where(r.c.installation_id, r.c.repo_id))
    row = connection.execute(_lines().where(*seen)).one_or_none()
    if row is None:
        return None
    calls = select(c).where(c.c.review_id == review_id).order_by(c.c.id).limit(MAX_CALLS + 1)
    findings = select(g).where(g.c.review_id == review_id).order_by(g.c.id).limit(MAX_FINDINGS + 1)
    call_rows = connection.execute(calls).all()
    finding_rows = connection.execute(findings).all()
    stored = connection.execute(select(document.c.document).where(document.c.review_id == review_id)).scalar()
    result = _result(stored)
    escalations = [_escalation(each) for each in _list(result, "escalations")]
    routes = [_route(each) for each in _list(result, "routes")]
    notices = [str(each) for each in _list(result, "notices")]
    limits = [str(each) for each in _list(result, "context_limits")]
    lengths = {
        "calls": (len(call_rows), MAX_CALLS),
        "findings": (len(finding_rows), MAX_FINDINGS),
        "escalations": (len(escalations), MAX_LINES),
        "routes": (len(routes), MAX_LINES),
        "notices": (len(notices), MAX_LINES),
        "context_limits": (len(limits), MAX_LINES),
    }
    return ReviewDetail(
        review=_line(row),
        calls=tuple(_call(each) for each in call_rows[:MAX_CALLS]),
        findings=tuple(_finding(each) for each in finding_rows[:MAX_FINDINGS]),
        escalations=tuple(escalations[:MAX_LINES]),
        routes=tuple(routes[:MAX_LINES]),
        notices=tuple(notices[:MAX_LINES]),
        context_limits=tuple(limits[:MAX_LINES]),
        cut=tuple(name for name, (length, most) in lengths.items() if length > most),
    )


def _lines() -> Any:
    wanted = (
        r.c.id,
        r.c.repo_id,
        r.c.installation_id,
        r.c.number,
        r.c.head_sha,
        r.c.actor,
        r.c.state,
        r.c.accepted_at,
        r.c.updated_at,
        r.c.error,
        # The payload is small and holds the name that the repository had when the review was asked for.
        r.c.payload,
        f.c.title,
        f.c.author,
        f.c.repository,
        f.c.kind,
        f.c.status,
        f.c.complete,
        f.c.coverage_permille,
        f.c.escalations,
        s.c.calls,
        s.c.cost_picos,
        s.c.unpriced,
        s.c.unconfirmed_picos,
    )
    joined = r.outerjoin(f, f.c.review_id == r.c.id).outerjoin(s, s.c.review_id == r.c.id)
    return select(*wanted).select_from(joined)


def _wanted(wanted: ReviewFilter) -> list[Any]:
    where: list[Any] = []
    if wanted.repository:
        named = func.lower(f.c.repository) == wanted.repository.lower()
        numbered = cast(r.c.repo_id, String) == wanted.repository
        where.append(or_(named, numbered))
    if wanted.number is not None:
        where.append(r.c.number == wanted.number)
    if wanted.state:
        where.append(r.c.state == wanted.state)
    if wanted.person:
        where.append(or_(r.c.actor == wanted.person, f.c.author == wanted.person))
    if wanted.text:
        columns = (f.c.title, f.c.repository, f.c.author, r.c.actor)
        where.append(
            or_(*(func.lower(column).contains(wanted.text.lower(), autoescape=True) for column in columns))
        )
    cost = func.coalesce(s.c.cost_picos, 0)
    if wanted.cost_at_least is not None:
        where.append(cost >= to_picos(wanted.cost_at_least))
    if wanted.cost_at_most is not None:
        where.append(cost <= to_picos(wanted.cost_at_most))
    if wanted.coverage_below is not None:
        where.append(f.c.coverage_permille < round(1000 * wanted.coverage_below))
    return where


def _line(row: Any) -> ReviewLine:
    known = from_picos(row.cost_picos or 0)
    return ReviewLine(
        id=row.id,
        repository=row.repository or _named(row.payload),
        repository_id=row.repo_id,
        installation_id=row.installation_id,
        number=row.number,
        head_sha=row.head_sha,
        title=row.title or "",
        author=row.author or "",
        actor=row.actor,
        state=row.state,
        status=row.status or "",
        kind=row.kind or "",
        coverage=None if row.coverage_permille is None else row.coverage_permille / 1000,
        complete=row.complete,
        cost_usd=None if row.unpriced or row.unconfirmed_picos else known,
        known_usd=known,
        calls=int(row.calls or 0),
        escalations=int(row.escalations or 0),
        accepted_at=from_micros(row.accepted_at),
        updated_at=from_micros(row.updated_at),
        error=row.error,
    )


def _named(payload: str) -> str:
    name = json.loads(payload).get("repository", "")
    return name if isinstance(name, str) else ""


def _call(row: Any) -> CallLine:
    return CallLine(
        unit=row.unit,
        stage=row.stage,
        tier=row.tier,
        provider=row.provider,
        model=row.model,
        payment=row.payment,
        state=row.state,
        attempt=row.attempt,
        ok=row.ok,
        failed_check=row.failed_check or "",
        error=row.error,
        input_tokens=row.input_tokens,
        cache_read_tokens=row.cache_read_tokens,
        cache_write_tokens=row.cache_write_tokens,
        output_tokens=row.output_tokens,
        reasoning_tokens=row.reasoning_tokens,
        cost_usd=None if row.cost_picos is None else from_picos(row.cost_picos),
        estimated=row.estimated,
        latency_ms=row.latency_ms,
        request_id=row.request_id,
        opened_at=from_micros(row.opened_at),
    )


def _finding(row: Any) -> FindingLine:
    return FindingLine(
        fingerprint=row.fingerprint,
        path=row.path,
        line=row.line,
        title=row.title,
        body=row.body,
        severity=row.severity,
        category=row.category,
        source=row.source,
        state=row.state,
        outcome=row.outcome,
        outcome_at=None if row.outcome_at is None else from_micros(row.outcome_at),
        url=row.url,
        raised_at=from_micros(row.raised_at),
    )


def _result(stored: str | None) -> dict[str, Any]:
    """Return the stored review as JSON; {} where none is kept, or one of another shape."""
    value = json.loads(stored) if stored else {}
    result = value.get("review") if isinstance(value, dict) else None
    return result if isinstance(result, dict) else {}


def _list(result: dict[str, Any], key: str) -> list[Any]:
    value = result.get(key)
    return value if isinstance(value, list) else []


def _escalation(row: Any) -> EscalationLine:
    words = {key: str(row.get(key, "")) for key in ("unit", "check", "from_tier", "to_tier", "detail")}
    lower = {key: words[key].lower() for key in ("check", "from_tier", "to_tier")}
    return EscalationLine(**{**words, **lower})


def _route(row: Any) -> RouteLine:
    return RouteLine(
        unit=str(row.get("unit", "")),
        paths=tuple(map(str, row.get("paths", ()))),
        tier=str(row.get("tier", "")).lower(),
        model=str(row.get("model", "")),
        reasons=tuple(map(str, row.get("reasons", ()))),
    )
