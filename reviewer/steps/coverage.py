"""Account for every hunk of a change: reviewed, or the reason why not."""

from __future__ import annotations

from typing import Final

from reviewer.change.model import Hunk
from reviewer.findings.model import BY_ANALYSERS, Coverage, Reviewed, Skipped
from reviewer.steps.outputs import StepOutputs
from reviewer.steps.prepare import Prepared

# Who reviewed a hunk that was carried over.
CARRIED: Final = "cache"


def cover(prepared: Prepared, outputs: StepOutputs, *, has_model: bool) -> Coverage:
    """Return what was reviewed and what was not, with the reason; every hunk is in one of the two."""
    reviewed: list[Reviewed] = []
    skipped = [*prepared.request.untouched, *prepared.scope.skipped]
    for answer in outputs.answers:
        by = CARRIED if answer.from_store else f"model:{answer.model}"
        for hunk in answer.plan.unit.hunks:
            if answer.problem:
                skipped.append(_missed(hunk, answer.problem))
            else:
                reviewed.append(Reviewed(hunk.path, hunk.header, by))
    reviewed += [Reviewed(hunk.path, hunk.header, CARRIED) for hunk in prepared.carried.hunks]
    for unit in prepared.left_over:
        reason = f"beyond the {len(prepared.units)} units of one review (caps.max_units)"
        skipped += [_missed(hunk, reason) for hunk in unit.hunks]
    for hunk in () if has_model else [hunk for unit in prepared.units for hunk in unit.hunks]:
        if read_by := outputs.evidence.read.get(hunk.path):
            reviewed.append(Reviewed(hunk.path, hunk.header, f"{BY_ANALYSERS}{', '.join(read_by)}"))
        else:
            skipped.append(_missed(hunk, "no model was asked, and no analyser reads this kind of file"))
    return Coverage(tuple(reviewed), tuple(skipped))


def _missed(hunk: Hunk, reason: str) -> Skipped:
    return Skipped(hunk.path, hunk.header, reason, excluded=False)
