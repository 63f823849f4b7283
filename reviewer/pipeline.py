"""The review, in reading order. Knows neither GitHub nor Flask nor RQ: a change goes in, a Review comes out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from policies.policy import Policy
from policies.sensitivity import assess
from policies.words import Payment, Tier
from reviewer.answer import Answered, Ask, Desk, Run, answer_unit, recheck
from reviewer.assemble import assemble
from reviewer.change.anchor import Anchors
from reviewer.change.model import Change, Hunk, Unit
from reviewer.change.units import build_units
from reviewer.context.gather import ContextGatherer
from reviewer.context.model import Snapshot
from reviewer.context.tokens import count_tokens
from reviewer.evidence.run import Evidence, run_analysers
from reviewer.findings.schema import FINDINGS_SCHEMA
from reviewer.models.model import Call, Candidate, Stage, Usage
from reviewer.plan import Plan, changed_parts, plan_unit
from reviewer.prompts.redact import redact_change
from reviewer.request import ReviewRequest
from reviewer.review import Review
from reviewer.scope import Scope, decide_scope
from reviewer.verification import Verified, verify_findings


class Asker(Ask, Protocol):
    """The models as the pipeline sees them."""

    def resolve(self, tier: Tier) -> Candidate | None:
        """Return the candidate that a tier would use now, None where no model is usable."""
        ...

    def price_at(self, tier: Tier, usage: Usage) -> Decimal | None:
        """Return what such a call would cost at a tier's first candidate, None where the price is unknown."""
        ...


class ResultStore(Protocol):
    """Answers that were paid for once."""

    def get(self, key: str) -> str | None:
        """Return a stored answer."""
        ...

    def put(self, key: str, text: str) -> None:
        """Keep an answer."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a review is, for whoever watches: stage, units done of all, tokens and money so far."""

    stage: str
    done: int = 0
    total: int = 0
    usage: Usage = Usage()
    cost: Decimal | None = Decimal(0)


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


def review(
    request: ReviewRequest,
    *,
    policy: Policy,
    head: Snapshot | None,
    base: Snapshot | None,
    asker: Asker | None,
    store: ResultStore | None = None,
    watch: Callable[[Progress], None] = lambda _progress: None,
    clock: Callable[[], float] = time.monotonic,
) -> Review:
    """Review a change. `head` and `base` are its two commits, `asker` None where no model is configured.

    Never raises for what a model or an analyser does; raises LedgerUnavailable when money cannot be accounted for.
    """
    started = clock()
    watch(Progress("scope"))
    scope = decide_scope(request.change, policy, head=head, base=base)
    with ThreadPoolExecutor(max_workers=policy.concurrency + 1) as pool:
        # The analysers run beside the first calls: two witnesses that have not spoken to each other.
        evidence = pool.submit(_evidence, request.change, scope, policy, head)
        prepared = prepare(request, scope, policy=policy)
        plans, answers = _ask_all(request, prepared, asker, policy, (head, base), evidence, store, pool, watch)
        watch(Progress("evidence", len(answers), len(plans)))
        found = evidence.result()
    verified = _verify(answers, plans, asker, policy, watch)
    finished = assemble(
        request, prepared, plans=plans, answers=answers, verified=verified, evidence=found, policy=policy
    )
    watch(Progress("done", len(answers), len(plans), finished.usage, finished.cost))
    return replace(
        finished,
        all_frontier_cost=_all_frontier(finished.calls, asker),
        duration_ms=round((clock() - started) * 1000),
    )


def prepare(request: ReviewRequest, scope: Scope, *, policy: Policy) -> Prepared:
    """Take the secrets out of what is in scope and group it into units, the riskiest first."""
    clean = redact_change(replace(request.change, files=scope.files))

    def risk(hunk: Hunk) -> float:
        return assess(changed_parts((hunk,)), policy.sensitive, threshold=policy.sensitivity_threshold).probability

    units = build_units(clean.change.files, max_tokens=policy.unit_tokens, risk=risk, count=count_tokens)
    return Prepared(clean.change, scope, units[: policy.max_units], units[policy.max_units :], clean.count)


