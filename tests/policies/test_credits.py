from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.budgets import Account, Limit, Scope
from policies.credits import Credit, CreditKind, allocate, balance, prepaid_refusal

D = Decimal
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ACCOUNT = Account(run="7", organisation="Acme")
credits_ = st.lists(
    st.builds(
        Credit,
        st.integers(1, 10**6),
        st.sampled_from(CreditKind),
        st.decimals(-5, 100, places=12),
        st.decimals(0, 50, places=12),
        st.none() | st.integers(-3, 30).map(lambda days: NOW + timedelta(days=days)),
    ),
    max_size=6,
    unique_by=lambda credit: credit.id,
)


@given(credits_, st.decimals(0, 300, places=12))
@settings(max_examples=200)
def test_credits_are_given_exactly_and_never_beyond_what_is_free(account: list[Credit], amount: Decimal) -> None:
    shares = allocate(account, amount, NOW)
    if shares is None:
        assert balance(account, NOW) < amount
        return
    assert sum(share for _, share in shares) == amount
    free = {credit.id: credit.free(NOW) for credit in account}
    assert all(0 < share <= free[credit_id] for credit_id, share in shares)


def test_what_lapses_first_is_used_first_and_bonus_before_purchase() -> None:
    soon, late = NOW + timedelta(days=1), NOW + timedelta(days=2)
    account = [
        Credit(1, CreditKind.PURCHASE, D(1)),
        Credit(2, CreditKind.PURCHASE, D(1), expires_at=late),
        Credit(3, CreditKind.BONUS, D(1), expires_at=late),
        Credit(4, CreditKind.BONUS, D(1), expires_at=soon),
        Credit(5, CreditKind.BONUS, D(9), expires_at=NOW),
        Credit(6, CreditKind.BONUS, D(1)),
    ]
    shares = allocate(account, D("4.5"), NOW)
    assert shares is not None
    assert [credit_id for credit_id, _ in shares] == [4, 3, 2, 6, 1]
    assert allocate(account, D("5.000000000001"), NOW) is None


def test_a_refusal_says_what_is_left_what_is_owed_and_what_the_call_may_cost() -> None:
    floor = Limit(Scope.PREPAID, D(1))
    assert prepaid_refusal(floor, ACCOUNT, D(2), D(3)) == (
        "the prepaid balance of Acme is too small: $2.00 left, of which $1.00 must stay, this call may cost $3.00; "
        "buy credit or choose a cheaper strategy"
    )
    assert "$0.50 is owed, the price of this call is unknown" in prepaid_refusal(floor, ACCOUNT, D("-0.5"), None)
