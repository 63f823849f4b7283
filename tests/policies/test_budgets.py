from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.budgets import (
    COUNTED,
    MAX_AMOUNT,
    STEP,
    Account,
    BudgetInvalid,
    Estimate,
    Limit,
    PlannedCall,
    Scope,
    Standing,
    dollars,
    estimate,
    limit_for,
    narrow,
    parse_amount,
    parse_limit,
    refusal,
    resets_at,
    round_bill,
    round_hold,
    window,
)

D = Decimal
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ACCOUNT = Account(run="7", pull_request="2#3", user="Bob", repository="Acme/App", organisation="Acme")
money = st.decimals(0, 1000, places=12)
standings = st.builds(Standing, money, money, money)


@given(standings, money, money)
def test_what_fits_never_passes_the_limit(standing: Standing, amount: Decimal, limit: Decimal) -> None:
    if standing.fits(amount, limit) and amount:
        assert standing.committed + amount <= limit
        assert amount <= standing.left(limit)
    assert standing.left(limit) >= 0
    assert standing.fits(D(0), limit)


@given(standings, st.decimals(STEP, 1000, places=12))
def test_alerts_follow_the_money_that_is_gone(standing: Standing, limit: Decimal) -> None:
    crossed = standing.crossed(limit)
    gone = standing.spent + standing.unconfirmed
    assert crossed == tuple(percent for percent in (50, 80, 100) if gone * 100 >= limit * percent)


@pytest.mark.parametrize(
    ("spent", "crossed"),
    [
        ("0", ()),
        ("0.499999999999", ()),
        ("0.5", (50,)),
        ("0.8", (50, 80)),
        ("1", (50, 80, 100)),
        ("9", (50, 80, 100)),
    ],
)
def test_a_share_is_crossed_when_it_is_reached(spent: str, crossed: tuple[int, ...]) -> None:
    assert Standing(spent=D(spent), held=D(5)).crossed(D(1)) == crossed


def test_a_limit_of_nothing_is_crossed_by_the_first_cent_only() -> None:
    assert Standing().crossed(D(0)) == ()
    assert Standing(spent=D("0.01")).crossed(D(0)) == (50, 80, 100)


@pytest.mark.parametrize(
    ("scope", "name", "end"),
    [
        (Scope.RUN, "", None),
        (Scope.PULL_REQUEST, "", None),
        (Scope.USER_DAY, "2026-12-31", datetime(2027, 1, 1, tzinfo=UTC)),
        (Scope.REPOSITORY_MONTH, "2026-12", datetime(2027, 1, 1, tzinfo=UTC)),
        (Scope.ORGANISATION_MONTH, "2026-12", datetime(2027, 1, 1, tzinfo=UTC)),
        (Scope.PREPAID, "", None),
    ],
)
def test_windows_are_utc_days_and_months(scope: Scope, name: str, end: datetime | None) -> None:
    # Already the next year where the reader is.
    there = datetime(2027, 1, 1, 9, 30, tzinfo=timezone(timedelta(hours=12)))
    assert window(scope, there) == name
    assert resets_at(scope, there) == end


@given(st.datetimes(timezones=st.just(UTC), max_value=datetime(9000, 1, 1)), st.sampled_from(COUNTED))  # noqa: DTZ001
def test_a_window_ends_after_now_and_the_next_one_is_another(moment: datetime, scope: Scope) -> None:
    end = resets_at(scope, moment)
    if end is None:
        assert window(scope, moment) == ""
        return
    assert moment < end <= moment + timedelta(days=31)
    assert window(scope, end) != window(scope, moment)
    assert window(scope, end - timedelta(microseconds=1)) == window(scope, moment)


def test_a_limit_that_names_its_subject_goes_before_everybodys() -> None:
    limits = (
        Limit(Scope.REPOSITORY_MONTH, D(5)),
        Limit(Scope.REPOSITORY_MONTH, D(50), "acme/APP"),
        Limit(Scope.REPOSITORY_MONTH, D(1), "acme/other"),
    )
    chosen = limit_for(limits, Scope.REPOSITORY_MONTH, ACCOUNT)
    assert chosen is not None
    assert chosen.amount == 50
    assert limit_for(limits, Scope.RUN, ACCOUNT) is None
    assert limit_for(limits, Scope.REPOSITORY_MONTH, Account(run="7")) is None


bounds = st.lists(
    st.builds(Limit, st.sampled_from(Scope), money, st.sampled_from(["*", "acme", "acme/app", "bob", "eve"])),
    max_size=6,
).map(tuple)


@given(bounds, bounds, st.sampled_from(Scope))
def test_a_narrower_file_never_allows_more(
    outer: tuple[Limit, ...], inner: tuple[Limit, ...], scope: Scope
) -> None:
    before, after = limit_for(outer, scope, ACCOUNT), limit_for(narrow(outer, inner), scope, ACCOUNT)
    if before is None:
        return
    assert after is not None
    if scope is Scope.PREPAID:
        assert after.amount >= before.amount
    else:
        assert after.amount <= before.amount


@given(bounds, bounds, bounds, st.sampled_from(COUNTED))
def test_three_files_narrow_one_after_the_other(one, two, three, scope: Scope) -> None:
    all_three = limit_for(narrow(narrow(one, two), three), scope, ACCOUNT)
    each = [limit_for(limits, scope, ACCOUNT) for limits in (one, two, three)]
    wanted = min((limit.amount for limit in each if limit is not None), default=None)
    assert (None if all_three is None else all_three.amount) == wanted


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (2, "2"),
        (2.5, "2.5"),
        (0.1, "0.1"),
        ("2.50", "2.50"),
        (" $3 ", "3"),
        ("1_000", "1000"),
        ("0.000000000001", STEP),
    ],
)
def test_an_amount_is_what_the_file_says(value: object, amount: str) -> None:
    assert parse_amount(value) == D(amount)


