"""From units to plans: which tier and model, with which context, at which estimated price; nothing is asked yet."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from policies.policy import Policy
from policies.routing import route, signals_for
from policies.rules import ChangedPart
from policies.words import Payment, Tier
from reviewer.change.model import Hunk, Unit
from reviewer.context.folders import folder_of
from reviewer.context.gather import proportional_budget
from reviewer.context.model import ContextItem, ContextKind
from reviewer.findings.schema import narrowed
from reviewer.models.model import Candidate, Prompt
from reviewer.prompts.build import build_prompt
from reviewer.steps.request import ReviewRequest
from reviewer.steps.result import UnitRoute

# A model with a window like this reads a page and writes a paragraph.
SMALL_WINDOW: Final = 16_384
SMALL_OUTPUT: Final = 200
SMALL_FINDINGS: Final = 1
SMALL_TEXT: Final = 80
SMALL_LINES: Final = 40


class Models(Protocol):
    """Which model a tier would use now."""

    def resolve(self, tier: Tier) -> Candidate | None:
        """Return the candidate of a tier, or of the nearest one below that is usable; None where nothing is."""
        ...


class Gatherer(Protocol):
    """The seam to the context engine."""

    def for_unit(self, unit: Unit, *, budget: int) -> tuple[ContextItem, ...]:
        """Return ranked context of at most `budget` tokens."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be asked about a unit, with context of its own (`items`) and the same for several (`shared`).

    `key` names the result in the store; `redacted` counts secrets taken out.
    """

    unit: Unit
    route: UnitRoute
    candidate: Candidate | None
    prompt: Prompt
    items: tuple[ContextItem, ...]
    shared: tuple[ContextItem, ...]
    key: str
    redacted: int


def plan_unit(
    unit: Unit,
    *,
    request: ReviewRequest,
    policy: Policy,
    models: Models,
    gatherer: Gatherer | None,
    shared: Sequence[ContextItem],
    schema: Mapping[str, Any],
    count: Callable[[str], int],
    attributes: Callable[[str], Mapping[str, str]] | None = None,
    elsewhere: Sequence[str] = (),
) -> Plan:
    """Route a unit, gather its context and build its prompt, which names the files `elsewhere` in the change."""
    parts = changed_parts(unit.hunks)
    shared_tokens = sum(item.tokens for item in shared if item.kind is not ContextKind.GUIDELINE)
    signals = signals_for(
        parts, policy, labels=request.labels, command_strategy=request.strategy, attributes_of=attributes
    )
    decision = route(signals, policy)
    candidate = models.resolve(decision.tier)
    diff_tokens = sum(count(line.text) + 1 for hunk in unit.hunks for line in hunk.lines)
    budget = max(0, proportional_budget(diff_tokens, ceiling=policy.context_tokens) - shared_tokens)
    items = gatherer.for_unit(unit, budget=budget) if gatherer else ()
    small = candidate is not None and is_small(candidate)
    built = build_prompt(
        unit,
        items,
        about=None if decision.metadata_blind else request.about,
        shared=shared,
        schema=_narrow(unit) if small else schema,
        max_output_tokens=answer_room(candidate, policy) if candidate else policy.max_output_tokens,
        small=small,
        elsewhere=elsewhere,
    )
    routed = UnitRoute(
        unit=unit.identity,
        paths=unit.paths,
        tier=decision.tier,
        model=candidate.name if candidate else "",
        reasons=decision.reasons,
        sensitivity=signals.sensitivity.probability,
    )
    return Plan(
        unit=unit,
        route=routed,
        candidate=candidate,
        prompt=built.prompt,
        items=tuple(items),
        shared=tuple(shared),
        key=_key(unit, (*shared, *items), built.prompt.version, routed, policy),
        redacted=built.redacted,
    )


def units_of_paths(units: Sequence[Unit]) -> dict[str, int]:
    """Return in how many units each path of a change has hunks."""
    return dict(Counter(path for unit in units for path in unit.paths))


def elsewhere(unit: Unit, holding: Mapping[str, int]) -> tuple[str, ...]:
    """Return the paths with hunks in other units, those that this one has too and those beside it first.

    `holding` is `units_of_paths` of the whole change.
    """
    mine = set(unit.paths)
    folders = {folder_of(path) for path in mine}
    own = [path for path in mine if holding.get(path, 0) > 1]
    rest = sorted((path for path in holding if path not in mine), key=lambda path: folder_of(path) not in folders)
    return (*sorted(own), *rest)


def _narrow(unit: Unit) -> dict[str, Any]:
    lines = [line.new_no for hunk in unit.hunks for line in hunk.added if line.new_no]
    return narrowed(unit.paths, lines=lines[:SMALL_LINES], max_findings=SMALL_FINDINGS, max_text=SMALL_TEXT)


def is_small(candidate: Candidate) -> bool:
    """Tell whether a model is a small local one, which needs a narrow form to write in and ends by it."""
    return candidate.payment is Payment.LOCAL and candidate.context_window <= SMALL_WINDOW


def answer_room(candidate: Candidate, policy: Policy) -> int:
    """Return the most tokens that an answer of this model may have."""
    most = min(policy.max_output_tokens, candidate.max_output_tokens)
    return min(most, SMALL_OUTPUT) if is_small(candidate) else most


def changed_parts(hunks: Sequence[Hunk]) -> tuple[ChangedPart, ...]:
    """Return the added and removed lines of each path, in the words of policies/."""
    added: dict[str, list[str]] = {}
    removed: dict[str, list[str]] = {}
    for hunk in hunks:
        added.setdefault(hunk.path, []).extend(line.text for line in hunk.added)
        removed.setdefault(hunk.path, []).extend(line.text for line in hunk.removed)
    return tuple(ChangedPart(path, tuple(added[path]), tuple(removed[path])) for path in added)


def _key(unit: Unit, items: Sequence[ContextItem], version: str, routed: UnitRoute, policy: Policy) -> str:
    """Identity of a result: hunks, context by content (not line number), prompt version, who would answer."""
    payload = {
        "unit": unit.identity,
        "context": [[item.path, item.text] for item in items],
        "prompt": version,
        "tier": routed.tier.label,
        "model": routed.model,
        "lookups": policy.lookups,
    }
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()
