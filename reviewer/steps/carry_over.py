"""Carry over: what a review concluded on a hunk holds while the hunk, its context and policy are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from policies.policy import Policy
from policies.routing import route, signals_for
from policies.words import Tier
from reviewer.change.model import Change, FileChange, Hunk, Side
from reviewer.findings.fingerprint import fingerprint
from reviewer.findings.model import Disposition, Finding, PlacedFinding
from reviewer.steps.changed_parts import changed_parts
from reviewer.steps.context import ResultStore, ReviewContext
from reviewer.steps.hunk_context import CommitFiles, still_stands
from reviewer.steps.hunk_record import (
    HunkRecord,
    RecordedFinding,
    nameless_identity,
    read_record,
    record_key,
    unique_hunks,
)
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
    paths = frozenset(file.path for file in change.files)
    counts = Counter(map(nameless_identity, change.hunks))
    hunks: list[Hunk] = []
    findings: list[CarriedFinding] = []
    for identity, hunk in unique_hunks(change.hunks).items():
        record = _read(store, record_key(identity, policy))
        nameless = nameless_identity(hunk)
        if record is None and counts[nameless] == 1:
            moved = _read(store, record_key(nameless, policy))
            record = moved if moved and _is_renamed(moved.path, hunk, paths, context.policy) else None
        if record is not None and _holds(record, hunk, files):
            hunks.append(hunk)
            findings += [_at_its_place(one, record, hunk) for one in record.findings]
    return Carried(tuple(hunks), tuple(findings))


def _read(store: ResultStore, key: str) -> HunkRecord | None:
    kept = store.get(key)
    return None if kept is None else read_record(kept)


def _is_renamed(before: str, hunk: Hunk, paths: Collection[str], policy: Policy) -> bool:
    """Tell whether a hunk is that of a file that is gone from the change, and would be reviewed as that one was.

    Another ending is another language; a path may make the same lines a test, or security-sensitive.
    """
    suffix = PurePosixPath(before).suffix
    if before in paths or suffix != PurePosixPath(hunk.path).suffix:
        return False
    old, new = (signals_for(changed_parts((each,)), policy) for each in (replace(hunk, path=before), hunk))
    return old.tests_only == new.tests_only and route(old, policy).tier == route(new, policy).tier


def _holds(record: HunkRecord, hunk: Hunk, files: CommitFiles) -> bool:
    """Tell whether all that was shown beside a hunk still stands in its file."""
    return all(
        still_stands(block, files.lines(hunk.path if block.path == record.path else block.path, base=block.base))
        for block in record.context
    )


def _at_its_place(one: RecordedFinding, record: HunkRecord, hunk: Hunk) -> CarriedFinding:
    """Return a recorded finding at the lines that the hunk has now: it moved as a whole."""
    finding = one.finding
    by = hunk.new_start - record.new_start if finding.side is Side.RIGHT else hunk.old_start - record.old_start
    start = finding.start_line
    moved = replace(finding, line=finding.line + by, start_line=None if start is None else start + by)
    if hunk.path != finding.path:
        name = fingerprint(hunk.path, finding.quote, finding.category)
        moved = replace(moved, path=hunk.path, fingerprint=name)
    return CarriedFinding(moved, record.tier, one.in_context, record.alone_inline, one.confirmed, one.refuted)
