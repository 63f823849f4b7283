"""What a review cost, as the summary shows it. Pure; every figure is a sum over the ledger's calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from policies.words import Payment
from reviewer.models.model import Call, Stage, Usage
from reviewer.publish.escape import cell, code, plain
from reviewer.publish.figures import count, exact, money, payer, seconds, short_tokens, tokens
from reviewer.steps.result import Review

MAX_ESCALATIONS: Final = 10
MAX_FAILURES: Final = 5


@dataclass(frozen=True, slots=True)
class Totals:
    """What a pull request has cost so far, this run included; `cost` is None where a price is unknown.

    `known` is the sum of the prices that are known.
    """

    reviews: int
    calls: int
    cost: Decimal | None
    known: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Row:
    stage: Stage
    model: str
    payment: Payment
    calls: int
    usage: Usage
    cost: Decimal | None
    latency_ms: int


def rows(calls: Sequence[Call]) -> tuple[_Row, ...]:
    """Return one row per stage, model and payer, in the order of first use."""
    groups: dict[tuple[Stage, str, Payment], list[Call]] = {}
    for call in calls:
        if not call.cached_result:
            groups.setdefault((call.stage, _model(call), call.payment), []).append(call)
    return tuple(
        _Row(
            stage,
            model,
            payment,
            len(group),
            sum((call.usage for call in group), Usage()),
            _sum(group),
            sum(call.latency_ms for call in group),
        )
        for (stage, model, payment), group in groups.items()
    )


def status(review: Review, totals: Totals | None) -> str:
    """Return the money of the status line: this run, and the pull request where it has had more runs."""
    own = f"{money(review.cost)} this run" if review.calls or review.units_from_cache else "$0.00, no model called"
    if review.cost is None:
        own = "cost of this run unknown"
    if totals is None or totals.reviews <= 1:
        return own
    return f"{own}, {money(totals.cost)} this pull request"


def heading(review: Review) -> str:
    """Return the line above the folded table, without Markdown: it stands inside an HTML summary."""
    usage = review.usage
    if not review.calls:
        return "Cost: $0.00, no model was called"
    cached = f", {short_tokens(usage.cache_read)} of them cached" if usage.cache_read else ""
    return (
        f"Cost: {money(review.cost)} · {count(len(review.calls), 'call')} · "
        f"{short_tokens(usage.input)} tokens in{cached}, {short_tokens(usage.output)} out"
    )


def table(review: Review, totals: Totals | None) -> list[str]:
    """Return the lines of the cost section."""
    lines = _table(review) if review.calls else []
    notes = [
        *_totals(review, totals),
        *_comparison(review),
        *_cached(review),
        *_escalations(review),
        *_failures(review),
    ]
    if notes:
        lines += ["", *(f"- {note}" for note in notes)] if lines else [f"- {note}" for note in notes]
    return lines


def _table(review: Review) -> list[str]:
    lines = [
        "| Stage | Model | Paid by | Calls | In | Cached | Out | Time | Cost |",
        "|:--|:--|:--|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows(review.calls):
        lines.append(
            f"| {row.stage} | {cell(code(row.model))} | {payer(row.payment)} | {row.calls} "
            f"| {tokens(row.usage.input)} | {tokens(row.usage.cache_read)} | {tokens(row.usage.output)} "
            f"| {seconds(row.latency_ms)} | {exact(row.cost)} |"
        )
    usage = review.usage
    lines.append(
        f"| **Total** | | | {len(review.calls)} | {tokens(usage.input)} | {tokens(usage.cache_read)} "
        f"| {tokens(usage.output)} | {seconds(sum(call.latency_ms for call in review.calls))} "
        f"| **{exact(review.cost)}** |"
    )
    return lines


def _totals(review: Review, totals: Totals | None) -> list[str]:
    notes = []
    if review.cost is None:
        known = sum((call.cost for call in review.calls if call.cost is not None), Decimal(0))
        why = "The price of a model, or the bill of a call that was cut off, is unknown"
        notes.append(f"{why}, so the total is too; the known part is {exact(known)}.")
    if totals is not None:
        worth = exact(totals.cost)
        if totals.cost is None:
            worth = f"unknown, the known part is {exact(totals.known)}"
        runs = f"{count(totals.reviews, 'review')}, {count(totals.calls, 'call')}"
        notes.append(f"This pull request so far: {worth} in {runs}.")
    return notes


def _comparison(review: Review) -> list[str]:
    frontier, own = review.all_frontier_cost, review.cost
    if not review.calls:
        return []
    if frontier is None:
        return ["Everything at the frontier tier: unknown, no price for it."]
    saved = ""
    if own is not None and frontier > 0:
        share = round(own / frontier * 100)
        saved = f"; this run was {share} % of that" if own else "; this run was free"
    return [f"Everything at the frontier tier would have cost about {exact(frontier)}{saved}."]


def _cached(review: Review) -> list[str]:
    if not review.units_from_cache:
        return []
    return [f"{count(review.units_from_cache, 'unit')} reviewed before with the same content: not paid for again."]


def _escalations(review: Review) -> list[str]:
    names = {route.unit: ", ".join(code(path) for path in route.paths[:3]) for route in review.routes}
    notes = []
    for step in review.escalations[:MAX_ESCALATIONS]:
        where = names.get(step.unit) or "a unit"
        why = f" ({plain(step.detail)})" if step.detail else ""
        notes.append(
            f"Escalated {where}: {step.from_tier.label} → {step.to_tier.label}, "
            f"the check {code(str(step.check))} failed{why}."
        )
    more = len(review.escalations) - MAX_ESCALATIONS
    return [*notes, f"{count(more, 'more escalation')}."] if more > 0 else notes


def _failures(review: Review) -> list[str]:
    failed = [call for call in review.calls if not call.ok]
    if not failed:
        return []
    errors = dict.fromkeys(plain(call.error) for call in failed if call.error)
    shown = "; ".join(list(errors)[:MAX_FAILURES])
    return [f"{count(len(failed), 'call')} did not give a usable answer" + (f": {shown}." if shown else ".")]


def _model(call: Call) -> str:
    return call.model if call.model.startswith(f"{call.provider}/") else f"{call.provider}/{call.model}"


def _sum(calls: Sequence[Call]) -> Decimal | None:
    total = Decimal(0)
    for call in calls:
        if call.cost is None:
            return None
        total += call.cost
    return total