@pytest.mark.parametrize("value", [True, None, [], "", "two", "-1", "NaN", "inf", "1e9", "0.0000000000001", -0.01])
def test_what_is_no_amount_is_refused_with_the_key(value: object) -> None:
    with pytest.raises(BudgetInvalid, match=r"limits\[2\]\.amount"):
        parse_amount(value, "limits[2].amount")


def test_a_limit_is_read_from_its_table() -> None:
    row = {"scope": "user-day", "amount": "2.50", "subject": " Bob ", "alerts": [100, 90, 90]}
    assert parse_limit(row) == Limit(Scope.USER_DAY, D("2.50"), "Bob", alerts=(90, 100))
    assert parse_limit({"scope": "prepaid"}) == Limit(Scope.PREPAID, D(0))
    assert parse_limit({"scope": "run", "amount": 1}).percents == ()
    assert parse_limit({"scope": "organisation-month", "amount": 1}).percents == (50, 80, 100)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"scope": "run", "amount": 1, "endpoint": "http://x"}, "limits.endpoint is not a key"),
        ({"scope": "week", "amount": 1}, "limits.scope = 'week': must be one of run, pull-request"),
        ({"amount": 1}, "limits.scope = None"),
        ({"scope": "run"}, "limits.amount is missing"),
        ({"scope": "run", "amount": 1, "subject": "bob"}, "limits.subject: a run limit"),
        ({"scope": "user-day", "amount": 1, "subject": ""}, "limits.subject = ''"),
        ({"scope": "user-day", "amount": 1, "subject": 7}, "limits.subject = 7"),
        ({"scope": "user-day", "amount": 1, "alerts": [0]}, "limits.alerts = "),
        ({"scope": "user-day", "amount": 1, "alerts": [True]}, "limits.alerts = "),
        ({"scope": "user-day", "amount": 1, "alerts": "50"}, "limits.alerts = "),
    ],
)
def test_a_limit_that_cannot_be_understood_says_which_key(row: dict[str, object], says: str) -> None:
    with pytest.raises(BudgetInvalid) as refused:
        parse_limit(row)
    assert says in str(refused.value)


@given(st.decimals(0, MAX_AMOUNT, places=20))
def test_holds_round_up_and_bills_to_the_nearest(amount: Decimal) -> None:
    assert 0 <= round_hold(amount) - amount < STEP
    assert abs(round_bill(amount) - amount) <= STEP / 2
    with localcontext() as context:
        context.prec = 4
        assert round_hold(amount) == round_hold(amount)
        narrow_hold = round_hold(amount)
    assert narrow_hold == round_hold(amount)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "unknown"),
        (D(0), "$0.00"),
        (D(5), "$5.00"),
        (D("1234.567"), "$1234.57"),
        (D("0.25"), "$0.25"),
        (D("0.1234"), "$0.1234"),
        (D("0.00001234"), "$0.0000123"),
        (D("0.000000000001"), "$0.000000000001"),
    ],
)
def test_dollars_are_written_for_people(amount: Decimal | None, text: str) -> None:
    assert dollars(amount) == text


def test_a_refusal_names_the_limit_how_it_stands_and_when_it_ends() -> None:
    limit = Limit(Scope.USER_DAY, D(5))
    standing = Standing(D("4.90"), D("0.05"), D("0.02"))
    assert refusal(limit, ACCOUNT, standing, D("0.1"), NOW) == (
        "the daily limit of the user Bob of $5.00 would be passed: $4.90 spent, $0.07 reserved, "
        "this call may cost $0.10; it starts again at 2026-11-22 00:00 UTC"
    )
    text = refusal(Limit(Scope.RUN, D(1)), ACCOUNT, Standing(), D(2), NOW)
    assert "reserved" not in text
    assert text.endswith("raise it or choose a cheaper strategy")


prices = st.decimals(0, "0.0001", places=12)
planned = st.builds(
    PlannedCall,
    st.integers(0, 200_000),
    st.integers(0, 32_000),
    prices,
    prices,
    st.decimals(0, 1, places=2),
    st.integers(0, 300_000),
    st.none() | prices,
)


@given(st.lists(planned, max_size=6))
def test_an_estimate_is_a_range_that_holds_its_likely_value(calls: list[PlannedCall]) -> None:
    result = estimate(calls)
    assert D(0) <= result.low <= result.likely <= result.high
    assert result.calls == len(calls)
    worst = sum((c.input_tokens * c.input_price + c.max_output_tokens * c.output_price for c in calls), D(0))
    assert abs(result.high - worst) <= STEP


def test_an_estimate_counts_escalations_by_their_likelihood() -> None:
    first = PlannedCall(1000, 1000, D("0.000001"), D("0.000002"))
    again = PlannedCall(1000, 1000, D("0.00001"), D("0.00002"), likelihood=D("0.2"))
    result = estimate([first, again])
    assert result.low == D("0.00106")
    assert result.likely == D("0.0015") + D("0.2") * D("0.015")
    assert result.high == D("0.033")
    assert str(result) == "$0.00106 to $0.0330, about $0.00450"


def test_an_unknown_price_is_never_free() -> None:
    known = PlannedCall(1000, 0, D("0.001"), D(0))
    result = estimate([known, PlannedCall(1000, 10, None, D(0)), PlannedCall(1000, 10, D(0), None)])
    assert (result.unknown, result.calls) == (2, 3)
    assert str(result) == "at least $1.00 (2 of 3 calls have no known price)"
    assert str(Estimate()) == "$0.00 to $0.00, about $0.00"
