"""Answers that were paid for: written to the store of results, and read against the unit as it is now."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace

from policies.words import Tier
from reviewer.context.lookup_request import LookupRequest
from reviewer.findings.parse import parse_answer
from reviewer.models.model import Completion, FinishReason, Usage
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.check import AnswerChecks, check_completion
from reviewer.steps.context import ReviewContext
from reviewer.steps.look_up import look_ups_at
from reviewer.steps.plan import Plan
from reviewer.steps.second_pass import add_second_pass, with_second
from reviewer.steps.unit_state import UnitState


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A stored answer: the model that gave it and its tier, what it had looked up, and its text.

    `second` is the text of a second pass by `second_model`, "" where none was made. `earlier` are the texts of the
    answers that asked for the look-ups.
    """

    model: str
    tier: Tier
    lookups: tuple[LookupRequest, ...]
    text: str
    second: str = ""
    second_model: str = ""
    earlier: tuple[str, ...] = ()


def reuse_stored(plan: Plan, checks: AnswerChecks, context: ReviewContext) -> UnitAnswer | None:
    """Return the answer that was paid for before; None where there is none or it does not hold any more.

    What it had looked up is looked up again, so that verification and ranking see what they saw the first time.
    Where policy wants a second pass and none is stored, that alone is asked for.
    """
    kept = context.store.get(plan.key) if context.store else None
    stored = read_stored(kept) if kept is not None else None
    if stored is None:
        return None
    state = UnitState.of(plan)
    state.tier = stored.tier
    if stored.lookups:
        state.show(stored.lookups, look_ups_at(context.head)(stored.lookups))
    completion = Completion(stored.text, FinishReason.STOP, Usage(), stored.model)
    checked = check_completion(parse_answer(stored.text, plan.unit), completion, plan.unit, checks)
    if not checked.usable:
        return None
    state.first = tuple(_read(text, state, stored.model, checks) for text in stored.earlier)
    answer = replace(state.answer(completion, checked), from_store=True)
    if not context.policy.second_pass:
        return state.close(answer)
    if stored.second:
        second = Completion(stored.second, FinishReason.STOP, Usage(), stored.second_model)
        return state.close(with_second(answer, second, checks))
    answer = state.close(add_second_pass(answer, state, checks, context))
    store_answer(answer, context)
    return answer


def _read(text: str, state: UnitState, model: str, checks: AnswerChecks) -> UnitAnswer:
    """Return a stored answer as it is worth now."""
    completion, unit = Completion(text, FinishReason.STOP, Usage(), model), state.plan.unit
    return state.answer(completion, check_completion(parse_answer(text, unit), completion, unit, checks))


def store_answer(answer: UnitAnswer, context: ReviewContext) -> None:
    """Keep an answer that a model gave about the whole unit.

    The key names the planned tier, so a weaker one's answer is not kept: it would later pass as that tier's.
    """
    if context.store is not None and answer.model and not answer.problem and not answer.is_stand_in:
        context.store.put(answer.plan.key, write_stored(answer))


def write_stored(answer: UnitAnswer) -> str:
    """Return an answer as text: one line of JSON about it, then the model's own words."""
    about = {
        "by": answer.model,
        "tier": answer.tier.label,
        "lookups": [asdict(request) for request in answer.lookups],
        "second": answer.second,
        "second_by": answer.second_model,
        "earlier": list(answer.earlier),
    }
    return f"{json.dumps(about)}\n{answer.text}"


def read_stored(text: str) -> StoredAnswer | None:
    """Read what `write_stored` wrote; None where it is something else, which is asked for again."""
    head, _, said = text.partition("\n")
    try:
        about = json.loads(head)
        tier = next(tier for tier in Tier if tier.label == about["tier"])
        names = {field.name for field in fields(LookupRequest)}
        lookups = tuple(
            LookupRequest(**{name: value for name, value in row.items() if name in names})
            for row in about["lookups"]
        )
        second, second_by = str(about.get("second", "")), str(about.get("second_by", ""))
        earlier = tuple(str(text) for text in about.get("earlier", ()))
        return StoredAnswer(str(about["by"]), tier, lookups, said, second, second_by, earlier)
    except (ValueError, TypeError, KeyError, AttributeError, StopIteration):
        return None