def plan_units(
    request: ReviewRequest, prepared: Prepared, *, policy: Policy, gatherer: ContextGatherer | None, asker: Asker
) -> Iterator[Plan]:
    """Yield a plan for each unit in turn, so that the first question is on its way while the rest is planned."""
    shared = gatherer.guidelines() if gatherer else ()
    for unit in prepared.units:
        yield plan_unit(
            unit,
            request=request,
            policy=policy,
            models=asker,
            gatherer=gatherer,
            shared=shared,
            schema=FINDINGS_SCHEMA,
            count=count_tokens,
        )


def _evidence(change: Change, scope: Scope, policy: Policy, head: Snapshot | None) -> Evidence:
    return run_analysers(replace(change, files=scope.files), head, tools=policy.analysers)


def _ask_all(
    request: ReviewRequest,
    prepared: Prepared,
    asker: Asker | None,
    policy: Policy,
    commits: tuple[Snapshot | None, Snapshot | None],
    evidence: Future[Evidence],
    store: ResultStore | None,
    pool: ThreadPoolExecutor,
    watch: Callable[[Progress], None],
) -> tuple[tuple[Plan, ...], tuple[Answered, ...]]:
    if asker is None or not prepared.units:
        return (), ()
    head, base = commits
    gatherer = ContextGatherer(head=head, base=base, change=prepared.change) if head is not None else None
    desk = Desk(
        asker=asker,
        policy=policy,
        anchors=Anchors.from_change(prepared.change),
        head=head,
        evidence=lambda: evidence.result().findings,
        look_up=gatherer.look_up if gatherer else lambda _requests: (),
        run=Run(),
    )
    plans, jobs = [], []
    for plan in plan_units(request, prepared, policy=policy, gatherer=gatherer, asker=asker):
        plans.append(plan)
        jobs.append(pool.submit(_answer, plan, desk, store))
    answers: list[Answered] = []
    usage, cost = Usage(), Decimal(0)
    unknown = False
    for job in jobs:
        answered = job.result()
        answers.append(answered)
        for call in answered.calls:
            usage = usage + call.usage
            unknown = unknown or call.cost is None
            cost += call.cost or Decimal(0)
        watch(Progress("units", len(answers), len(jobs), usage, None if unknown else cost))
    return tuple(plans), tuple(answers)


def _answer(plan: Plan, desk: Desk, store: ResultStore | None) -> Answered:
    """Answer a unit from the store where the same was paid for before, else by asking."""
    stored = store.get(plan.key) if store else None
    if stored is not None:
        by, _, text = stored.partition("\n")
        again = recheck(plan, desk, text, by=by)
        if again is not None:
            return again
    answered = answer_unit(plan, desk)
    if store is not None and answered.by and not answered.problem:
        store.put(plan.key, f"{answered.by}\n{answered.text}")
    return answered


def _verify(
    answers: Sequence[Answered],
    plans: Sequence[Plan],
    asker: Asker | None,
    policy: Policy,
    watch: Callable[[Progress], None],
) -> Verified:
    if asker is None or not any(answered.findings for answered in answers):
        return Verified()
    watch(Progress("verification", len(answers), len(plans)))
    return verify_findings(answers, {plan.unit.identity: plan for plan in plans}, asker=asker, policy=policy)


def _all_frontier(calls: Sequence[Call], asker: Asker | None) -> Decimal | None:
    """What the same reading would have cost with every unit at the frontier tier: first calls only, no repairs."""
    if asker is None:
        return None
    total = Decimal(0)
    for call in calls:
        if call.stage is not Stage.REVIEW or not call.ok:
            continue
        cost = call.cost if call.tier is Tier.FRONTIER and call.payment is not Payment.LOCAL else None
        cost = cost if cost is not None else asker.price_at(Tier.FRONTIER, call.usage)
        if cost is None:
            return None
        total += cost
    return total


