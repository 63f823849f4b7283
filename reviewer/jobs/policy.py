"""Load the policy of a review: the organisation's, narrowed by the repository's file at the base commit."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from policies.budgets import Limit, Scope
from policies.invalid import PolicyInvalid
from policies.load import REPOSITORY_FILES, for_private, narrowed_by
from policies.policy import Policy
from reviewer.errors import ConfigurationError
from reviewer.git.snapshot import Snapshot
from reviewer.settings import Settings, organisation_policy


def utc_now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


def effective_policy(settings: Settings, *, base: Snapshot | None, private: bool) -> Policy:
    """Return the organisation's policy narrowed by the repository's file at the base commit.

    Raises ConfigurationError for a file that cannot be used. A repository's file that cannot be read may have been
    meant to keep its code from a provider, so the review does not go on without it.
    """
    policy = organisation_policy(settings)
    names = (name for name in REPOSITORY_FILES if base is not None and base.read(name) is not None)
    name = next(names, "")
    data = base.read(name) if base is not None and name else None
    try:
        if data is not None:
            policy = narrowed_by(policy, data.decode("utf-8"), f"{name} at the base commit")
    except PolicyInvalid as error:
        raise ConfigurationError(str(error), remedy="Correct the file; docs/policy.md lists every key.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{name} is not UTF-8 text", remedy="Save it as UTF-8.") from None
    return for_private(policy) if private else policy


def run_limit(text: str) -> Limit | None:
    """Return the limit of a `--max-cost` value, None for an empty one; ConfigurationError for what is no amount."""
    if not text:
        return None
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise ConfigurationError(f"--max-cost {text!r} is not an amount", remedy="Write US dollars, such as 0.50.")
    return Limit(Scope.RUN, amount)
