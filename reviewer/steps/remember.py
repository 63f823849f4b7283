"""Remember: store what this review concluded on each hunk, for later reviews to carry over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from reviewer.change.identity import hunk_identity
from reviewer.change.model import Hunk, Side
from reviewer.findings.model import Finding
from reviewer.findings.rank import evidence_in_context
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.context import ReviewContext
from reviewer.steps.hunk_context import Block, CommitFiles, blocks_of
from reviewer.steps.hunk_record import (
    HunkRecord,
    RecordedFinding,
    nameless_identity,
    record_key,
    unique_hunks,
    write_record,
)
from reviewer.steps.model_size import may_stand_alone
from reviewer.steps.policy_digest import policy_digest
from reviewer.steps.prepare import Prepared
from reviewer.steps.verify import Verified


def remember(prepared: Prepared, answers: Sequence[UnitAnswer], verified: Verified, context: ReviewContext) -> None:
    """Store what this review concluded on each hunk that a model answered for in full."""
    store = context.hunks
    if store is None:
        return
    policy = policy_digest(context.policy, prepared.request)
    whole = unique_hunks(prepared.change.hunks)
    files = CommitFiles(context.head, context.base)
    for answer in answers:
        if not _is_final(answer, verified):
            continue
        for hunk in answer.plan.unit.hunks:
            identity = hunk_identity(hunk)
            blocks = _seen(answer, hunk, files) if identity in whole else None
            if blocks is not None:
                text = write_record(_record(hunk, answer, verified, blocks))
                store.put(record_key(identity, policy), text)
                store.put(record_key(nameless_identity(hunk), policy), text)


def _is_final(answer: UnitAnswer, verified: Verified) -> bool:
    """Tell whether nothing of an answer is open: no problem, no weaker stand-in, nothing unplaced or unjudged."""
    unjudged = set(verified.unjudged)
    return (
        bool(answer.model)
        and not (answer.problem or answer.is_stand_in or answer.rejected)
        and all(item.end_line for item in answer.looked_up)
        and unjudged.isdisjoint(answer.findings)
    )


def _seen(answer: UnitAnswer, hunk: Hunk, files: CommitFiles) -> tuple[Block, ...] | None:
    """Return what the model was shown beside a hunk, None where it cannot be found again.

    Other hunks of the unit and what stands around those are not of it: where they change, they are asked about.
    """
    plan = answer.plan
    shown = [(item.path, item.start_line, item.end_line) for item in (*plan.items, *plan.shared, *answer.looked_up)]
    shown += [(hunk.path, first, last) for first, last in plan.around.of(hunk.path)]
    return blocks_of(shown, files.lines)


def _record(hunk: Hunk, answer: UnitAnswer, verified: Verified, blocks: tuple[Block, ...]) -> HunkRecord:
    revised, confirmed = dict(verified.revised), set(verified.confirmed)
    refuted: dict[Finding, list[str]] = defaultdict(list)
    for placed in verified.refuted:
        refuted[placed.finding].append(placed.reason)
    recorded = []
    for finding in answer.findings:
        if not _is_on(finding, hunk):
            continue
        wrong = refuted[finding].pop(0) if refuted[finding] else ""
        standing = finding if wrong else revised.get(finding, finding)
        recorded.append(
            RecordedFinding(
                standing,
                evidence_in_context(finding, (*answer.plan.seen, *answer.looked_up)),
                finding in confirmed,
                wrong,
            )
        )
    return HunkRecord(
        hunk.path,
        answer.model,
        answer.tier,
        may_stand_alone(answer.plan.candidate, answer.tier),
        hunk.new_start,
        hunk.old_start,
        blocks,
        tuple(recorded),
    )


def _is_on(finding: Finding, hunk: Hunk) -> bool:
    if finding.path != hunk.path:
        return False
    numbers = [line.new_no if finding.side is Side.RIGHT else line.old_no for line in hunk.lines]
    return finding.line in numbers
