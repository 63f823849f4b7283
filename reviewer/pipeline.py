"""The review, in reading order. Knows neither GitHub nor Flask nor RQ: a change goes in, a Review comes out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, Protocol

from policies.attributes import attributes_of
from policies.policy import Policy
from policies.sensitivity import likelihood
from policies.words import Payment, Tier
from reviewer.answer import Answered, Ask, Desk, Run, answer_unit, recheck
from reviewer.assemble import assemble
from reviewer.change.anchor import Anchors
from reviewer.change.model import Change, Hunk, Unit
from reviewer.change.units import build_units
from reviewer.context.gather import ContextGatherer, proportional_budget
from reviewer.context.guidelines import guideline_budget
from reviewer.context.limits import Reached
from reviewer.context.lookup import LookUps
from reviewer.context.model import ContextItem, Snapshot
from reviewer.context.tokens import count_tokens
from reviewer.evidence.run import Evidence, run_analysers
from reviewer.findings.schema import FINDINGS_SCHEMA
from reviewer.models.model import Call, Candidate, Stage, Usage
from reviewer.plan import Plan, answer_room, changed_parts, elsewhere, plan_unit, units_of_paths
from reviewer.prompts.redact import redact_change
from reviewer.prompts.snippets import AsPrompted
from reviewer.request import ReviewRequest
from reviewer.review import Review
from reviewer.scope import Scope, decide_scope
from reviewer.stored import ResultStore, read_stored, write_stored
from reviewer.verification import Verified, verify_findings

# From so many units on, what they share is worth a part of each one's context: it is read from the cache.
UNITS_THAT_SHARE: Final = 3
# Above so many hunks the risk of a file stands for its hunks: judging each would take longer than the first answer.
HUNKS_JUDGED_ALONE: Final = 1500
# A window too small for this much of a diff is of no use.
MIN_UNIT_TOKENS: Final = 200


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


class HasModels(Protocol):
    """Which model a tier would use."""

    def resolve(self, tier: Tier) -> Candidate | None:
        """Return the candidate of a tier, None where no model is usable."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a review is, for whoever watches: stage, units done of all, tokens and money so far."""

    stage: str
    done: int = 0
    total: int = 0
    usage: Usage = field(default_factory=Usage)
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


def gatherer_of(prepared: Prepared, head: Snapshot | None, base: Snapshot | None) -> ContextGatherer | None:
    """Return what gathers context for the units, by the prices of the prompt; None without a commit to read."""
    if head is None:
        return None
    return ContextGatherer(head=head, base=base, change=prepared.change, tariff=AsPrompted)


def plan_units(
    request: ReviewRequest,
    prepared: Prepared,
    *,
    policy: Policy,
    gatherer: ContextGatherer | None,
    models: HasModels,
) -> Iterator[Plan]:
    """Yield a plan for each unit in turn, so that the first question is on its way while the rest is planned.

    The first unit, the riskiest, has its own context alone. What units share is looked for while it is being
    answered and stands before every other one.
    """
    shared: tuple[ContextItem, ...] = ()
    if gatherer:
        gatherer.plan(prepared.units)
        shared = gatherer.guidelines(_guideline_budget(prepared, policy))
    holding = units_of_paths((*prepared.units, *prepared.left_over))
    for number, unit in enumerate(prepared.units):
        if number == 1 and gatherer and len(prepared.units) >= UNITS_THAT_SHARE:
            shared = (*shared, *gatherer.shared_items(_shared_budget(prepared, policy)))
        yield plan_unit(
            unit,
            request=request,
            policy=policy,
            models=models,
            gatherer=gatherer,
            shared=shared,
            schema=FINDINGS_SCHEMA,
            count=count_tokens,
            attributes=lambda path: attributes_of(path, prepared.scope.attributes),
            elsewhere=elsewhere(unit, holding),
        )


def _guideline_budget(prepared: Prepared, policy: Policy) -> int:
    """Return how many tokens of guidelines each prompt may have, by the size of an average unit."""
    # Estimated: it moves in large steps, and the first question waits for it.
    diff = sum(len(line.text) for unit in prepared.units for hunk in unit.hunks for line in hunk.lines) // 4
    diff //= max(1, len(prepared.units))
    return guideline_budget(proportional_budget(diff, ceiling=policy.context_tokens))


def _shared_budget(prepared: Prepared, policy: Policy) -> int:
    """Return how many tokens what the units share may cost: half of an average unit's context."""
    lines = sum(
        count_tokens(line.text) + 1 for unit in prepared.units for hunk in unit.hunks for line in hunk.lines
    )
    return proportional_budget(lines // len(prepared.units), ceiling=policy.context_tokens) // 2


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
