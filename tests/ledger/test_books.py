"""The query layer: sums are those of the calls, lists come in pages, and nobody sees another tenant."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text

from policies.budgets import Account, Limit, Scope
from policies.words import Severity
from reviewer.errors import ConfigurationError
from reviewer.ledger import books
from reviewer.ledger.books.budgets import budgets
from reviewer.ledger.books.overview import overview
from reviewer.ledger.books.reviews import ReviewFilter, review, reviews
from reviewer.ledger.books.spend import GROUPS, models, spend
from reviewer.ledger.books.visible import OPERATOR, Visible
from reviewer.ledger.books.window import Page, Window
from reviewer.ledger.books.work import queue
from reviewer.ledger.facts import ReviewFacts
from reviewer.ledger.findings import KnownFinding, Outcome
from reviewer.ledger.keys import ReviewKey, ReviewState
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.money import Terms
from reviewer.ledger.rollup import LATENCY_COLUMNS, SUM_COLUMNS
from reviewer.ledger.tables import call_days, call_reviews, calls
from tests.ledger.make import MINUTE, NOW, call, intent

D = Decimal
WINDOW = Window.last(NOW, 30)
# Words that only rows of the second tenant hold.
TENANTS = {"alpha": 11, "omega": 22}


def fill(ledger: Ledger, name: str, number: int, cost: str = "0.5") -> int:
    """One published review of a tenant, with a call, facts, a finding that was accepted, a limit and an alert."""
    key = ReviewKey(TENANTS[name], TENANTS[name] + 100, number, f"{name}{number}")
    payload = {"repository": f"{name}/app", "verb": "review", "delivery": f"{name}-guid", "event": "pull_request"}
    row = ledger.requests.accept(key, actor=f"{name}-dev", payload=payload, now=NOW)
    lease = ledger.reviews.begin(row.review_id, "worker", NOW, MINUTE)
    assert lease is not None
    account = Account(
        run=str(row.review_id),
        pull_request=key.pull_request,
        user=f"{name}-dev",
        repository=f"{name}/app",
        organisation=name,
        repository_id=key.repo_id,
        organisation_id=key.installation_id + 1000,
    )
    limits = (Limit(Scope.REPOSITORY_MONTH, D(2)), Limit(Scope.ORGANISATION_MONTH, D(3)))
    terms = Terms(account, limits, row.review_id)
    reservation = f"{name}-{number}"
    ledger.money.reserve(reservation, D(1), intent(), terms, NOW)
    ledger.money.settle(reservation, call(cost), NOW)
    facts = ReviewFacts(f"{name} title", f"{name}-author", f"{name}/app", "code", "complete", True, 0.75, 1)
    ledger.facts.save(lease, facts, NOW)
    found = KnownFinding(f"{name}-f", "a.py", f"{name} finding", "", 1, Severity.HIGH, "bug", "model")
    ledger.findings.save(lease, key.repo_id, number, [found], NOW)
    later = NOW + timedelta(minutes=10)
    ledger.findings.record_outcome(key.repo_id, number, found.fingerprint, Outcome.ACCEPTED, "fixed", later)
    ledger.reviews.finish(lease, ReviewState.PUBLISHED, NOW)
    return row.review_id


def test_the_five_numbers_are_those_of_the_calls_and_findings(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        fill(ledger, "alpha", number, cost=f"0.{number}")
    found = overview(ledger.db, Visible(frozenset({11})), WINDOW)
    assert (found.sums.calls, found.sums.cost_usd, found.reviews) == (3, D("0.6"), 3)
    assert found.findings.accepted == 3
    assert found.usd_per_accepted == D("0.2")
    assert (found.median_usd, found.p90_usd) == (D("0.2"), D("0.3"))
    assert (found.retry_rate, found.escalation_rate, found.complete) == (0, 0, 1)
    assert found.minutes_to_resolution == 10
    today = found.days[-1]
    assert (today.start, today.reviews, today.sums.cost_usd) == ("2026-11-21", 3, D("0.6"))
    assert sum(week.sums.calls for week in found.weeks) == 3


def test_an_empty_ledger_has_no_numbers_rather_than_zeros(ledger: Ledger) -> None:
    found = overview(ledger.db, OPERATOR, WINDOW)
    assert found.usd_per_accepted is found.median_usd is found.retry_rate is None
    assert found.sums.cost_usd == 0


def test_a_call_of_unknown_price_makes_the_cost_unknown(ledger: Ledger) -> None:
    fill(ledger, "alpha", 1)
    with_unknown = Terms(Account(run="x", repository="alpha/app"), allow_unknown_price=True)
    ledger.money.reserve("unknown", None, intent(), with_unknown, NOW)
    ledger.money.settle("unknown", call(None), NOW)
    found = overview(ledger.db, OPERATOR, WINDOW)
    assert found.sums.cost_usd is None
    assert found.sums.known_usd == D("0.5")
    assert found.usd_per_accepted is None


def test_spend_is_told_by_each_group(ledger: Ledger) -> None:
    fill(ledger, "alpha", 1, "0.25")
    fill(ledger, "omega", 1, "0.5")
    by = {
        group: {row.name: row.sums.cost_usd for row in spend(ledger.db, OPERATOR, WINDOW, group)}
        for group in GROUPS
    }
    assert by == {
        "model": {"vendor/model": D("0.75")},
        "repository": {"omega/app": D("0.5"), "alpha/app": D("0.25")},
        "author": {"omega-dev": D("0.5"), "alpha-dev": D("0.25")},
        "day": {"2026-11-21": D("0.75")},
        "kind": {"code": D("0.75")},
    }
    with pytest.raises(ConfigurationError, match="no group"):
        spend(ledger.db, OPERATOR, WINDOW, "payload")


def test_a_model_is_told_with_its_shares_and_prices(ledger: Ledger) -> None:
    fill(ledger, "alpha", 1, "0.5")
    (row,) = models(ledger.db, OPERATOR, WINDOW)
    assert (row.traffic, row.success, row.cache_hits) == (1, 1, 0.4)
    assert row.usd_per_request == D("0.5")
    assert row.usd_per_million == D("0.5") * 1_000_000 / 1050
    assert row.p50_ms is not None
    assert 0 < row.p50_ms <= (row.p95_ms or 0) <= 250


def test_reviews_come_in_pages_and_each_once(ledger: Ledger) -> None:
    ids = [fill(ledger, "alpha", number, "0.1") for number in range(1, 6)]
    seen: list[int] = []
    after = 0
    while True:
        page = reviews(ledger.db, OPERATOR, WINDOW, ReviewFilter(), Page(2, after))
        seen += [line.id for line in page.rows]
        if page.next is None:
            break
        after = page.next
    assert seen == ids[::-1]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (ReviewFilter(repository="Alpha/app"), ["alpha"]),
        (ReviewFilter(repository="122"), ["omega"]),
        (ReviewFilter(number=2), ["omega"]),
        (ReviewFilter(state="published"), ["omega", "alpha"]),
        (ReviewFilter(state="parked"), []),
        (ReviewFilter(person="omega-author"), ["omega"]),
        (ReviewFilter(text="ALPHA tit"), ["alpha"]),
        (ReviewFilter(text="%"), []),
        (ReviewFilter(cost_at_least=D("0.5")), ["omega"]),
        (ReviewFilter(cost_at_most=D("0.4")), ["alpha"]),
        (ReviewFilter(coverage_below=0.8), ["omega", "alpha"]),
        (ReviewFilter(coverage_below=0.75), []),
    ],
)
def test_reviews_are_found_by_what_is_asked_for(ledger: Ledger, wanted: ReviewFilter, names: list[str]) -> None:
    fill(ledger, "alpha", 1, "0.25")
    fill(ledger, "omega", 2, "0.75")
    found = reviews(ledger.db, OPERATOR, WINDOW, wanted, Page())
    assert [line.author.removesuffix("-author") for line in found.rows] == names


def test_one_review_is_shown_with_its_calls_and_findings(ledger: Ledger) -> None:
    detail = review(ledger.db, OPERATOR, fill(ledger, "alpha", 1))
    assert detail is not None
    (one,) = detail.calls
    assert (one.model, one.cost_usd, one.input_tokens, one.latency_ms) == ("vendor/model", D("0.5"), 1000, 12)
    assert [(each.title, each.outcome) for each in detail.findings] == [("alpha finding", "accepted")]
    assert (detail.review.cost_usd, detail.review.coverage, detail.cut) == (D("0.5"), 0.75, ())


def test_limits_are_told_with_what_is_used_and_left(ledger: Ledger) -> None:
    fill(ledger, "alpha", 1)
    found = {line.scope: line for line in budgets(ledger.db, Visible(frozenset({11})), NOW).limits}
    month = found["repository-month"]
    assert (month.limit_usd, month.used_usd, month.left_usd) == (D(2), D("0.5"), D("1.5"))
    assert [(day.day, day.known_usd) for day in month.days] == [("2026-11-21", D("0.5"))]
    # A user's spend may be of several organisations.
    assert "user-day" not in found
    assert "user-day" in {line.scope for line in budgets(ledger.db, OPERATOR, NOW).limits}


def test_who_sees_a_repository_only_does_not_see_the_limits_of_its_organisation(ledger: Ledger) -> None:
    fill(ledger, "alpha", 1)
    found = budgets(ledger.db, Visible(repositories=frozenset({111})), NOW)
    assert {line.scope for line in found.limits} == {"repository-month", "repository-day"}
    assert found.balances == ()


def test_the_queue_counts_what_waits_and_what_runs(ledger: Ledger) -> None:
    for number in (1, 2):
        ledger.requests.accept(ReviewKey(11, 111, number, "a"), actor="x", payload={}, now=NOW)
    other = ledger.requests.accept(ReviewKey(11, 111, 3, "a"), actor="x", payload={}, now=NOW)
    ledger.reviews.begin(other.review_id, "worker", NOW, 5 * MINUTE)
    found = queue(ledger.db, OPERATOR, NOW + MINUTE)
    assert (found.waiting, found.running, found.later, found.oldest_seconds) == (2, 1, 0, 60)


# Arguments that every query of the room can be called with, by the name of its parameter.
ARGUMENTS: dict[str, Any] = {
    "window": WINDOW,
    "now": NOW,
    "wanted": ReviewFilter(),
    "page": Page(),
}


def queries() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function of the room that is handed a database."""
    for module in pkgutil.iter_modules(books.__path__):
        loaded = importlib.import_module(f"{books.__name__}.{module.name}")
        for name, found in inspect.getmembers(loaded, inspect.isfunction):
            ours = found.__module__ == loaded.__name__ and not name.startswith("_")
            if ours and "db" in inspect.signature(found).parameters:
                yield name, found


