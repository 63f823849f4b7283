"""Commands about one finding: which one is meant, what stands behind it, and that it is no fault."""

from __future__ import annotations

import re
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Final

from policies.budgets import dollars
from reviewer.errors import PermissionMissing
from reviewer.findings.model import Disposition
from reviewer.github.records import PullRequest
from reviewer.jobs.access import Access
from reviewer.jobs.document import Document, document_of, dump_document
from reviewer.jobs.inputs import open_code
from reviewer.jobs.job import Job
from reviewer.jobs.shown_summary import rewrite_summary
from reviewer.jobs.verdicts import earlier_verdict, stored_document
from reviewer.ledger.findings import FindingState, KnownFinding, Outcome
from reviewer.ledger.keys import Dismissal
from reviewer.publish.check import render_check
from reviewer.publish.escape import code, plain
from reviewer.publish.figures import count

# A finding's id as people copy it: its fingerprint's beginning, its comment's number or address.
ID_LENGTH: Final = 12
_ID: Final = re.compile(r"(?:\S{0,300}discussion_r|#?r?)?([0-9a-f]{6,32})", re.IGNORECASE)
_TOLD: Final = 20


def find(job: Job) -> tuple[KnownFinding | None, str]:
    """Return the finding that a command means, None where it names none, and the words that follow its id.

    In the thread of a finding it is that one, and every word follows.
    """
    known = job.ledger.findings.of_pull_request(job.key.repo_id, job.key.number)
    thread = job.payload.thread_id
    here = [finding for finding in known if thread and finding.comment_id == thread]
    if here:
        return here[0], job.payload.argument
    first, _, rest = job.payload.argument.partition(" ")
    match = _ID.fullmatch(first)
    if match is None:
        return None, job.payload.argument
    wanted = match[1].lower()
    meant = [
        finding
        for finding in known
        if finding.fingerprint.startswith(wanted) or str(finding.comment_id or "") == wanted
    ]
    return (meant[0], rest) if len(meant) == 1 else (None, rest)


def which(job: Job, verb: str) -> str:
    """Ask which finding is meant, and list the ones that there are with their ids."""
    known = job.ledger.findings.of_pull_request(job.key.repo_id, job.key.number)
    if not known:
        return "There is no finding on this pull request, so nothing was done."
    lines = [f"- {code(finding.fingerprint[:ID_LENGTH])} {plain(finding.title)}" for finding in known[:_TOLD]]
    more = [f"- and {len(known) - _TOLD} more"] if len(known) > _TOLD else []
    ask = f"Which finding? Write `/kilo {verb}` in its thread, or add its id. Nothing was done."
    return "\n".join([ask, "", *lines, *more])


def explain(job: Job) -> str:
    """Return what stands behind a finding: evidence, context, route and cost. No model is asked."""
    finding, _ = find(job)
    if finding is None:
        return which(job, "explain")
    lines = [f"**{plain(finding.title)}**", "", f"- Id: {code(finding.fingerprint[:ID_LENGTH])}"]
    where = f"{finding.path}:{finding.line}"
    lines.append(f"- Where: {code(where)}, {finding.severity.label}, {plain(finding.category)}")
    lines.append(f"- Said by: {plain(finding.source)}")
    review_id = job.ledger.findings.review_of(job.key.repo_id, job.key.number, finding.fingerprint)
    document = stored_document(job.ledger, review_id) if review_id else None
    if review_id is None or document is None:
        return "\n".join([*lines, "- The review that found it is not kept any more."])
    return "\n".join([*lines, *_behind(job, document, finding.fingerprint, review_id)])


def _behind(job: Job, document: Document, fingerprint: str, review_id: int) -> list[str]:
    review = document.review
    placed = next((one for one in review.findings if one.finding.fingerprint == fingerprint), None)
    if placed is None:
        return ["- The review that found it has no more to say about it."]
    said = placed.finding
    lines = [f"- Evidence: {code(line)}" for line in said.evidence] or ["- Evidence: none beside the line itself"]
    if said.quote:
        lines.append(f"- The line: {code(said.quote)}")
    sure = "unknown" if said.confidence is None else f"{said.confidence:.0%}"
    checked = "verified" if placed.verified else "not verified"
    lines.append(f"- Confidence: {sure}; {checked}; {count(placed.agreed, 'source')} said so")
    for route in review.routes:
        if said.unit and route.unit == said.unit:
            model = code(route.model) if route.model else "no model"
            lines.append(f"- Route: {route.tier.label} tier, {model}: {plain('; '.join(route.reasons))}")
            lines.append(f"- Read together: {', '.join(code(path) for path in route.paths)}")
            shown = ", ".join(code(item) for item in route.context)
            lines += [f"- Shown beside it: {shown}"] if shown else []
    calls = [call for call in job.ledger.calls.of_review(review_id) if said.unit and call.unit == said.unit]
    prices = [call.cost for call in calls]
    known = [price for price in prices if price is not None]
    cost = dollars(sum(known[1:], known[0])) if known and len(known) == len(prices) else "unknown"
    if calls:
        lines.append(f"- Cost of reading this part: {cost} in {count(len(calls), 'call')}")
    else:
        lines.append("- Cost of reading this part: no call in that review; the answer was kept from before")
    return lines


def dismiss(job: Job, access: Access, pr: PullRequest, stack: ExitStack) -> str:
    """Dismiss a finding in this pull request, and show its check without it."""
    finding, reason = find(job)
    if finding is None:
        return which(job, "dismiss")
    fingerprint, now = finding.fingerprint, job.now()
    job.ledger.dismissals.add(pr.repo_id, pr.number, Dismissal(fingerprint, job.row.actor, reason), now)
    job.ledger.findings.set_state(pr.repo_id, pr.number, fingerprint, FindingState.DISMISSED, now)
    why = f"/kilo dismiss {reason}".strip()
    job.ledger.findings.record_outcome(pr.repo_id, pr.number, fingerprint, Outcome.DISMISSED, why, now)
    shown = _show_without(job, access, pr, stack)
    because = f" Reason: {plain(reason)}" if reason else ""
    return (
        f"Dismissed in this pull request by {plain(job.row.actor)}: it is not raised here again and does not count "
        f"for the check.{because}{shown}"
    )


def _show_without(job: Job, access: Access, pr: PullRequest, stack: ExitStack) -> str:
    """Conclude the check run of this head again without what is dismissed; return what there is to add."""
    earlier = earlier_verdict(job.ledger, pr, besides=job.id)
    if earlier is None:
        return " The check changes with the next review."
    dismissed = job.ledger.dismissals.of_pull_request(pr.repo_id, pr.number)
    findings = tuple(
        replace(placed, disposition=Disposition.SUPPRESSED, reason="dismissed by a command")
        if placed.finding.fingerprint in dismissed
        else placed
        for placed in earlier.review.findings
    )
    policy = open_code(job, access, pr, stack).policy
    document = document_of(replace(earlier.review, findings=findings), policy, job.redact)
    # It is the verdict from now on: a later run that comes to none shows this one again.
    job.held.save_result(dump_document(document))
    rewrite_summary(job, access, pr, document)
    with suppress(PermissionMissing):
        run = access.check_runs(job, pr.repository).conclude(
            pr.head_sha, render_check(document.review, document.verdict)
        )
        job.save(
            replace(job.publication(), check_run_id=run.id, head_sha=pr.head_sha, base_sha=pr.base_sha, writing="")
        )
        return ""
    return " The check stays as it is: the App may not write checks."
