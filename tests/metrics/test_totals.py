"""Running totals: each call and each review is counted once, however often somebody looks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.ledger.statistics import CallGroup, Ended
from reviewer.metrics.totals import SETTLED_AFTER, RunningTotals
from reviewer.models.model import Usage

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Book:
    """Calls with the moment they were opened and reviews that are open or ended, as the ledger answers for them."""

    def __init__(self) -> None:
        self.calls_at: list[datetime] = []
        self.ended_reviews: dict[int, bool] = {}
        self.read: list[int] = []

    def last_settled_review(self) -> int:
        return (
            min((key for key, done in self.ended_reviews.items() if not done), default=len(self.ended_reviews) + 1)
            - 1
        )

    def ended(self, after: int, until: int | None = None) -> list[Ended]:
        found = [
            key for key, done in self.ended_reviews.items() if done and key > after and key <= (until or 10**9)
        ]
        return [Ended("published", len(found), 2.0 * len(found), 0, 1)] if found else []

    def calls(self, since: datetime, until: datetime | None = None) -> list[CallGroup]:
        found = [at for at in self.calls_at if since <= at and (until is None or at < until)]
        self.read.append(len(found))
        usage = Usage(input=10 * len(found), output=len(found))
        dollars = Decimal("0.1") * len(found)
        group = CallGroup(
            "kilo", "m", "escalation", "answered", "refused", len(found), usage, dollars, dollars, 0, 0, 0, 1.5
        )
        return [group] if found else []


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 7200)),
        st.tuples(st.sampled_from(["call", "ask", "end", "look"]), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(steps=STEPS)
def test_every_call_and_review_since_the_first_look_is_counted_once(steps: list[tuple[str, int]]):
    book, now, calls = Book(), START, 0
    totals = RunningTotals(book)  # type: ignore[arg-type]
    totals.read(now)
    before = 0
    for what, seconds in [*steps, ("look", 0)]:
        now += timedelta(seconds=seconds)
        if what == "call":
            book.calls_at.append(now)
            calls += 1
        elif what == "ask":
            book.ended_reviews[len(book.ended_reviews) + 1] = False
        elif what == "end":
            open_reviews = [key for key, done in book.ended_reviews.items() if not done]
            if open_reviews:
                book.ended_reviews[open_reviews[-1]] = True
        elif what == "look":
            seen = totals.read(now)
            assert sum(seen.calls.values()) == calls
            assert seen.dollars.get(("kilo", "m"), Decimal(0)) == Decimal("0.1") * calls
            assert seen.failed_checks["kilo", "m", "refused"] == calls
            ended = sum(book.ended_reviews.values())
            assert seen.reviews["published",] == ended >= before
            before = ended


def test_a_look_reads_the_last_hour_and_what_came_since_the_look_before():
    book = Book()
    totals = RunningTotals(book)  # type: ignore[arg-type]
    totals.read(START)
    book.calls_at = [START + timedelta(minutes=minute) for minute in range(600)]
    totals.read(START + timedelta(minutes=600))
    book.read.clear()
    totals.read(START + timedelta(minutes=610))
    assert sum(book.read) <= SETTLED_AFTER / timedelta(minutes=1) + 20