def test_the_room_has_the_queries_that_the_pages_ask_for() -> None:
    names = {name for name, _ in queries()}
    assert names == {"budgets", "deliveries", "models", "overview", "queue", "review", "reviews", "spend"}


@pytest.mark.parametrize(("name", "query"), list(queries()))
def test_no_query_shows_a_row_of_another_tenant(ledger: Ledger, name: str, query: Callable[..., Any]) -> None:
    own, foreign = fill(ledger, "alpha", 1, "0.25"), fill(ledger, "omega", 1, "0.5")
    parameters = inspect.signature(query).parameters
    assert "visible" in parameters, f"{name} does not ask who wants to know"
    assert parameters["visible"].default is inspect.Parameter.empty
    required = [key for key, each in parameters.items() if each.default is inspect.Parameter.empty]
    for seen in (Visible(frozenset({11})), Visible(repositories=frozenset({111})), Visible()):
        for review_id in (own, foreign) if "review_id" in required else (0,):
            given = {**ARGUMENTS, "db": ledger.db, "visible": seen, "review_id": review_id}
            for more in [{"by": group} for group in GROUPS] if "by" in parameters else [{}]:
                told = repr(query(**{key: given[key] for key in required}, **more))
                assert "omega" not in told
                # The other tenant's money, alone or added to the own: 0.5 and 0.75.
                assert "Decimal('0.5" not in told
                assert "Decimal('0.750" not in told
                if seen == Visible():
                    assert "alpha" not in told


