"""Limits on spending: scopes, windows and what is left, in exact decimal US dollars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

ZERO: Final = Decimal(0)
# Money is kept to a millionth of a millionth of a dollar: one token of the cheapest model is about 1e-8.
STEP: Final = Decimal("1e-12")
# The largest amount that a signed 64-bit count of STEPs holds with room for sums.
MAX_AMOUNT: Final = Decimal(1_000_000)
ALERT_PERCENTS: Final = (50, 80, 100)
EVERYBODY: Final = "*"
# The layer of what holds where no limit of that scope is set.
SHIPPED: Final = -1
# A context of our own: a caller's `decimal.localcontext` must not round money.
_EXACT: Final = Context(prec=60)


class BudgetInvalid(ValueError):
    """A limit that cannot be understood; the text names the key and what is allowed."""


class Scope(StrEnum):
    """What a limit is counted over, in the order that a refusal names them."""

    RUN = "run"
    PULL_REQUEST = "pull-request"
    USER_DAY = "user-day"
    REPOSITORY_DAY = "repository-day"
    REPOSITORY_MONTH = "repository-month"
    ORGANISATION_MONTH = "organisation-month"
    PREPAID = "prepaid"

    @property
    def words(self) -> str:
        """The scope as a sentence says it."""
        return _WORDS[self]


_WORDS: Final = {
    Scope.RUN: "limit per run",
    Scope.PULL_REQUEST: "limit per pull request",
    Scope.USER_DAY: "daily limit of the user",
    Scope.REPOSITORY_DAY: "daily limit of the repository",
    Scope.REPOSITORY_MONTH: "monthly limit of the repository",
    Scope.ORGANISATION_MONTH: "monthly limit of the organisation",
    Scope.PREPAID: "prepaid balance",
}
# Scopes that a table counts; the prepaid balance is counted down from credits instead.
COUNTED: Final = tuple(scope for scope in Scope if scope is not Scope.PREPAID)
EVERY_SCOPE: Final = frozenset(Scope)
DAILY: Final = (Scope.USER_DAY, Scope.REPOSITORY_DAY)
MONTHLY: Final = (Scope.REPOSITORY_MONTH, Scope.ORGANISATION_MONTH)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` US dollars over a scope; for PREPAID, the amount that must stay on the balance.

    `subject` is whom it binds: a user, a repository or an organisation by GitHub's name, or "*" for each of them.
    `layer` is the file it came from: 0 the organisation's, higher ones narrow it, SHIPPED the defaults. `alerts`
    are percents of the amount at which an alert is sent; None is ALERT_PERCENTS, but none for a run or a pull
    request, of which there are too many to be told about. With `outsiders` it binds only runs for outsiders: pull
    requests from forks and of first-time contributors.
    """

    scope: Scope
    amount: Decimal
    subject: str = EVERYBODY
    layer: int = 0
    alerts: tuple[int, ...] | None = None
    outsiders: bool = False

    @property
    def shipped(self) -> bool:
        """True for a default, which gives way to a limit that is set."""
        return self.layer == SHIPPED

    @property
    def percents(self) -> tuple[int, ...]:
        """The percents at which an alert is sent."""
        if self.alerts is not None:
            return self.alerts
        return () if self.scope in (Scope.RUN, Scope.PULL_REQUEST) else ALERT_PERCENTS

    def binds(self, account: Account) -> bool:
        """Tell whether the limit is for this account; GitHub's names ignore case."""
        if self.outsiders and not account.outsider:
            return False
        return self.subject == EVERYBODY or self.subject.casefold() == account.name(self.scope).casefold()


