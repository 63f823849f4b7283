"""The pages: each a pure function of who asks, when, and the query's values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from markupsafe import Markup

from reviewer.ledger.books.budgets import budgets
from reviewer.ledger.books.overview import overview
from reviewer.ledger.books.reviews import review, reviews
from reviewer.ledger.books.spend import GROUPS, models, spend
from reviewer.ledger.books.work import deliveries, queue
from webhooks.api.endpoints import Asked
from webhooks.dashboard.chart import bars
from webhooks.dashboard.table import Table, said, table

PREFIX: Final = "/dashboard"
REFRESH_SECONDS: Final = 10
FILTERS: Final = ("text", "repository", "number", "state", "person", "since", "until", "min_cost", "coverage_below")
NO_REVIEW: Final = (
    "No review in this time. Open a pull request in a repository that has the App, or widen the time."
)
_REVIEW: Final = ("id", "repository", "number", "title", "author", "state", "cost_usd", "calls", "accepted_at")
_CALL: Final = (
    "unit", "stage", "tier", "provider", "model", "ok", "failed_check", "error", "input_tokens", "output_tokens",
    "cost_usd", "latency_ms",
)  # fmt: skip
_FINDING: Final = ("path", "line", "title", "severity", "category", "state", "outcome", "body")
_SUMS: Final = ("sums.calls", "sums.retries", "sums.input_tokens", "sums.output_tokens", "sums.cost_usd")


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows, from the top; nothing here is markup but the chart."""

    title: str
    figures: tuple[tuple[str, str], ...] = ()
    chart_title: str = ""
    chart: Markup = field(default_factory=Markup)
    tables: tuple[Table, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    filters: Mapping[str, str] = field(default_factory=dict)
    refresh: int = 0


def _overview(it: Asked) -> Page:
    found = overview(it.db, it.visible, it.window)
    counts = found.findings
    spend_usd = said(found.sums.cost_usd, usd=True)
    return Page(
        "Overview",
        figures=(
            ("Cost per accepted finding", said(found.usd_per_accepted, usd=True)),
            ("Cost of a review, median", said(found.median_usd, usd=True)),
            ("Cost of a review, 9 in 10 below", said(found.p90_usd, usd=True)),
            ("Calls tried again", _share(found.retry_rate)),
            ("Calls that failed a quality check", _share(found.escalation_rate)),
            ("Spend", spend_usd),
            ("Minutes to resolution", said(found.minutes_to_resolution)),
            ("Dismissed of raised findings", f"{counts.dismissed} of {counts.raised}"),
        ),
        chart_title="Spend by day, bills that are known",
        chart=bars("Spend by day", [(day.start, day.sums.known_usd) for day in found.days]),
        tables=(
            table(
                "Days",
                ("start", "reviews", "accepted", "sums.calls", "sums.cost_usd", "usd_per_accepted"),
                [day for day in reversed(found.days) if day.reviews or day.sums.calls],
                empty=NO_REVIEW,
            ),
        ),
        notes=("The last 30 days; an address with ?since=2026-11-01&until=2026-11-30 shows another time.",),
    )


def _reviews(it: Asked) -> Page:
    found = reviews(it.db, it.visible, it.window, it.wanted, it.page)
    links = [*_exports("reviews", it)]
    if found.next is not None:
        query = urlencode({**it.values, "after": found.next})
        links.append(("Next page", f"{PREFIX}/reviews?{query}"))
    return Page(
        "Reviews",
        tables=(
            table("Reviews, newest first", _REVIEW, found.rows, link=f"{PREFIX}/reviews/{{id}}", empty=NO_REVIEW),
        ),
        links=tuple(links),
        filters={name: it.values.get(name, "") for name in FILTERS},
    )


def _review(it: Asked) -> Page | None:
    found = review(it.db, it.visible, it.review_id)
    if found is None:
        return None
    row = found.review
    nothing = "None."
    return Page(
        f"Review {row.id}",
        figures=(
            ("Pull request", f"{row.repository}#{row.number}"),
            ("State", row.state),
            ("Cost", said(row.cost_usd, usd=True)),
            ("Coverage", _share(row.coverage)),
        ),
        tables=(
            table("Findings and what people did", _FINDING, found.findings, empty=nothing),
            table("Route", ("unit", "paths", "tier", "model", "reasons"), found.routes, empty=nothing),
            table(
                "Escalations", ("unit", "check", "from_tier", "to_tier", "detail"), found.escalations, empty=nothing
            ),
            table("Calls", _CALL, found.calls, empty=nothing),
        ),
        notes=(
            row.title,
            *found.notices,
            *(f"Context: {each}" for each in found.context_limits),
            *(f"Not all {each} are shown." for each in found.cut),
        ),
    )


def _spend(it: Asked) -> Page:
    by = it.values.get("by", "model")
    found = spend(it.db, it.visible, it.window, by)
    return Page(
        "Spend",
        chart_title=f"Spend by {by}, bills that are known",
        chart=bars(f"Spend by {by}", [(row.name, row.sums.known_usd) for row in found[:50]]),
        tables=(table(f"Spend by {by}", ("name", *_SUMS), found, empty=NO_REVIEW),),
        links=(
            *((f"By {each}", f"{PREFIX}/spend?{urlencode({**it.values, 'by': each})}") for each in GROUPS),
            *_exports("spend", it),
        ),
    )


def _models(it: Asked) -> Page:
    columns = ("provider", "model", "sums.calls", "sums.cost_usd", "usd_per_request", "usd_per_million")
    rates = ("traffic", "cache_hits", "success", "p50_ms", "p95_ms")
    found = models(it.db, it.visible, it.window)
    return Page(
        "Models",
        tables=(table("Models", (*columns, *rates), found, empty=NO_REVIEW),),
        links=_exports("models", it),
    )


def _budgets(it: Asked) -> Page:
    found = budgets(it.db, it.visible, it.now)
    limits = ("scope", "subject", "window", "limit_usd", "used_usd", "left_usd", "resets_at")
    alerts = ("scope", "subject", "percent", "limit_usd", "spent_usd", "reached_at", "ended_at")
    empty = "Nothing was spent in the present day or month. Set limits in the policy: docs/how-to/budgets.md."
    burnt = tuple(
        table(f"Spend by day: {each.scope} {each.subject}", ("day", "known_usd"), each.days)
        for each in found.limits
        if each.days
    )
    return Page(
        "Budgets",
        tables=(
            table("Limits", limits, found.limits, empty=empty),
            table("Alerts", alerts, found.alerts, empty="No limit is near."),
            *burnt,
        ),
        notes=("An organisation's own limit is not shown here: it counts repositories that you may not see.",),
    )


def _deliveries(it: Asked) -> Page:
    columns = (
        "delivery",
        "event",
        "repository",
        "number",
        "actor",
        "asked_for",
        "decision",
        "reason",
        "received_at",
    )
    found = deliveries(it.db, it.visible, it.window, it.page)
    links = list(_exports("deliveries", it))
    if found.next is not None:
        links.append(("Next page", f"{PREFIX}/deliveries?{urlencode({**it.values, 'after': found.next})}"))
    empty = "No delivery became work in this time. GitHub's settings page of the App lists all deliveries."
    return Page(
        "Deliveries",
        tables=(table("Deliveries, newest first", columns, found.rows, empty=empty),),
        links=tuple(links),
    )


def _queue(it: Asked) -> Page:
    found = queue(it.db, it.visible, it.now)
    oldest = "none" if found.oldest_seconds is None else str(timedelta(seconds=round(found.oldest_seconds)))
    live = it.values.get("live") == "1"
    return Page(
        "Queue",
        figures=(
            ("Waiting", str(found.waiting)),
            ("Running", str(found.running)),
            ("Not due yet", str(found.later)),
            ("Oldest waits", oldest),
        ),
        links=(_follow(live=live),),
        refresh=REFRESH_SECONDS if live else 0,
    )


def _follow(*, live: bool) -> tuple[str, str]:
    """Return the link that starts or stops the page from loading itself: never without being asked (WCAG 2.2.4)."""
    if live:
        return "Stop loading this page again", f"{PREFIX}/queue"
    return f"Load this page again every {REFRESH_SECONDS} seconds", f"{PREFIX}/queue?live=1"


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"


def _exports(name: str, it: Asked) -> tuple[tuple[str, str], ...]:
    kept = {key: value for key, value in it.values.items() if key not in ("after", "rows", "format")}
    query = f"?{urlencode(kept)}" if kept else ""
    return tuple((f"Export as {form.upper()}", f"{PREFIX}/export/{name}.{form}{query}") for form in ("csv", "json"))


# Path below PREFIX -> what makes the page.
PAGES: Final[Mapping[str, Callable[[Asked], Any]]] = {
    "/": _overview,
    "/reviews": _reviews,
    "/reviews/<id>": _review,
    "/spend": _spend,
    "/models": _models,
    "/budgets": _budgets,
    "/deliveries": _deliveries,
    "/queue": _queue,
}
NAVIGATION: Final = tuple(
    (path.strip("/").capitalize() or "Overview", f"{PREFIX}{path}") for path in PAGES if "<" not in path
)