def raw_sums(ledger: Ledger) -> tuple[Any, ...]:
    counted = calls.c.state.not_in(("held", "released"))
    query = select(func.count(), func.coalesce(func.sum(calls.c.cost_picos), 0), func.sum(calls.c.input_tokens))
    return tuple(int(value or 0) for value in ledger.db.read(lambda it: it.execute(query.where(counted)).one()))


def rolled(ledger: Ledger, table: Any) -> tuple[Any, ...]:
    query = select(func.sum(table.c.calls), func.sum(table.c.cost_picos), func.sum(table.c.input_tokens))
    return tuple(int(value or 0) for value in ledger.db.read(lambda it: it.execute(query).one()))


@pytest.mark.parametrize("seed", range(4))
def test_the_sums_are_those_of_the_calls_whatever_comes_late(ledger: Ledger, seed: int) -> None:
    """Calls are opened, settled, released, confirmed late, and get a failed check, over several days, at random."""
    chance = random.Random(seed)
    ids = [fill(ledger, name, 1) for name in TENANTS]
    opened: list[str] = []
    for step in range(60):
        now = NOW - timedelta(days=chance.randrange(4), minutes=step)
        match chance.choice(("open", "open", "open", "settle", "lose", "confirm", "check")):
            case "open":
                reservation = f"r{seed}-{step}"
                account = Account(run=f"run-{step}", repository=chance.choice(("alpha/app", "omega/app")))
                terms = Terms(account, (), chance.choice((*ids, None)))
                ledger.money.reserve(reservation, D("0.1"), intent(), terms, now)
                opened.append(reservation)
            case "settle" if opened:
                taken = opened.pop(chance.randrange(len(opened)))
                ledger.money.settle(taken, call(D(chance.randrange(1000)) / 1000), now)
            case "lose" if opened:
                ledger.money.expire(NOW + timedelta(days=1))
                opened.clear()
            case "confirm":
                for lost in ledger.money.unconfirmed(1):
                    ledger.money.confirm(lost.reservation, D("0.07"), now)
            case "check":
                statement = text("UPDATE calls SET failed_check = 'parse' WHERE id = (SELECT MAX(id) FROM calls)")
                ledger.db.write(lambda it, statement=statement: it.execute(statement).rowcount)
            case _:
                pass
        assert rolled(ledger, call_days) == raw_sums(ledger)
    of_reviews = select(func.count(), func.sum(calls.c.cost_picos)).where(
        calls.c.review_id.is_not(None), calls.c.state.not_in(("held", "released"))
    )
    count, cost = ledger.db.read(lambda it: it.execute(of_reviews).one())
    assert rolled(ledger, call_reviews)[:2] == (count, int(cost))
    days = select(*(func.sum(call_days.c[name]) for name in LATENCY_COLUMNS))
    assert sum(map(int, ledger.db.read(lambda it: it.execute(days).one()))) == raw_sums(ledger)[0]
    fresh = select(*(func.min(call_days.c[name]) for name in SUM_COLUMNS))
    assert min(map(int, ledger.db.read(lambda it: it.execute(fresh).one()))) >= 0


