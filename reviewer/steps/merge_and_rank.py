"""Merge and rank: the same issue once, scored, and placed beside its line, in the summary or on record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from policies.policy import Policy
from policies.words import Tier
from reviewer.change.anchor import Anchors
from reviewer.findings.merge import Group, merge
from reviewer.findings.model import Disposition, Finding, PlacedFinding
from reviewer.findings.place import place
from reviewer.findings.rank import evidence_in_context, score
from reviewer.findings.repeats import fold_repeats
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.carry_over import Carried
from reviewer.steps.earlier import hold_back
from reviewer.steps.model_size import may_stand_alone
from reviewer.steps.outputs import StepOutputs
from reviewer.steps.prepare import Prepared

ONLY_FREE_TIER: Final = "only a free-tier model says so: not shown beside the line"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a finding comes from: its model's tier, and whether its evidence was really in the context.

    `alone_inline` says that it may be shown beside its line when nothing else raises the same.
    """

    tier: Tier = Tier.FRONTIER
    in_context: bool = False
    alone_inline: bool = True


# An analyser's finding counts as much as the best model's.
ANALYSER: Final = Origin()
Origins = Mapping[tuple[str, str], Origin]


def merge_and_rank(prepared: Prepared, outputs: StepOutputs, policy: Policy) -> tuple[PlacedFinding, ...]:
    """Merge what models and analysers found, score every issue and place it; nothing that was found is lost."""
    standing = [(finding, answer) for answer in outputs.answers for finding in _standing(answer, outputs)]
    carried = prepared.carried
    origins = {**_carried_origins(carried), **_origins(standing)}
    groups = merge(
        (
            *(finding for finding, _answer in standing),
            *(one.finding for one in carried.standing),
            *outputs.evidence.findings,
        ),
        earlier=prepared.request.earlier,
        renamed={file.old_path: file.path for file in prepared.change.files if file.old_path},
        paths=frozenset(file.path for file in prepared.change.files),
    )
    groups = hold_back(groups, prepared, policy)
    strongest = {group.finding.fingerprint: _strongest(group, origins) for group in groups}

    def worth(group: Group) -> float:
        known = strongest[group.finding.fingerprint].in_context
        return max(
            score(finding, agreed=group.agreed, tier=_origin(finding, origins).tier, evidence_in_context=known)
            for finding in group.findings
        )

    revised = dict(outputs.verified.revised)
    placed = place(
        groups,
        Anchors.from_change(prepared.as_sent()),
        score=worth,
        threshold=policy.style.threshold,
        least=policy.min_severity,
        max_inline=policy.max_inline,
        verified=frozenset(
            (
                *(revised.get(found, found) for found in outputs.verified.confirmed),
                *(one.finding for one in carried.standing if one.confirmed),
            )
        ),
    )
    shown = fold_repeats([_move_unsupported_to_summary(found, strongest) for found in placed])
    rejected = tuple(found for answer in outputs.answers for found in answer.rejected)
    return (*shown, *outputs.verified.refuted, *carried.refuted, *rejected)


def _standing(answer: UnitAnswer, outputs: StepOutputs) -> list[Finding]:
    """Return the findings of an answer that verification did not set aside, as it lets them stand."""
    # Counted, because a model may say the very same twice, of which one is refuted as a repetition.
    refuted = Counter(placed.finding for placed in outputs.verified.refuted)
    revised = dict(outputs.verified.revised)
    standing = []
    for finding in answer.findings:
        if refuted[finding]:
            refuted[finding] -= 1
        else:
            standing.append(revised.get(finding, finding))
    return standing


def _origins(standing: list[tuple[Finding, UnitAnswer]]) -> Origins:
    """Return where findings come from, by source and unit: merging may give a finding a new fingerprint."""
    origins: dict[tuple[str, str], Origin] = {}
    for finding, answer in standing:
        key = (finding.source, finding.unit)
        known = evidence_in_context(finding, (*answer.plan.seen, *answer.looked_up))
        before = origins.get(key)
        in_context = known or (before is not None and before.in_context)
        origins[key] = Origin(answer.tier, in_context, may_stand_alone(answer.plan.candidate, answer.tier))
    return origins


def _carried_origins(carried: Carried) -> Origins:
    """Return where carried findings come from, as their own review knew it."""
    origins: dict[tuple[str, str], Origin] = {}
    for one in carried.standing:
        key = (one.finding.source, one.finding.unit)
        before = origins.get(key)
        in_context = one.in_context or (before is not None and before.in_context)
        origins[key] = Origin(one.tier, in_context, one.alone_inline)
    return origins


def _origin(finding: Finding, origins: Origins) -> Origin:
    return origins.get((finding.source, finding.unit), ANALYSER)


def _strongest(group: Group, origins: Origins) -> Origin:
    """Return what holds for an issue: whatever holds for one of its findings. The tier is each finding's own."""
    known = [_origin(finding, origins) for finding in group.findings]
    return Origin(
        in_context=any(origin.in_context for origin in known),
        alone_inline=any(origin.alone_inline for origin in known),
    )


def _move_unsupported_to_summary(placed: PlacedFinding, strongest: Mapping[str, Origin]) -> PlacedFinding:
    """Move what only a free-tier model says from its line to the summary."""
    origin = strongest.get(placed.finding.fingerprint)
    alone = origin is not None and not origin.alone_inline and placed.agreed < 2
    if placed.disposition is Disposition.INLINE and placed.finding.from_model and alone:
        return replace(placed, disposition=Disposition.SUMMARY, anchor=None, reason=ONLY_FREE_TIER)
    return placed
