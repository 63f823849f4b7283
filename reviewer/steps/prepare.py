"""Prepare a review: take the secrets out of the files in scope and group their hunks into units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from policies.policy import Policy
from policies.sensitivity import likelihood
from policies.words import Tier
from reviewer.change.model import Change, Hunk, Unit
from reviewer.change.units import build_units
from reviewer.context.tokens import count_tokens
from reviewer.models.model import Candidate
from reviewer.prompts.redact import redact_change
from reviewer.steps.plan import answer_room, changed_parts
from reviewer.steps.request import ReviewRequest
from reviewer.steps.scope import Scope

# Above so many hunks the risk of a file stands for its hunks: judging each would take longer than the first answer.
HUNKS_JUDGED_ALONE: Final = 1500


# A window too small for this much of a diff is of no use.
MIN_UNIT_TOKENS: Final = 200


class HasModels(Protocol):
    """Which model a tier would use."""

    def resolve(self, tier: Tier) -> Candidate | None:
        """Return the candidate of a tier, None where no model is usable."""
        ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is decided before the first cent is spent.

    `change` holds the files in scope with their secrets taken out; `redacted` counts those. `left_over` are units
    above the policy's `max_units`, least risky last.
    """

    change: Change
    scope: Scope
    units: tuple[Unit, ...]
    left_over: tuple[Unit, ...]
    redacted: int


def prepare(request: ReviewRequest, scope: Scope, *, policy: Policy, models: HasModels | None = None) -> Prepared:
    """Take the secrets out of what is in scope and group it into units, the riskiest first.

    A unit fits the smallest window of the models that may read it.
    """
    clean = redact_change(replace(request.change, files=scope.files))

    risk = _risk(clean.change, policy)
    room = unit_room(policy, models)
    units = build_units(
        clean.change.files,
        max_tokens=room,
        risk=risk,
        count=count_tokens,
        sensitive_from=policy.sensitivity_threshold,
    )
    return Prepared(clean.change, scope, units[: policy.max_units], units[policy.max_units :], clean.count)


def _risk(change: Change, policy: Policy) -> Callable[[Hunk], float]:
    """Return what orders and groups the hunks: each one's risk, or in a huge change that of its file."""
    if sum(len(file.hunks) for file in change.files) <= HUNKS_JUDGED_ALONE:
        return lambda hunk: likelihood(changed_parts((hunk,)), policy.sensitive)
    hunks = {file.path: file.hunks for file in change.files}
    known: dict[str, float] = {}

    def of_file(hunk: Hunk) -> float:
        if hunk.path not in known:
            known[hunk.path] = likelihood(changed_parts(hunks[hunk.path]), policy.sensitive)
        return known[hunk.path]

    return of_file


def unit_room(policy: Policy, models: HasModels | None) -> int:
    """Return the most tokens of diff in a unit: policy's figure, less where a model's window is small."""
    candidates = [models.resolve(tier) for tier in Tier] if models is not None else []
    windows = [candidate.context_window - answer_room(candidate, policy) for candidate in candidates if candidate]
    return max(MIN_UNIT_TOKENS, min([policy.unit_tokens, *(window // 2 for window in windows)]))
