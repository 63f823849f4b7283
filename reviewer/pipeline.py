"""The review, in reading order. Knows neither GitHub nor Flask nor RQ: a change goes in, a Review comes out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Protocol

from policies.policy import Policy
from policies.words import Payment, Tier
from reviewer.change.anchor import Anchors
from reviewer.change.model import Change
from reviewer.context.lookup import LookUps
from reviewer.evidence.run import Evidence, run_analysers
from reviewer.git.limits import Reached
from reviewer.git.snapshot import Snapshot
from reviewer.models.model import Call, Candidate, Stage, Usage
from reviewer.steps.ask import Answered, Ask, Desk, Run, answer_unit, recheck
from reviewer.steps.assemble import assemble
from reviewer.steps.cache import ResultStore, read_stored, write_stored
from reviewer.steps.plan import Plan
from reviewer.steps.plan_units import gatherer_of, plan_units
from reviewer.steps.prepare import Prepared, prepare
from reviewer.steps.request import ReviewRequest
from reviewer.steps.result import Review
from reviewer.steps.scope import Scope, decide_scope
from reviewer.steps.verify import Verified, verify_findings


class Asker(Ask, Protocol):
    """The models as the pipeline sees them."""

    def resolve(self, tier: Tier) -> Candidate | None:
        """Return the candidate that a tier would use now, None where no model is usable."""
        ...

    def stop(self) -> None:
        """End the questions that are under way: the process is going down."""
        ...


class FrontierPrice(Protocol):
    """What the frontier tier charges."""

    def cost(self, usage: Usage) -> Decimal:
        """Return what a call of this usage costs."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a review is, for whoever watches: stage, units done of all, tokens and money so far."""

    stage: str
    done: int = 0
    total: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: Decimal | None = Decimal(0)


def review(
    request: ReviewRequest,
    *,
    policy: Policy,
    head: Snapshot | None,
    base: Snapshot | None,
    asker: Asker | None,
    frontier_price: FrontierPrice | None = None,
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
    with _pool(policy.concurrency + 1, asker) as pool:
        # The analysers run beside the calls: two witnesses that have not spoken to each other. They begin when the
        # first question is on its way, for on two processors they double the time until then.
        asked = threading.Event()
        evidence = pool.submit(_evidence, request.change, scope, policy, head, asked)
        try:
            prepared = prepare(request, scope, policy=policy, models=asker)
            run = Run(seconds=policy.max_seconds, clock=clock, started=started)
            plans, answers, limits = _ask_all(
                request, prepared, asker, policy, (head, base), evidence, run, store, pool, watch, asked
            )
        finally:
            asked.set()
        watch(Progress("evidence", len(answers), len(plans)))
        found = evidence.result()
    verified = _verify(answers, plans, asker, policy, run, store, watch)
    finished = assemble(
        request,
        prepared,
        plans=plans,
        answers=answers,
        verified=verified,
        evidence=found,
        policy=policy,
        has_model=asker is not None,
        limits=limits,
    )
    watch(Progress("done", len(answers), len(plans), finished.usage, finished.cost))
    return replace(
        finished,
        all_frontier_cost=_all_frontier(finished.calls, frontier_price),
        duration_ms=round((clock() - started) * 1000),
    )


@contextmanager
def _pool(workers: int, asker: Asker | None) -> Iterator[ThreadPoolExecutor]:
    """Threads for a review; when it ends early (Ctrl-C, SIGTERM, a lost lease) what is being asked ends too."""
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        yield pool
    except BaseException:
        if asker is not None:
            asker.stop()
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown(wait=True)


def _evidence(
    change: Change, scope: Scope, policy: Policy, head: Snapshot | None, begin: threading.Event
) -> Evidence:
    begin.wait()
    return run_analysers(replace(change, files=scope.files), head, tools=policy.analysers)


def _ask_all(
    request: ReviewRequest,
    prepared: Prepared,
    asker: Asker | None,
    policy: Policy,
    commits: tuple[Snapshot | None, Snapshot | None],
    evidence: Future[Evidence],
    run: Run,
    store: ResultStore | None,
    pool: ThreadPoolExecutor,
    watch: Callable[[Progress], None],
    asked: threading.Event,
) -> tuple[tuple[Plan, ...], tuple[Answered, ...], tuple[Reached, ...]]:
    if asker is None or not prepared.units:
        return (), (), ()
    head, base = commits
    gatherer = gatherer_of(prepared, head, base)
    desk = Desk(
        asker=asker,
        # A strategy that somebody asked for is a promise about price: it bounds escalation too.
        policy=replace(policy, strategy=request.strategy) if request.strategy else policy,
        anchors=Anchors.from_change(prepared.change),
        head=head,
        evidence=lambda: evidence.result().findings,
        look_ups=lambda: LookUps(head).answer_all if head is not None else lambda _requests: (),
        run=run,
    )
    plans, jobs = [], []
    for plan in plan_units(request, prepared, policy=policy, gatherer=gatherer, models=asker):
        plans.append(plan)
        jobs.append(pool.submit(_answer, plan, desk, store))
        asked.set()
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
    return tuple(plans), tuple(answers), gatherer.limits_reached() if gatherer else ()


def _answer(plan: Plan, desk: Desk, store: ResultStore | None) -> Answered:
    """Answer a unit from the store where the same was paid for before, else by asking."""
    kept = store.get(plan.key) if store else None
    stored = read_stored(kept) if kept is not None else None
    if stored is not None:
        again = recheck(plan, desk, stored.text, by=stored.by, tier=stored.tier, lookups=stored.lookups)
        if again is not None:
            return again
    answered = answer_unit(plan, desk)
    if store is not None and answered.by and not answered.problem:
        store.put(plan.key, write_stored(answered))
    return answered


def _verify(
    answers: Sequence[Answered],
    plans: Sequence[Plan],
    asker: Asker | None,
    policy: Policy,
    run: Run,
    store: ResultStore | None,
    watch: Callable[[Progress], None],
) -> Verified:
    if asker is None or not any(answered.findings for answered in answers):
        return Verified()
    watch(Progress("verification", len(answers), len(plans)))
    by_unit = {plan.unit.identity: plan for plan in plans}
    return verify_findings(answers, by_unit, asker=asker, policy=policy, run=run, store=store)


def _all_frontier(calls: Sequence[Call], price: FrontierPrice | None) -> Decimal | None:
    """What the same reading would have cost with every unit at the frontier tier: first calls only, no repairs."""
    if price is None:
        return None
    first = [call for call in calls if call.stage is Stage.REVIEW and call.ok]
    paid = [call.cost for call in first if call.tier is Tier.FRONTIER and call.payment is not Payment.LOCAL]
    rest = [call for call in first if call.tier is not Tier.FRONTIER or call.payment is Payment.LOCAL]
    if any(cost is None for cost in paid):
        return None
    return sum((cost for cost in paid if cost is not None), Decimal(0)) + sum(
        (price.cost(call.usage) for call in rest), Decimal(0)
    )
