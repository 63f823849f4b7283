"""Plan one unit: which tier and model, with which context, with which prompt. Nothing is asked yet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from policies.attributes import attributes_of
from policies.policy import Policy
from policies.routing import Decision, evidence_matters, route, signals_for
from policies.words import Severity
from reviewer.change.model import Unit
from reviewer.context.folders import folder_of
from reviewer.context.gather import ContextGatherer, proportional_budget
from reviewer.context.model import ContextItem, ContextKind
from reviewer.context.surroundings import NOTHING_AROUND, Surroundings, around_budget
from reviewer.context.tokens import count_tokens
from reviewer.findings.schema import narrowed, schema_for
from reviewer.models.cacheable import least_cached
from reviewer.models.model import Candidate, Prompt
from reviewer.prompts.build import AnswerForm, RestOfChange, Shown, build_prompt
from reviewer.prompts.change_in_code import shortened
from reviewer.steps.changed_parts import changed_parts
from reviewer.steps.context import ReviewContext
from reviewer.steps.model_size import answer_room, is_small
from reviewer.steps.prepare import Prepared
from reviewer.steps.result import UnitRoute
from reviewer.syntax.test_paths import is_test_path

# What a small model may fill in: one finding in a few words, on one of so many lines.
SMALL_FINDINGS: Final = 1
SMALL_TEXT: Final = 80
SMALL_LINES: Final = 40


# Returns the worst severity that an analyser found in a unit; it may wait for the analysers.
WorstEvidence = Callable[[Unit], Severity | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be asked about a unit, with context of its own (`items`) and the same for several (`shared`).

    `around` are the lines shown with the hunks; `key` names the result in the store; `redacted` counts secrets.
    """

    unit: Unit
    route: UnitRoute
    candidate: Candidate | None
    prompt: Prompt
    items: tuple[ContextItem, ...] = ()
    shared: tuple[ContextItem, ...] = ()
    key: str = ""
    redacted: int = 0
    around: Surroundings = NOTHING_AROUND

    @property
    def seen(self) -> tuple[ContextItem, ...]:
        """Everything of the code that the prompt shows beside the unit's own lines."""
        return (*self.around.beside(self.unit.hunks), *self.items, *self.shared)


@dataclass(frozen=True, slots=True)
class RoutedUnit:
    """A unit with its route, and how likely it is sensitive, 0 to 1."""

    unit: Unit
    decision: Decision
    sensitivity: float


def plan_unit(
    routed: RoutedUnit,
    prepared: Prepared,
    gatherer: ContextGatherer | None,
    shared: Sequence[ContextItem],
    context: ReviewContext,
) -> Plan:
    """Gather a unit's context and build its prompt, which names the other files of the change."""
    policy, unit, decision = context.policy, routed.unit, routed.decision
    candidate = context.models.candidate(decision.tier)
    diff = _diff_tokens(unit)
    around = gatherer.around(unit, budget=around_budget(diff)) if gatherer else NOTHING_AROUND
    budget = _own_budget(diff, shared, policy)
    items = gatherer.for_unit(unit, budget=budget, around=around) if gatherer else ()
    small, room = is_small(candidate), answer_room(candidate, policy)
    schema = _small_schema(unit) if small else schema_for(room)
    built = build_prompt(
        Shown(unit, tuple(items), around),
        AnswerForm(schema, room, small),
        about=None if decision.metadata_blind else prepared.request.about,
        shared=shared,
        rest=rest_of_change(unit, prepared),
    )
    route_shown = UnitRoute(
        unit=unit.identity,
        paths=unit.paths,
        tier=decision.tier,
        model=candidate.name if candidate else "",
        reasons=decision.reasons,
        sensitivity=routed.sensitivity,
    )
    key = _key(Shown(unit, (*shared, *items), around), built.prompt.version, route_shown, policy)
    prompt = replace(built.prompt, reusable=_is_reusable(built.prompt, candidate, policy))
    return Plan(unit, route_shown, candidate, prompt, tuple(items), tuple(shared), key, built.redacted, around)


def rest_of_change(unit: Unit, prepared: Prepared) -> RestOfChange:
    """Return what the change holds beside a unit: other units' files, those left out on purpose, tests."""
    left_out = dict.fromkeys(skip.path for skip in prepared.scope.skipped if skip.excluded)
    paths = [*(file.path for file in prepared.scope.files), *left_out]
    return RestOfChange(elsewhere(unit, prepared), tuple(left_out), any(map(is_test_path, paths)))


def elsewhere(unit: Unit, prepared: Prepared) -> tuple[str, ...]:
    """Return the paths with hunks in other units, those that this one has too and those beside it first."""
    counts = prepared.units_of_path
    mine = set(unit.paths)
    folders = {folder_of(path) for path in mine}
    own = [path for path in mine if counts.get(path, 0) > 1]
    rest = sorted((path for path in counts if path not in mine), key=lambda path: folder_of(path) not in folders)
    return (*sorted(own), *rest)


def route_unit(unit: Unit, prepared: Prepared, policy: Policy, evidence: WorstEvidence | None = None) -> RoutedUnit:
    """Choose the tier of a unit; `evidence` is asked for where it could raise the tier, and may wait."""
    request = prepared.request
    signals = signals_for(
        changed_parts(unit.hunks),
        policy,
        labels=request.labels,
        command_strategy=request.strategy,
        attributes_of=lambda path: attributes_of(path, prepared.scope.attributes),
    )
    if evidence is not None and evidence_matters(signals, policy):
        signals = replace(signals, evidence_severity=evidence(unit))
    return RoutedUnit(unit, route(signals, policy), signals.sensitivity.probability)


def _is_reusable(prompt: Prompt, candidate: Candidate | None, policy: Policy) -> bool:
    """Tell whether a question is worth a place in the provider's cache: it may be asked again, and is long enough.

    A place costs a quarter of the question and saves nine tenths of it, so it pays from one question in five on.
    """
    if candidate is None or is_small(candidate) or not (policy.lookups or policy.second_pass):
        return False
    return count_tokens(prompt.text, family=candidate.model) >= least_cached(candidate)


def _diff_tokens(unit: Unit) -> int:
    return sum(count_tokens(shortened(line.text)) + 1 for hunk in unit.hunks for line in hunk.lines)


def _own_budget(diff: int, shared: Sequence[ContextItem], policy: Policy) -> int:
    """Return how many tokens of context a unit may have of its own: what its diff deserves, less what is shared."""
    taken = sum(item.tokens for item in shared if item.kind is not ContextKind.GUIDELINE)
    return max(0, proportional_budget(diff, ceiling=policy.context_tokens) - taken)


def _small_schema(unit: Unit) -> dict[str, Any]:
    """Return the form that a small model fills in: the paths and lines of this unit alone."""
    lines = [line.new_no for hunk in unit.hunks for line in hunk.added if line.new_no]
    return narrowed(unit.paths, lines=lines[:SMALL_LINES], max_findings=SMALL_FINDINGS, max_text=SMALL_TEXT)


def _key(shown: Shown, version: str, routed: UnitRoute, policy: Policy) -> str:
    """Return the identity of a result: hunks, context by content (not line number), prompt version, model."""
    payload = {
        "unit": shown.unit.identity,
        "context": [[item.path, item.text] for item in shown.items],
        "around": [[path, shown.around.lines_of(path)] for path in shown.unit.paths],
        "prompt": version,
        "tier": routed.tier.label,
        "model": routed.model,
        "lookups": policy.lookups,
    }
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()
