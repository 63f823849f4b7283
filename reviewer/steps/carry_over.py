"""Carry over: what a review concluded on a hunk holds while the hunk, its context and policy are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from policies.words import Tier
from reviewer.change.model import Change, FileChange, Hunk, Side
from reviewer.findings.model import Disposition, Finding, PlacedFinding
from reviewer.steps.context import ReviewContext
from reviewer.steps.hunk_context import CommitFiles, still_stands
from reviewer.steps.hunk_record import HunkRecord, RecordedFinding, read_record, record_key, unique_hunks
from reviewer.steps.policy_digest import policy_digest
from reviewer.steps.request import ReviewRequest


@dataclass(frozen=True, slots=True)
class Carried:
    """The hunks that no model is asked about again, with what was concluded on each, at its place of today."""

    hunks: tuple[Hunk, ...] = ()
    findings: tuple[CarriedFinding, ...] = ()

    def without(self, files: Sequence[FileChange]) -> tuple[FileChange, ...]:
        """Return the files with the hunks that are left to be asked about."""
        if not self.hunks:
            return tuple(files)
        known = set(map(id, self.hunks))
        return tuple(
            replace(file, hunks=tuple(hunk for hunk in file.hunks if id(hunk) not in known)) for file in files
        )

    @property
    def standing(self) -> tuple[CarriedFinding, ...]:
        """The findings that stood."""
        return tuple(one for one in self.findings if not one.refuted)

    @property
    def refuted(self) -> tuple[PlacedFinding, ...]:
        """The findings that a verification showed to be wrong."""
        return tuple(
            PlacedFinding(one.finding, Disposition.UNVERIFIED, one.refuted) for one in self.findings if one.refuted
        )


@dataclass(frozen=True, slots=True)
class CarriedFinding:
    """A finding of an earlier review, with the standing that it had; `refuted` says why it is wrong."""

    finding: Finding
    tier: Tier
    in_context: bool
    alone_inline: bool
    confirmed: bool
    refuted: str = ""


def carry_over(change: Change, request: ReviewRequest, context: ReviewContext) -> Carried:
    """Return the hunks of a change that a review of this repository concluded on, in whatever pull request.

    What stands twice in a change is asked about, for nobody could say which of the two was meant.
    """
    store = context.hunks
    if store is None:
        return Carried()
    policy = policy_digest(context.policy, request)
    files = CommitFiles(context.head, context.base)
    by_identity = unique_hunks(change.hunks)
    hunks: list[Hunk] = []
    findings: list[CarriedFinding] = []
    for identity, hunk in by_identity.items():
        kept = store.get(record_key(identity, policy))
        record = read_record(kept) if kept is not None else None
        if record is None or not _holds(record, files):
            continue
        hunks.append(hunk)
        findings += [_at_its_place(one, record, hunk) for one in record.findings]
    return Carried(tuple(hunks), tuple(findings))


def _holds(record: HunkRecord, files: CommitFiles) -> bool:
    """Tell whether all that was shown beside a hunk still stands in its file."""
    return all(still_stands(block, files.lines(block.path, base=block.base)) for block in record.context)


def _at_its_place(one: RecordedFinding, record: HunkRecord, hunk: Hunk) -> CarriedFinding:
    """Return a recorded finding at the lines that the hunk has now: it moved as a whole."""
    finding = one.finding
    by = hunk.new_start - record.new_start if finding.side is Side.RIGHT else hunk.old_start - record.old_start
    start = finding.start_line
    moved = replace(finding, line=finding.line + by, start_line=None if start is None else start + by)
    return CarriedFinding(moved, record.tier, one.in_context, record.alone_inline, one.confirmed, one.refuted)
