"""From answers and evidence to the Review: merged, ranked, placed, with every hunk accounted for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policies.policy import Policy
from policies.words import Payment, Tier
from reviewer.change.anchor import Anchors
from reviewer.change.model import Change
from reviewer.context.lookup import counted
from reviewer.evidence.run import Evidence
from reviewer.findings.merge import Group, merge
from reviewer.findings.model import Coverage, Disposition, Finding, PlacedFinding, Reviewed, Skipped
from reviewer.findings.place import place
from reviewer.findings.rank import evidence_in_context, score
from reviewer.git.limits import Reached, sentences, that_matter
from reviewer.steps.ask import Answered
from reviewer.steps.plan import Plan, is_small
from reviewer.steps.request import ReviewRequest
from reviewer.steps.result import Review, ReviewStatus
from reviewer.steps.verify import Verified

if TYPE_CHECKING:
    from reviewer.steps.prepare import Prepared

# An analyser reads a whole file, so a file that one read without a complaint counts as looked at by it.
_LANGUAGE_TOOLS: Final = {"ruff": (".py", ".pyi"), "bandit": (".py", ".pyi"), "zizmor": (".yml", ".yaml")}
_ALONE: Final = "only a free-tier model says so: not shown beside the line"


@dataclass(frozen=True, slots=True)
class _Standing:
    """What is known of a finding's origin. `beside` says that it may stand beside the line with no second voice."""

    tier: Tier
    in_context: bool
    beside: bool = True


def assemble(
    request: ReviewRequest,
    prepared: Prepared,
    *,
    plans: Sequence[Plan],
    answers: Sequence[Answered],
    verified: Verified,
    evidence: Evidence,
    policy: Policy,
    has_model: bool,
    limits: Sequence[Reached] = (),
) -> Review:
    """Assemble the Review; costs that need a price book are left to the caller.

    `limits` are those of the context engine that were reached.
    """
    coverage = _coverage(request, prepared, answers, evidence, has_model=has_model)
    findings = _placed(request, prepared, plans, answers, verified, evidence, policy)
    escalations = (*(step for answered in answers for step in answered.escalations), *verified.escalations)
    calls = (*(call for answered in answers for call in answered.calls), *verified.calls)
    return Review(
        change=_without_secrets(request.change, prepared),
        status=_status(prepared, answers, coverage, has_model=has_model),
        findings=findings,
        coverage=coverage,
        routes=tuple(plan.route for plan in plans),
        escalations=escalations,
        calls=calls,
        evidence=evidence.runs,
        notices=_notices(request, prepared, plans, answers, verified),
        context_limits=tuple(sentences(that_matter(limits))),
        lookups=counted(item for answered in answers for item in answered.looked_up),
        units_from_cache=sum(answered.from_store for answered in answers),
    )


def _without_secrets(change: Change, prepared: Prepared) -> Change:
    """Return the change as it was sent: what was not in scope keeps its name and loses its lines."""
    clean = {file.path: file for file in prepared.change.files}
    return replace(change, files=tuple(clean.get(file.path, replace(file, hunks=())) for file in change.files))


def _placed(
    request: ReviewRequest,
    prepared: Prepared,
    plans: Sequence[Plan],
    answers: Sequence[Answered],
    verified: Verified,
    evidence: Evidence,
    policy: Policy,
) -> tuple[PlacedFinding, ...]:
    by_unit = {plan.unit.identity: plan for plan in plans}
    set_aside = {id(placed.finding) for placed in verified.refuted}
    standing: dict[tuple[str, str], _Standing] = {}
    from_models: list[Finding] = []
    for answered in answers:
        for finding in answered.findings:
            if id(finding) in set_aside:
                continue
            from_models.append(finding)
            plan = by_unit[answered.unit.identity]
            known = evidence_in_context(finding, (*plan.items, *answered.looked_up))
            key = (finding.source, finding.unit)
            before = standing.get(key)
            known = known or (before is not None and before.in_context)
            standing[key] = _Standing(answered.tier, known, _beside(answered, plan))
    renamed = {file.old_path: file.path for file in prepared.change.files if file.old_path}
    groups = merge((*from_models, *evidence.findings), earlier=request.earlier, renamed=renamed)
    origins = {group.finding.fingerprint: _origin(group, standing) for group in groups}

    def worth(group: Group) -> float:
        own = origins[group.finding.fingerprint]
        return max(
            score(
                finding,
                agreed=group.agreed,
                tier=_standing(finding, standing).tier,
                evidence_in_context=own.in_context,
            )
            for finding in (group.finding, *group.others)
        )

    placed = place(
        groups,
        Anchors.from_change(prepared.change),
        score=worth,
        threshold=policy.style.threshold,
        max_inline=policy.max_inline,
    )
    shown = tuple(_humbled(found, origins) for found in placed)
    rejected = tuple(item for answered in answers for item in answered.rejected)
    return (*shown, *verified.refuted, *rejected)


