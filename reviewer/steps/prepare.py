"""Prepare a review: take the secrets out of the files in scope and group their hunks into units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from policies.policy import Policy
from policies.sensitivity import likelihood
from policies.words import Tier
from reviewer.change.model import Change, FileChange, Hunk, Unit
from reviewer.change.units import build_units
from reviewer.context.tokens import count_tokens
from reviewer.prompts.build import system_text
from reviewer.prompts.redact import redact_change
from reviewer.steps.carry_over import Carried, carry_over
from reviewer.steps.changed_parts import changed_parts
from reviewer.steps.context import ReviewContext
from reviewer.steps.model_size import answer_room, is_small
from reviewer.steps.request import ReviewRequest
from reviewer.steps.scope import Scope

if TYPE_CHECKING:
    from reviewer.models.ask import ModelClient

# Above so many hunks the risk of a file stands for its hunks: judging each would take longer than the first answer.
HUNKS_JUDGED_ALONE: Final = 1500
# A window too small for this much of a diff is of no use.
MIN_UNIT_TOKENS: Final = 200


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is decided before anything is planned.

    `change` holds the files in scope with their secrets taken out; `redacted` counts those. `left_over` are units
    above the policy's `max_units`, least risky last. `units_of_path` counts the units that have hunks of a path;
    hunks that are `carried` over count as one of their own.
    """

    request: ReviewRequest
    scope: Scope
    change: Change
    units: tuple[Unit, ...]
    left_over: tuple[Unit, ...] = ()
    redacted: int = 0
    units_of_path: Mapping[str, int] = field(default_factory=dict)
    carried: Carried = field(default_factory=Carried)

    def as_sent(self) -> Change:
        """Return the whole change without what is sent nowhere: a file out of scope keeps its name and no lines.

        A file of credentials keeps its line numbers, for what an analyser found there.
        """
        known = {file.path: file for file in map(_blank, self.scope.credentials)}
        known |= {file.path: file for file in self.change.files}
        change = self.request.change
        return replace(change, files=tuple(known.get(file.path, replace(file, hunks=())) for file in change.files))


def _blank(file: FileChange) -> FileChange:
    hunks = tuple(
        replace(hunk, section="", lines=tuple(replace(line, text="") for line in hunk.lines)) for hunk in file.hunks
    )
    return replace(file, hunks=hunks)


def prepare(request: ReviewRequest, scope: Scope, context: ReviewContext) -> Prepared:
    """Take the secrets out of what is in scope and group it into units, the riskiest first.

    A unit fits the smallest window of the models that may read it.
    """
    policy = context.policy
    clean = redact_change(replace(request.change, files=scope.files))
    carried = carry_over(clean.change, request, context)
    units = build_units(
        carried.without(clean.change.files),
        max_tokens=unit_room(policy, context.models),
        risk=_risk(clean.change, policy),
        count=count_tokens,
        sensitive_from=policy.sensitivity_threshold,
    )
    return Prepared(
        request,
        scope,
        clean.change,
        units[: policy.max_units],
        units[policy.max_units :],
        clean.count,
        Counter(path for part in (*(unit.paths for unit in units), _paths(carried)) for path in part),
        carried,
    )


def _paths(carried: Carried) -> tuple[str, ...]:
    return tuple(dict.fromkeys(hunk.path for hunk in carried.hunks))


def unit_room(policy: Policy, models: ModelClient) -> int:
    """Return the most tokens of diff in a unit: policy's figure, less where a model's window is small.

    Of a window the answer and the instructions are taken first; the diff gets half of the rest.
    """
    candidates = [candidate for tier in Tier if (candidate := models.candidate(tier)) is not None]
    windows = [
        candidate.context_window
        - answer_room(candidate, policy)
        - count_tokens(system_text(small=is_small(candidate)), family=candidate.model)
        for candidate in candidates
    ]
    return max(MIN_UNIT_TOKENS, min([policy.unit_tokens, *(window // 2 for window in windows)]))


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
