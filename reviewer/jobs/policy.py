"""Load the policy of a review: the organisation's, narrowed by the repository's file at the base commit."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from policies.budgets import Limit, Scope
from policies.load import REPOSITORY_FILES, for_private, narrowed_by
from policies.policy import Policy
from policies.policy_file import MAX_POLICY_BYTES
from reviewer.errors import ConfigurationError
from reviewer.git.snapshot import Snapshot
from reviewer.settings import Settings, organisation_policy


def utc_now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


def effective_policy(settings: Settings, *, base: Snapshot | None, private: bool) -> Policy:
    """Return the organisation's policy narrowed by the repository's file at the base commit.

    A mistake in the repository's file is named in the policy's notices, and the rest of the file holds. Raises
    ConfigurationError for a mistake in the organisation's.
    """
    policy = organisation_policy(settings)
    name = next((name for name in REPOSITORY_FILES if base is not None and name in base.entries()), "")
    if base is not None and name:
        policy = narrowed_by(policy, _text(base.read(name)), f"{name} at the base commit")
    return for_private(policy) if private else policy


def _text(data: bytes | None) -> str:
    """Return a policy file's text; a file over the limit of reading becomes one over the limit of a policy."""
    return " " * (MAX_POLICY_BYTES + 1) if data is None else data.decode("utf-8", "replace")


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
