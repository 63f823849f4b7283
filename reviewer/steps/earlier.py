"""Earlier findings: what of them is still open although nothing found it again, and what was mended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from policies.policy import Policy
from policies.words import Severity
from reviewer.change.model import Side
from reviewer.evidence.model import EvidenceRun
from reviewer.findings.code import ChangedCode, Place
from reviewer.findings.earlier import OPEN, EarlierFinding, match_earlier
from reviewer.findings.merge import Group, open_thread
from reviewer.findings.model import Category, Coverage, Disposition, Finding, PlacedFinding
from reviewer.findings.standing import places_of
from reviewer.steps.prepare import Prepared
from reviewer.steps.result import FixedFinding

# From this severity on a finding is told whenever it is found.
ALWAYS_TOLD: Final = Severity.HIGH
HELD_BACK: Final = "new on code that an earlier review saw whole, and below high (review.converge)"


@dataclass(frozen=True, slots=True)
class Settled:
    """Earlier findings that nothing found again: those that are still open, and those whose code was mended."""

    still_open: tuple[PlacedFinding, ...] = ()
    fixed: tuple[FixedFinding, ...] = ()


def settle_earlier(
    prepared: Prepared, findings: Sequence[PlacedFinding], coverage: Coverage, runs: Sequence[EvidenceRun]
) -> Settled:
    """Decide what became of the earlier findings that this review did not find again.

    A model that says nothing this time has mended nothing: a finding stays open while its code and all around it
    stand as they were, and while what was changed there was not reviewed.
    """
    found = {placed.finding.fingerprint for placed in findings}
    left = [old for old in prepared.request.earlier if old.is_open and old.fingerprint not in found and old.quote]
    if not left:
        return Settled()
    code = ChangedCode(prepared.as_sent())
    missed = {skip.path for skip in coverage.skipped}
    tools = {run.tool for run in runs if not run.error}
    still_open, fixed = [], []
    for old in left:
        place = _stands_at(old, code, missed, tools)
        if place is not None or old.path in missed:
            still_open.append(_as_open(old, place, code))
        elif old.state == OPEN:
            fixed.append(FixedFinding(old.fingerprint, old.path, old.title, old.line or 0, old.quote))
    return Settled(tuple(still_open), tuple(fixed))


def _stands_at(
    old: EarlierFinding, code: ChangedCode, missed: Collection[str], tools: Collection[str]
) -> Place | None:
    """Return where an earlier finding stands as it did, None where its code is gone or was mended around it."""
    tool = old.source.partition(":")[0]
    for place in places_of(old, code):
        # An analyser that ran and is silent is right, whatever stands there.
        unchanged = tool not in tools and (not old.nearby or code.nearby(place) == old.nearby)
        if unchanged or place.path in missed:
            return place
    return None


def _as_open(old: EarlierFinding, place: Place | None, code: ChangedCode) -> PlacedFinding:
    finding = Finding(
        path=place.path if place else old.path,
        line=code.line(place) if place else old.line or 1,
        severity=Severity.HIGH if old.severity is None else old.severity,
        category=old.category or Category.DEFECT,
        title=old.title,
        body=old.body,
        source=old.source,
        fingerprint=old.fingerprint,
        side=place.side if place else Side.RIGHT,
        quote=old.quote,
        graded=old.severity is not None,
    )
    return PlacedFinding(finding, Disposition.DUPLICATE, open_thread(old))


def hold_back(groups: Sequence[Group], prepared: Prepared, policy: Policy) -> tuple[Group, ...]:
    """Mark what is new, below ALWAYS_TOLD and on code that a complete review of this pull request saw before.

    What the pull request's summary has told already is not new.
    """
    request = prepared.request
    if not policy.converge or not request.memory.lines:
        return tuple(groups)
    code = ChangedCode(prepared.as_sent())
    renamed = {file.old_path: file.path for file in prepared.change.files if file.old_path}
    told = match_earlier([group.findings for group in groups], request.told, renamed=renamed, paths=code.paths)
    return tuple(
        replace(group, disposition=Disposition.HELD_BACK, reason=HELD_BACK)
        if number not in told and _is_new_on_old_code(group, code, request.memory.seen)
        else group
        for number, group in enumerate(groups)
    )


def _is_new_on_old_code(group: Group, code: ChangedCode, seen: Collection[str]) -> bool:
    finding = group.finding
    if group.disposition is not None or finding.severity >= ALWAYS_TOLD or not finding.from_model:
        return False
    place = code.at(finding.path, finding.line, finding.side)
    lines = code.same_lines(finding.start_line or finding.line, finding.line, place) if place else frozenset()
    return bool(lines) and all(line in seen for line in lines)