@dataclass(frozen=True, slots=True)
class Account:
    """Whom one run is counted against. `pull_request` is "<repository id>#<number>", "" before a push.

    Names change and ids do not, so counters are kept by GitHub's id where one is known (0: unknown, then by name);
    names are for people and for limits, which policies write by name. `outsider` says that the run is for a pull
    request from a fork or of a first-time contributor. `scopes` are those that count the run.
    """

    run: str
    pull_request: str = ""
    user: str = ""
    repository: str = ""
    organisation: str = ""
    user_id: int = 0
    repository_id: int = 0
    organisation_id: int = 0
    outsider: bool = False
    scopes: frozenset[Scope] = EVERY_SCOPE

    def name(self, scope: Scope) -> str:
        """Whom a scope is about, as people call it; "" where this run has none."""
        return self._named(scope)[0]

    def subject(self, scope: Scope) -> str:
        """Whose counter a scope moves, "" where this run has none."""
        if scope not in self.scopes:
            return ""
        number = self._named(scope)[1]
        return f"id:{number}" if number else self.former_subject(scope)

    def former_subject(self, scope: Scope) -> str:
        """Whose counter the scope moved before GitHub's id was known: the name in lower case."""
        name = self.name(scope)
        return name if scope in (Scope.RUN, Scope.PULL_REQUEST) else name.casefold()

    def _named(self, scope: Scope) -> tuple[str, int]:
        match scope:
            case Scope.RUN:
                return self.run, 0
            case Scope.PULL_REQUEST:
                return self.pull_request, 0
            case Scope.USER_DAY:
                return self.user, self.user_id
            case Scope.REPOSITORY_DAY | Scope.REPOSITORY_MONTH:
                return self.repository, self.repository_id
            case Scope.ORGANISATION_MONTH | Scope.PREPAID:
                return self.organisation, self.organisation_id


@dataclass(frozen=True, slots=True)
class Standing:
    """How a counter stands: paid, held by calls under way, and held for calls whose bill did not arrive."""

    spent: Decimal = ZERO
    held: Decimal = ZERO
    unconfirmed: Decimal = ZERO

    @property
    def committed(self) -> Decimal:
        """Everything that a new call may not touch."""
        return self.spent + self.held + self.unconfirmed

    def left(self, limit: Decimal) -> Decimal:
        """Return what may still be promised, never below zero."""
        return max(ZERO, limit - self.committed)

    def fits(self, amount: Decimal, limit: Decimal) -> bool:
        """Tell whether `amount` more stays within the limit; a call that costs nothing always does."""
        return amount == 0 or self.committed + amount <= limit

    def crossed(self, limit: Decimal, percents: Iterable[int] = ALERT_PERCENTS) -> tuple[int, ...]:
        """Percents of the limit that the money gone has reached; what is only held does not count."""
        gone = (self.spent + self.unconfirmed) * 100
        return tuple(percent for percent in sorted(percents) if gone >= limit * percent and gone > 0)


def window(scope: Scope, now: datetime) -> str:
    """Name the window that a moment falls into: a UTC day, a UTC month, or "" for a scope without an end."""
    utc = now.astimezone(UTC)
    if scope in DAILY:
        return f"{utc:%Y-%m-%d}"
    if scope in MONTHLY:
        return f"{utc:%Y-%m}"
    return ""


