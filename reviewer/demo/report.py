"""The demo's one JSON document, and the demo's check of itself against what was planted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reviewer.demo import sample
from reviewer.demo.simulator.conversation import Conversation, ThreadView

if TYPE_CHECKING:
    from reviewer.models.model import Call
    from reviewer.steps.result import Review


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """How the sample's review did: what an analyser finds for certain, what only a model can, false comments."""

    found: tuple[sample.Planted, ...]
    missed: tuple[sample.Planted, ...]
    missed_by_model: tuple[sample.Planted, ...]
    on_clean: tuple[str, ...]

    @property
    def good(self) -> bool:
        """True where every certain defect has its comment and no clean file has one."""
        return not self.missed and not self.on_clean


def check_sample(talk: Conversation) -> SelfCheck:
    """Compare the inline comments with the table of planted defects."""
    found, missed, by_model = [], [], []
    for planted in sample.PLANTED:
        if any(_covers(talk, thread, planted) for thread in talk.threads):
            found.append(planted)
        elif planted.by_analyser:
            missed.append(planted)
        else:
            by_model.append(planted)
    quiet = (*sample.CLEAN, *sample.NOT_REVIEWED)
    on_clean = tuple(f"{thread.path}:{thread.line}" for thread in talk.threads if thread.path in quiet)
    return SelfCheck(tuple(found), tuple(missed), tuple(by_model), on_clean)


def _covers(talk: Conversation, thread: ThreadView, planted: sample.Planted) -> bool:
    if thread.path != planted.path or thread.position is None:
        return False
    patch = next((file.patch or "" for file in talk.files if file.path == thread.path), "").split("\n")
    count = thread.line - thread.start_line + 1 if thread.start_line else 1
    lines = patch[max(0, thread.position - count + 1) : thread.position + 1]
    return any(planted.text in line for line in lines)


def document(
    talk: Conversation,
    *,
    bot: str,
    review: Review | None,
    calls: Sequence[Call],
    timings_ms: Mapping[str, int | None],
    model: str,
    recorded: bool = False,
) -> dict[str, Any]:
    """Return the JSON document of a run. Costs are US dollars; null means that a price is unknown."""
    checks = [check for check in talk.checks if check.conclusion]
    costs = [call.cost for call in calls]
    known = [cost for cost in costs if cost is not None]
    return {
        "pull_request": {
            "repository": talk.repository,
            "number": talk.number,
            "title": talk.title,
            "base": talk.base_ref,
            "head": talk.head_ref,
            "head_sha": talk.head_sha,
            "url": talk.url,
        },
        "model": model,
        "recorded": recorded,
        "comments": [
            {
                "path": thread.path,
                "line": thread.line,
                "start_line": thread.start_line,
                "side": thread.side,
                "body": thread.comments[0].body,
                "source": source_of(thread, review),
            }
            for thread in talk.threads
        ],
        "summary": next((row.body for row in reversed(talk.comments) if row.author == bot), None),
        "check_run": {"conclusion": checks[-1].conclusion, "title": checks[-1].title} if checks else None,
        "coverage": coverage(review),
        "cost_usd": float(sum(known, Decimal(0))) if len(known) == len(costs) else None,
        "calls": [call_row(call) for call in calls],
        "timings_ms": dict(timings_ms),
    }


def source_of(thread: ThreadView, review: Review | None) -> str:
    """Return who found what an inline comment says, "" where the review does not tell."""
    here = [
        placed
        for placed in (review.findings if review else ())
        if placed.anchor is not None
        and (placed.anchor.path, placed.anchor.line, placed.anchor.side) == (thread.path, thread.line, thread.side)
    ]
    body = thread.comments[0].body
    named = [placed for placed in here if placed.finding.title in body]
    return (named or here)[0].finding.source if here else ""


def coverage(review: Review | None) -> dict[str, Any] | None:
    """Return what was reviewed and what not, with reasons."""
    if review is None:
        return None
    seen, skipped = review.coverage.reviewed, review.coverage.skipped
    return {
        "share": round(review.coverage.share, 4),
        "complete": review.coverage.complete,
        "reviewed": [{"path": row.path, "hunk": row.header, "by": row.by} for row in seen],
        "skipped": [
            {"path": row.path, "hunk": row.header, "reason": row.reason, "excluded": row.excluded}
            for row in skipped
        ],
    }


def call_row(call: Call) -> dict[str, Any]:
    """Return one model call."""
    usage = call.usage
    return {
        "unit": call.unit,
        "stage": call.stage.value,
        "tier": call.tier.label,
        "provider": call.provider,
        "model": call.model,
        "payment": call.payment.value,
        "attempt": call.attempt,
        "ok": call.ok,
        "failed_check": call.failed_check.value if call.failed_check else None,
        "error": call.error or None,
        "tokens": {
            "input": usage.input,
            "cache_read": usage.cache_read,
            "cache_write": usage.cache_write,
            "output": usage.output,
            "reasoning": usage.reasoning,
        },
        "cost_usd": None if call.cost is None else float(call.cost),
        "latency_ms": call.latency_ms,
    }
