"""Answer `/kilo fix`: a suggestion where the fix lies on the lines of the finding's thread, else a patch."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from policies.words import Tier
from reviewer.change.lines import split_lines
from reviewer.findings.fix import Edit
from reviewer.findings.model import Finding, PlacedFinding
from reviewer.github.records import PullRequest
from reviewer.jobs.access import Access
from reviewer.jobs.command_findings import find, which
from reviewer.jobs.command_reply import reply_to_command
from reviewer.jobs.inputs import Inputs
from reviewer.jobs.job import Job
from reviewer.jobs.verdicts import stored_document
from reviewer.ledger.keys import ReviewState
from reviewer.publish.escape import fence, plain, suggestion
from reviewer.publish.figures import money
from reviewer.publish.outgoing import outgoing
from reviewer.steps.context import ReviewContext
from reviewer.steps.fix import Fix, make_fix
from reviewer.steps.result import Review, add_costs

_MOVED: Final = "The pull request moved on since this finding was made, so no fix is offered: `/kilo review` first."


def answer_fix(job: Job, access: Access, pr: PullRequest, inputs: Inputs) -> None:
    """Make a fix of the finding that a command means, check it, and offer it or say which check failed."""
    known, _ = find(job)
    thread = job.payload.thread_id
    if known is None:
        _end(job, access, pr, which(job, "fix"), thread)
        return
    review_id = job.ledger.findings.review_of(job.key.repo_id, job.key.number, known.fingerprint)
    document = stored_document(job.ledger, review_id) if review_id else None
    placed = _placed(document.review, known.fingerprint) if document else None
    if document is None or placed is None or document.review.change.head != pr.head_sha:
        _end(job, access, pr, _MOVED, thread)
        return
    context = ReviewContext(inputs.policy, inputs.models.client, inputs.head, inputs.base).begin()
    fix = make_fix(placed.finding, context, _tier(document.review, placed.finding))
    if access.reader.pull_request(job.payload.repository, job.key.number).head_sha != pr.head_sha:
        _end(job, access, pr, f"{_MOVED}{_cost(fix)}", thread)
        return
    body = fix_text(placed, fix, source=_source(inputs, placed))
    shown_there = "```suggestion" in body and known.comment_id
    _end(job, access, pr, body, known.comment_id or thread if shown_there else thread)


def fix_text(placed: PlacedFinding, fix: Fix, *, source: bytes) -> str:
    """Return the answer in Markdown: the fix and what was checked, or what did not hold and nothing else."""
    checked = [f"- {plain(check)}" for check in fix.held]
    if fix.refused:
        why = f"No fix is offered: {plain(fix.refused)}."
        return "\n".join([why, "", *(["What held:", "", *checked, ""] if checked else []), _cost(fix).strip()])
    lines = _replacement(placed, fix.edits, source)
    block = suggestion(lines) if lines is not None else None
    if block is None:
        block = "Apply it with `git apply`:\n\n" + fence(fix.patch.rstrip("\n"), "diff")
    head = f"A fix of **{plain(placed.finding.title)}**."
    return "\n".join([head, "", block, "", "What was checked:", "", *checked, "", _cost(fix).strip()])


def _replacement(placed: PlacedFinding, edits: Sequence[Edit], source: bytes) -> str | None:
    """Return the lines that replace those of the finding's thread, None where the fix is not on them alone."""
    anchor = placed.anchor
    if anchor is None or len(edits) != 1:
        return None
    (edit,) = edits
    first, last = anchor.start_line or anchor.line, anchor.line
    if edit.path != anchor.path or not first <= edit.first <= edit.last <= last:
        return None
    lines = split_lines(source.decode("utf-8", "surrogateescape"))
    return "\n".join((*lines[first - 1 : edit.first - 1], edit.new.removesuffix("\n"), *lines[edit.last : last]))


def _placed(review: Review, fingerprint: str) -> PlacedFinding | None:
    return next((one for one in review.findings if one.finding.fingerprint == fingerprint), None)


def _tier(review: Review, finding: Finding) -> Tier:
    """Return the tier that read the finding's lines: code that deserved a strong reader deserves one again."""
    return max((route.tier for route in review.routes if route.unit == finding.unit), default=Tier.BALANCED)


def _source(inputs: Inputs, placed: PlacedFinding) -> bytes:
    return inputs.head.read(placed.finding.path) or b""


def _cost(fix: Fix) -> str:
    return f" Cost: {money(add_costs(Decimal(0), fix.calls))}." if fix.calls else " Cost: nothing was asked."


def _end(job: Job, access: Access, pr: PullRequest, body: str, thread: int) -> None:
    reply_to_command(job, access, pr.repository, "fix", outgoing(body, job.redact), thread=thread)
    job.held.finish(ReviewState.PUBLISHED, "")