def resets_at(scope: Scope, now: datetime) -> datetime | None:
    """When the window ends, None for a scope without an end."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if scope in DAILY:
        return midnight + timedelta(days=1)
    if scope in MONTHLY:
        return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    return None


def limit_for(limits: Sequence[Limit], scope: Scope, account: Account) -> Limit | None:
    """Return the limit that binds a run in one scope, None where there is none.

    Within a layer a limit that names the subject goes before "*"; between layers, and among equals, the tightest
    wins: a repository's file can lower what its organisation allows and never raise it.
    """
    if not account.subject(scope):
        return None
    bound = [limit for limit in limits if limit.scope is scope and limit.binds(account)]
    named = {limit.layer for limit in bound if limit.subject != EVERYBODY}
    chosen = [limit for limit in bound if limit.subject != EVERYBODY or limit.layer not in named]
    # The prepaid amount is a floor, so there the tightest is the highest.
    tightest = max if scope is Scope.PREPAID else min
    return tightest(chosen, key=lambda limit: limit.amount, default=None)


def in_place_of_shipped(old: Sequence[Limit], new: Sequence[Limit]) -> tuple[Limit, ...]:
    """Add limits that are set; a shipped one of the same scope, and for the same people, makes room."""
    set_ = {(limit.scope, limit.outsiders) for limit in new}
    kept = (limit for limit in old if not limit.shipped or (limit.scope, limit.outsiders) not in set_)
    return (*kept, *new)


def narrow(outer: Sequence[Limit], inner: Sequence[Limit]) -> tuple[Limit, ...]:
    """Put one file's limits under another's: both hold, so the result never allows more than `outer`."""
    layer = max((limit.layer for limit in outer), default=0) + 1
    return (*outer, *(replace(limit, layer=limit.layer + layer) for limit in inner))


LIMIT_KEYS: Final = ("scope", "amount", "subject", "alerts", "outsiders")


def parse_limit(row: Mapping[str, object], where: str = "limits") -> Limit:
    """Read `{scope, amount, subject?, alerts?, outsiders?}`; BudgetInvalid names the key under `where`."""
    unknown = sorted(set(row) - set(LIMIT_KEYS))
    if unknown:
        raise BudgetInvalid(f"{where}.{unknown[0]} is not a key of a limit: {', '.join(LIMIT_KEYS)}")
    try:
        scope = Scope(str(row.get("scope", "")))
    except ValueError:
        allowed = ", ".join(Scope)
        raise BudgetInvalid(f"{where}.scope = {row.get('scope')!r}: must be one of {allowed}") from None
    if "amount" not in row and scope is not Scope.PREPAID:
        raise BudgetInvalid(f"{where}.amount is missing: US dollars, such as 2.50")
    subject = row.get("subject", EVERYBODY)
    if not isinstance(subject, str) or not subject.strip():
        raise BudgetInvalid(f'{where}.subject = {subject!r}: a name, or "*" for everybody')
    if subject != EVERYBODY and scope in (Scope.RUN, Scope.PULL_REQUEST):
        raise BudgetInvalid(f"{where}.subject: a {scope} limit binds every run alike, leave the subject out")
    alerts = row.get("alerts")
    if alerts is not None and not (
        isinstance(alerts, list | tuple) and all(type(percent) is int and 1 <= percent <= 100 for percent in alerts)
    ):
        raise BudgetInvalid(f"{where}.alerts = {alerts!r}: whole percents from 1 to 100")
    outsiders = row.get("outsiders", False)
    if not isinstance(outsiders, bool):
        raise BudgetInvalid(f"{where}.outsiders = {outsiders!r}: true or false")
    return Limit(
        scope=scope,
        outsiders=outsiders,
        amount=parse_amount(row.get("amount", 0), f"{where}.amount"),
        subject=subject.strip(),
        alerts=None if alerts is None else tuple(sorted(set(alerts))),
    )


def parse_amount(value: object, where: str = "amount") -> Decimal:
    """Read US dollars from a number or a text such as "2.50" or "$2.50"; exact to STEP."""
    allowed = f"US dollars from 0 to {MAX_AMOUNT}, such as 2.50"
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise BudgetInvalid(f"{where} = {value!r}: {allowed}")
    try:
        # str() of a float is what the file said; the float itself is not.
        amount = Decimal(str(value).strip().removeprefix("$").replace("_", ""))
    except InvalidOperation:
        raise BudgetInvalid(f"{where} = {value!r}: {allowed}") from None
    if not amount.is_finite() or not 0 <= amount <= MAX_AMOUNT:
        raise BudgetInvalid(f"{where} = {value!r}: {allowed}")
    if amount != (stepped := round_bill(amount)):
        raise BudgetInvalid(f"{where} = {value!r}: no finer than {STEP} dollars, did you mean {stepped}?")
    return amount


def round_hold(amount: Decimal) -> Decimal:
    """Round a worst case up to a STEP, so that what is held never falls short of the bill."""
    return amount.quantize(STEP, rounding=ROUND_CEILING, context=_EXACT)


def round_bill(amount: Decimal) -> Decimal:
    """Round a bill to the nearest STEP."""
    return amount.quantize(STEP, rounding=ROUND_HALF_EVEN, context=_EXACT)


def dollars(amount: Decimal | None) -> str:
    """Write an amount for people: cents, or as many places as a smaller amount needs; "unknown" for None."""
    if amount is None:
        return "unknown"
    if amount == amount.quantize(Decimal("0.01"), context=_EXACT) or abs(amount) >= 1:
        return f"${amount:.2f}"
    places = 2 - amount.adjusted() if amount else 2
    return f"${amount:.{min(12, max(4, places))}f}"


def refusal(limit: Limit, account: Account, standing: Standing, amount: Decimal, now: datetime) -> str:
    """Say which limit a call would pass, how it stands and when it ends."""
    named = f" {account.name(limit.scope)}" if limit.scope not in (Scope.RUN, Scope.PULL_REQUEST) else ""
    end = resets_at(limit.scope, now)
    remedy = f"it starts again at {end:%Y-%m-%d %H:%M} UTC" if end else "raise it or choose a cheaper strategy"
    held = standing.held + standing.unconfirmed
    reserved = f", {dollars(held)} reserved" if held else ""
    return (
        f"the {limit.scope.words}{named} of {dollars(limit.amount)} would be passed: "
        f"{dollars(standing.spent)} spent{reserved}, this call may cost {dollars(amount)}; {remedy}"
    )


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call that a run may make. Prices are per token, None where unknown.

    `likelihood` is how often it is made, 0 to 1: 1 for a unit's first call, less for an escalation.
    """

    input_tokens: int
    max_output_tokens: int
    input_price: Decimal | None
    output_price: Decimal | None
    likelihood: Decimal = Decimal(1)
    cached_tokens: int = 0
    cached_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run may cost. `high` is the sum that would be reserved; `unknown` counts calls without a price."""

    low: Decimal = ZERO
    likely: Decimal = ZERO
    high: Decimal = ZERO
    calls: int = 0
    unknown: int = 0

    def __str__(self) -> str:
        if self.unknown:
            return f"at least {dollars(self.low)} ({self.unknown} of {self.calls} calls have no known price)"
        return f"{dollars(self.low)} to {dollars(self.high)}, about {dollars(self.likely)}"


# Share of the allowed output that an answer uses: nothing found, a usual answer, the worst case.
OUTPUT_SHARES: Final = (Decimal("0.03"), Decimal("0.25"), Decimal(1))


def estimate(calls: Iterable[PlannedCall]) -> Estimate:
    """Add up a plan: low where every optional call is spared and caches hit, high where nothing is spared."""
    total = Estimate()
    for call in calls:
        if call.input_price is None or call.output_price is None:
            total = replace(total, calls=total.calls + 1, unknown=total.unknown + 1)
            continue
        cached_price = call.input_price if call.cached_price is None else call.cached_price
        plain = call.input_tokens * call.input_price
        spared = min(call.cached_tokens, call.input_tokens) * max(ZERO, call.input_price - cached_price)
        low, likely, high = (share * call.max_output_tokens * call.output_price for share in OUTPUT_SHARES)
        total = Estimate(
            low=total.low + (plain - spared + low if call.likelihood == 1 else ZERO),
            likely=total.likely + (plain - spared + likely) * call.likelihood,
            high=total.high + plain + high,
            calls=total.calls + 1,
            unknown=total.unknown,
        )
    return replace(total, low=round_bill(total.low), likely=round_bill(total.likely), high=round_hold(total.high))