def test_a_merge_ignores_only_what_nobody_decided_and_only_of_its_installation(ledger: Ledger) -> None:
    fill(ledger, "alpha", 1)
    row = ledger.reviews.recent()[0]
    new = KnownFinding("f2", "a.py", "alpha second", "", 1, Severity.HIGH, "bug", "model")
    other = ledger.requests.accept(ReviewKey(11, 111, 1, "later"), actor="x", payload={}, now=NOW)
    lease = ledger.reviews.begin(other.review_id, "worker", NOW, MINUTE)
    assert lease is not None
    ledger.findings.save(lease, row.key.repo_id, 1, [new], NOW)
    assert ledger.findings.ignore_undecided(22, 111, 1, NOW) == 0
    assert ledger.findings.ignore_undecided(11, 111, 1, NOW) == 1
    assert ledger.findings.ignore_undecided(11, 111, 1, NOW) == 0
    counts = overview(ledger.db, OPERATOR, WINDOW).findings
    assert (counts.accepted, counts.ignored, counts.undecided) == (1, 1, 0)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_each_outcome_is_counted_and_the_latest_one_holds(ledger: Ledger, outcome: Outcome) -> None:
    fill(ledger, "alpha", 1)
    ledger.findings.record_outcome(111, 1, "alpha-f", outcome, "", NOW + timedelta(hours=1))
    counts = overview(ledger.db, OPERATOR, WINDOW).findings
    told = {
        Outcome.ACCEPTED: counts.accepted,
        Outcome.DISMISSED: counts.dismissed,
        Outcome.IGNORED: counts.ignored,
        Outcome.UNKNOWN: counts.undecided,
    }
    assert told == {each: int(each is outcome) for each in Outcome}
