"""Ask in side questions which of the policy's checks, and of its own acceptance criteria, a change meets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from policies.policy import Policy
from policies.statements import PlainCheck
from reviewer.change.model import Unit
from reviewer.context.tokens import count_tokens
from reviewer.findings.statements import Outcome, Statement, read_outcomes
from reviewer.models.model import Call, Prompt, Stage
from reviewer.prompts.change_in_code import render_in_code
from reviewer.prompts.statements import build_statements
from reviewer.steps.context import ReviewContext
from reviewer.steps.only_paths import NOT_CHOSEN
from reviewer.steps.prepare import Prepared
from reviewer.steps.side_question import ask_aside

# Tokens of the change that the question shows, the riskiest parts first.
SHOWN_TOKENS: Final = 24_000


@dataclass(frozen=True, slots=True)
class Statements:
    """The policy's checks and the criteria of the change with their outcomes, and what asking cost."""

    answered: tuple[Statement, ...] = ()
    criteria: tuple[Statement, ...] = ()
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class StatementQuestion:
    """The question as it would be put: nothing is asked yet.

    `shown` is the text of the change in the prompt; `unseen` names for a check the files that it is about and that
    are not shown whole.
    """

    statements: tuple[Statement, ...]
    prompt: Prompt
    shown: str
    unseen: Mapping[str, str] = field(default_factory=dict)


def plan_statements(prepared: Prepared, policy: Policy) -> StatementQuestion | None:
    """Return the question about the checks that concern a changed file, None where none does."""
    return _question(prepared, policy.checks)


def plan_criteria(prepared: Prepared, policy: Policy) -> StatementQuestion | None:
    """Return the question about the acceptance criteria that the request carries, None for none or by policy."""
    if not policy.intent:
        return None
    return _question(prepared, [PlainCheck(text, text) for text in prepared.request.criteria])


def _question(prepared: Prepared, checks: Sequence[PlainCheck]) -> StatementQuestion | None:
    changed = [file.path for file in prepared.request.change.files]
    wanted = [check for check in checks if any(map(check.concerns, changed))]
    if not wanted:
        return None
    in_scope = (*prepared.units, *prepared.left_over)
    units = [unit for unit in in_scope if any(check.concerns(path) for check in wanted for path in unit.paths)]
    shown, rest = _shown(units)
    hidden = {path for unit in rest for path in unit.paths}
    # What a command left out is shown no more than what there was no room for.
    hidden |= {skip.path for skip in prepared.scope.skipped if skip.reason == NOT_CHOSEN}
    readable = {path for unit in in_scope for path in unit.paths} - hidden
    unseen = {check.name: _named(_unseen(check, changed, readable, hidden)) for check in wanted}
    statements = tuple(Statement(check.name, _about(check), check.gate) for check in wanted)
    return StatementQuestion(statements, build_statements(statements, shown=shown), shown, unseen)


def answer_statements(prepared: Prepared, context: ReviewContext) -> Statements:
    """Ask whether the change meets the policy's checks and its criteria; what is not answered is never met.

    The criteria are people's prose about their own change: in a question of their own they sway no check.
    """
    answered, calls = _answer(plan_statements(prepared, context.policy), Stage.STATEMENTS, context)
    criteria, more = _answer(plan_criteria(prepared, context.policy), Stage.INTENT, context)
    return Statements(answered, criteria, (*calls, *more))


def _answer(
    question: StatementQuestion | None, stage: Stage, context: ReviewContext
) -> tuple[tuple[Statement, ...], tuple[Call, ...]]:
    if question is None:
        return (), ()
    if not question.shown:
        return tuple(replace(each, why=_left_out(question, each)) for each in question.statements), ()
    said = ask_aside(question.prompt, stage, context)
    if said.text is None:
        return tuple(replace(each, why=said.missing) for each in question.statements), said.calls
    answered = read_outcomes(said.text, question.statements, shown=question.shown)
    return tuple(_of_all_files(question, each) for each in answered), said.calls


def _of_all_files(question: StatementQuestion, statement: Statement) -> Statement:
    """Let nothing count as met whose files were not all shown: the one that breaks it may be among the others."""
    if statement.outcome is not Outcome.MET or not question.unseen.get(statement.name):
        return statement
    return replace(statement, outcome=Outcome.NOT_VISIBLE, quote="", why=_left_out(question, statement))


def _left_out(question: StatementQuestion, statement: Statement) -> str:
    return f"not shown to the model: {question.unseen.get(statement.name) or 'every file that it is about'}"


def _unseen(check: PlainCheck, changed: Sequence[str], readable: set[str], hidden: set[str]) -> list[str]:
    """Return the changed files that a check is about and that are not shown whole.

    What policy leaves out of the review counts only for a check that names paths: a check of everything is about
    what is reviewed.
    """
    concerned = [path for path in changed if check.concerns(path)]
    return [path for path in concerned if path in hidden or (check.paths and path not in readable)]


def _named(paths: Sequence[str]) -> str:
    return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def _about(check: PlainCheck) -> str:
    return f"{check.text} (about {', '.join(check.paths)})" if check.paths else check.text


def _shown(units: Sequence[Unit]) -> tuple[str, Sequence[Unit]]:
    """Return the units as text, as many as there is room for, and those that there is none for."""
    texts: list[str] = []
    left = SHOWN_TOKENS
    for number, unit in enumerate(units):
        text = render_in_code(unit)
        left -= count_tokens(text)
        if left < 0:
            return "\n".join(texts), units[number:]
        texts.append(text)
    return "\n".join(texts), ()
