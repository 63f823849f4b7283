"""Review every case of a set, each once: a run that was stopped goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from policies.policy import Policy
from policies.words import Strategy
from reviewer import pipeline
from reviewer.errors import BudgetRefused, KiloReviewError
from reviewer.models.ask import ModelClient
from reviewer.quality.case import Case
from reviewer.quality.content import FromGitHub, open_content
from reviewer.quality.outcome import Outcome, outcome_of, read_outcomes, write_outcome
from reviewer.quality.spending import Spending
from reviewer.steps.context import ReviewContext
from reviewer.steps.request import ReviewRequest


@dataclass(frozen=True, slots=True)
class Engine:
    """What reviews: `label` names the set-up in every result, `client` makes one client a case."""

    label: str
    policy: Policy
    client: Callable[[], ModelClient]
    spending: Spending
    strategy: Strategy | None = None


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the code of a case may be read."""

    mirrors: Path | None = None
    from_github: FromGitHub | None = None


def review_cases(
    cases: Sequence[Case], engine: Engine, sources: Sources, results: Path, tell: Callable[[str], None]
) -> tuple[Outcome, ...]:
    """Return the outcome of every case, in their order; those in the file of results are not reviewed again.

    A case that could not be reviewed has its reason, and is tried again by the next run. Where the cap is reached
    the rest is left for a run with more; BudgetRefused then carries on from here.
    """
    known = {
        name: row for name, row in read_outcomes(results).items() if not row.error and row.label == engine.label
    }
    outcomes: list[Outcome] = []
    for number, case in enumerate(cases, 1):
        outcome = known.get(case.name)
        if outcome is None:
            tell(f"{number}/{len(cases)} {case.name}")
            outcome = review_case(case, engine, sources)
            write_outcome(outcome, results)
        outcomes.append(outcome)
    return tuple(outcomes)


def review_case(case: Case, engine: Engine, sources: Sources) -> Outcome:
    """Review one case; what keeps it from being reviewed is in `error`. BudgetRefused where the cap is reached."""
    before = engine.spending.spent
    try:
        with ExitStack() as stack:
            content = stack.enter_context(open_content(case, sources.mirrors, sources.from_github))
            request = ReviewRequest(change=content.change, about=content.about, strategy=engine.strategy)
            context = ReviewContext(engine.policy, engine.client(), content.head, content.base)
            review = pipeline.review(request, context)
    except BudgetRefused:
        raise
    except KiloReviewError as error:
        return Outcome(case.name, engine.label, complete=False, error=" ".join(str(error).split())[:500])
    refused = refused_by_cap(call.error for call in review.calls) or refused_by_cap(
        skip.reason for skip in review.coverage.skipped
    )
    if refused:
        raise BudgetRefused(refused, rule="max-cost")
    after = engine.spending.spent
    spent: Decimal | None = None if after is None or before is None else after - before
    return outcome_of(review, case.name, engine.label, spent, content.read_from)


def refused_by_cap(reasons: Iterable[str]) -> str:
    """Return the sentence of a cap that kept a part of a review from being asked, "" where none did."""
    return next((reason for reason in reasons if "--max-cost" in reason), "")
