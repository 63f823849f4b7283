from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.ledger.units import clean, from_micros, from_picos, to_micros, to_picos


@given(st.decimals(0, 1_000_000, places=12))
def test_an_amount_is_stored_exactly(amount: Decimal) -> None:
    assert from_picos(to_picos(amount)) == amount


@given(st.decimals(0, 999_999, places=18))
def test_a_hold_is_never_below_the_amount_and_a_bill_within_half_a_step(amount: Decimal) -> None:
    assert from_picos(to_picos(amount, up=True)) >= amount
    assert abs(from_picos(to_picos(amount)) - amount) <= Decimal("5e-13")
    assert to_picos(amount, up=True) >= to_picos(amount)


def test_the_callers_decimal_context_does_not_round_money() -> None:
    with localcontext() as context:
        context.prec = 3
        assert to_picos(Decimal("123456.123456789012")) == 123456123456789012
        assert str(from_picos(123456123456789012)) == "123456.123456789012"


@pytest.mark.parametrize("amount", ["-0.01", "NaN", "Infinity", "1000001"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(ValueError):
        to_picos(Decimal(amount))


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda moment: moment.year >= 1970))
def test_a_moment_is_stored_exactly(moment: datetime) -> None:
    assert from_micros(to_micros(moment)) == moment


def test_a_moment_is_utc_whatever_its_zone() -> None:
    there = datetime(2026, 11, 22, 1, 0, tzinfo=timezone(timedelta(hours=13)))
    assert from_micros(to_micros(there)) == datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        to_micros(datetime(2026, 11, 21))  # noqa: DTZ001 - the point


@given(st.text(st.characters()))
def test_any_text_becomes_storable(text: str) -> None:
    stored = clean(text)
    assert "\0" not in stored
    stored.encode("utf-8")


def test_text_that_is_storable_is_left_alone() -> None:
    assert clean("naïve \U0001f600 line\nend") == "naïve \U0001f600 line\nend"