def _standing(finding: Finding, standing: Mapping[tuple[str, str], _Standing]) -> _Standing:
    """Return what stands behind a finding; an analyser's word is as good as the best model's."""
    return standing.get((finding.source, finding.unit), _Standing(Tier.FRONTIER, in_context=False))


def _origin(group: Group, standing: Mapping[tuple[str, str], _Standing]) -> _Standing:
    """Return the strongest tier behind a group, FRONTIER where an analyser speaks too."""
    known = [_standing(finding, standing) for finding in group.findings]
    return _Standing(
        max(row.tier for row in known), any(row.in_context for row in known), any(row.beside for row in known)
    )


def _beside(answered: Answered, plan: Plan) -> bool:
    """Tell whether what a unit's model says may stand beside the line: a free-tier one needs a second voice.

    A larger model of one's own is verified like a paid one, and who runs it chose it.
    """
    model = plan.candidate
    own = model is not None and model.payment is Payment.LOCAL and not is_small(model)
    return answered.tier > Tier.FREE or own


def _humbled(placed: PlacedFinding, origins: Mapping[str, _Standing]) -> PlacedFinding:
    """Keep what a free-tier model says alone out of the lines: its stated confidence was never measured."""
    origin = origins.get(placed.finding.fingerprint)
    alone = origin is not None and not origin.beside and placed.agreed < 2
    if placed.disposition is Disposition.INLINE and placed.finding.from_model and alone:
        return replace(placed, disposition=Disposition.SUMMARY, anchor=None, reason=_ALONE)
    return placed


def _coverage(
    request: ReviewRequest,
    prepared: Prepared,
    answers: Sequence[Answered],
    evidence: Evidence,
    *,
    has_model: bool,
) -> Coverage:
    reviewed: list[Reviewed] = []
    skipped = [*request.untouched, *prepared.scope.skipped]
    for answered in answers:
        by = "cache" if answered.from_store else f"model:{answered.by}"
        for hunk in answered.unit.hunks:
            if answered.problem:
                skipped.append(Skipped(hunk.path, hunk.header, answered.problem, excluded=False))
            else:
                reviewed.append(Reviewed(hunk.path, hunk.header, by))
    for unit in prepared.left_over:
        reason = f"beyond the {len(prepared.units)} units of one review (caps.max_units)"
        skipped += [Skipped(hunk.path, hunk.header, reason, excluded=False) for hunk in unit.hunks]
    if not has_model:
        for unit in prepared.units:
            for hunk in unit.hunks:
                if _analysed(hunk.path, evidence):
                    reviewed.append(Reviewed(hunk.path, hunk.header, "analysers"))
                else:
                    reason = "no model configured, and no analyser reads this kind of file"
                    skipped.append(Skipped(hunk.path, hunk.header, reason, excluded=False))
    return Coverage(tuple(reviewed), tuple(skipped))


def _analysed(path: str, evidence: Evidence) -> bool:
    ran = {run.tool for run in evidence.runs if not run.error}
    return path not in evidence.left_out and any(
        tool in ran and path.endswith(endings) for tool, endings in _LANGUAGE_TOOLS.items()
    )


def _status(
    prepared: Prepared, answers: Sequence[Answered], coverage: Coverage, *, has_model: bool
) -> ReviewStatus:
    if any(answered.limit for answered in answers):
        return ReviewStatus.STOPPED_BY_LIMIT
    if not prepared.units:
        return ReviewStatus.EMPTY if coverage.complete else ReviewStatus.INCOMPLETE
    if not has_model:
        return ReviewStatus.ANALYSERS_ONLY
    return ReviewStatus.COMPLETE if coverage.complete else ReviewStatus.INCOMPLETE


def _notices(
    request: ReviewRequest,
    prepared: Prepared,
    plans: Sequence[Plan],
    answers: Sequence[Answered],
    verified: Verified,
) -> tuple[str, ...]:
    notices = [*request.notices]
    secrets = prepared.redacted + sum(plan.redacted for plan in plans)
    if secrets:
        notices.append(f"{secrets} secret{'s were' if secrets > 1 else ' was'} taken out before anything was sent")
    notices += [note for answered in answers for note in answered.notices]
    return tuple(dict.fromkeys((*notices, *verified.notices)))
