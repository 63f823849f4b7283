"""The review of a change, step by step. It knows neither GitHub nor Flask nor RQ."""

from __future__ import annotations

from reviewer.change.anchor import Anchors
from reviewer.steps.analysers import Analysers
from reviewer.steps.ask import ask_units
from reviewer.steps.build_review import build_review
from reviewer.steps.check import AnswerChecks
from reviewer.steps.context import ReviewContext
from reviewer.steps.merge_and_rank import merge_and_rank
from reviewer.steps.outputs import StepOutputs
from reviewer.steps.plan_units import gatherer_of, plan_units
from reviewer.steps.prepare import prepare
from reviewer.steps.progress import Progress
from reviewer.steps.remember import remember
from reviewer.steps.request import ReviewRequest
from reviewer.steps.result import Review
from reviewer.steps.scope import decide_scope
from reviewer.steps.statements import answer_statements
from reviewer.steps.threads import review_threads
from reviewer.steps.verify import verify_findings


def review(request: ReviewRequest, context: ReviewContext) -> Review:
    """Review a change: scope, prepare, plan, ask, check, verify, statements, remember, merge and rank, result.

    Never raises for what a model or an analyser does; raises LedgerUnavailable when money cannot be accounted for.
    """
    context = context.begin()
    context.watch(Progress("scope"))
    with context.gates.planning:
        scope = decide_scope(
            request.change, context.policy, head=context.head, base=context.base, only=request.only
        )
    # The analysers have a thread of their own, so that `caps.concurrency` is the number of questions at a time.
    with (
        review_threads(1, context.models) as apart,
        review_threads(context.policy.concurrency, context.models) as threads,
    ):
        analysers = Analysers(request.change, scope, apart, context)
        with context.gates.planning:
            prepared = prepare(request, scope, context)
        gatherer = gatherer_of(prepared, context)
        # A generator: the first unit is asked while the rest is planned.
        plans = plan_units(prepared, gatherer, context, analysers.worst)
        # Each answer is checked where it arrives, for a failed check decides what is asked next.
        checks = AnswerChecks(Anchors.from_change(prepared.change), context.head, analysers)
        answers = ask_units(plans, checks, threads, context.bounded_by(request.strategy))
        context.watch(Progress("evidence", len(answers), len(answers)))
        evidence = analysers.evidence()
    verified = verify_findings(answers, context)
    # A question of its own about the whole change, so that no answer about a unit depends on it.
    statements = answer_statements(prepared, context.bounded_by(request.strategy))
    limits = gatherer.limits_reached() if gatherer and answers else ()
    outputs = StepOutputs(answers, verified, evidence, limits, statements)
    remember(prepared, answers, verified, context)
    findings = merge_and_rank(prepared, outputs, context.policy)
    result = build_review(prepared, outputs, findings, context)
    context.watch(Progress("done", len(answers), len(answers), result.usage, result.cost))
    return result
