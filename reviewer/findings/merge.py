"""The same issue once: inside a run, and against what a pull request already shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reviewer.findings.alike import Likeness, Said
from reviewer.findings.fingerprint import fingerprint
from reviewer.findings.model import Disposition, Finding

# From this chance on two findings of a run are one issue: precision .97 and recall .87 of pairs, pull requests held
# out (`python -m bench duplicates_found`).
SAME_ISSUE: Final = 0.4
# And from this one on a finding is what a thread already says: precision .96 and recall .87 of findings, with the
# thread moved by seven lines or its line lost (same bench). Threads hold fewer issues than a run's own findings do.
SAME_AS_EARLIER: Final = 0.3
# One answer seldom says a thing twice, so what it says as two findings is merged only when it is nearly certain.
SAME_ANSWER: Final = 0.95
# On the very same code less is asked: it keeps 99.6 % of one issue's pairs, and takes 37 % of pairs of two issues.
SAME_CODE: Final = 0.15
# Bounds for a file with hundreds of findings: how many neighbours by line each is compared with, and how many can
# say one thing.
MAX_NEIGHBOURS: Final = 50
MAX_GROUP: Final = 12
# How far a comment is taken to be away when GitHub no longer says where it stands.
UNKNOWN_DISTANCE: Final = 8


@dataclass(frozen=True, slots=True)
class EarlierFinding:
    """A finding that the pull request already shows; `state` is "open", "resolved" or "dismissed".

    `line` is None where its thread is outdated: GitHub then no longer says where it stands.
    """

    fingerprint: str
    path: str
    title: str
    body: str
    line: int | None
    state: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """One issue: the finding that speaks for it, the others that say the same, and how many voices agree.

    `disposition` is set where the pull request already shows the issue: DUPLICATE of an open thread, SUPPRESSED
    where people dismissed it; `reason` says which.
    """

    finding: Finding
    others: tuple[Finding, ...] = ()
    agreed: int = 1
    disposition: Disposition | None = None
    reason: str = ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding of the group, the speaker first."""
        return self.finding, *self.others


def merge(
    findings: Sequence[Finding],
    *,
    earlier: Sequence[EarlierFinding] = (),
    renamed: Mapping[str, str] | None = None,
    voice: Callable[[Finding], str] = lambda finding: finding.source,
    weights: Mapping[str, float] | None = None,
) -> tuple[Group, ...]:
    """Group findings that say the same, and mark groups that an earlier finding already says.

    `voice` names who speaks: a second pass of one model is a second voice. `renamed` maps old paths to new ones, so
    that a thread follows its file. `weights` replace the fitted ones, to measure others. Findings of different
    files are never one issue. The result is ordered as the first finding of each group was; every finding is in
    exactly one group.
    """
    earlier_said = [_said_earlier(old, renamed or {}) for old in earlier]
    likeness = Likeness([*map(_said, findings), *earlier_said], weights=weights)
    groups = [_group(members, voice) for members in _clusters(findings, likeness, voice)]
    marked = [_against_earlier(group, earlier, earlier_said, likeness) for group in groups]
    return tuple(_named(marked))


def _clusters(
    findings: Sequence[Finding], likeness: Likeness, voice: Callable[[Finding], str]
) -> list[list[Finding]]:
    """Join pairs, the most alike first, as long as the joined groups are alike on average."""
    cluster_of = list(range(len(findings)))
    members = {index: [index] for index in cluster_of}
    chances = _chances(findings, likeness)

    def joins(left: Sequence[int], right: Sequence[int]) -> bool:
        total = 0.0
        for one in left:
            for other in right:
                chance = chances.get((min(one, other), max(one, other)), 0.0)
                first, second = findings[one], findings[other]
                if _two_hits(first, second):
                    return False
                if voice(first) == voice(second) and first.unit == second.unit and chance < SAME_ANSWER:
                    return False
                total += chance
        return total >= SAME_ISSUE * len(left) * len(right)

    for (first, second), chance in sorted(chances.items(), key=lambda entry: (-entry[1], entry[0])):
        if chance < SAME_ISSUE:
            break
        left, right = cluster_of[first], cluster_of[second]
        small = len(members.get(left, ())) + len(members.get(right, ())) <= MAX_GROUP
        if left != right and small and joins(members[left], members[right]):
            left, right = min(left, right), max(left, right)
            for index in members[right]:
                cluster_of[index] = left
            members[left] += members.pop(right)
    return [[findings[index] for index in sorted(members[key])] for key in sorted(members)]


def _two_hits(first: Finding, second: Finding) -> bool:
    """Tell whether two findings are hits of analysers on two lines: the same words, and two places to mend."""
    return not (first.from_model or second.from_model) and first.line != second.line


def _chances(findings: Sequence[Finding], likeness: Likeness) -> dict[tuple[int, int], float]:
    """Compare each finding with its neighbours in the same file, by position in the list, the smaller first."""
    by_path: dict[str, list[int]] = defaultdict(list)
    for index, finding in enumerate(findings):
        by_path[finding.path].append(index)
    chances = {}
    for indices in by_path.values():
        indices.sort(key=lambda index: (findings[index].line, index))
        for place, first in enumerate(indices):
            for second in indices[place + 1 : place + 1 + MAX_NEIGHBOURS]:
                pair = (min(first, second), max(first, second))
                chances[pair] = likeness.chance(_said(findings[pair[0]]), _said(findings[pair[1]]))
    return chances


def _group(members: Sequence[Finding], voice: Callable[[Finding], str]) -> Group:
    def strength(finding: Finding) -> tuple[int, bool, bool, float]:
        fix = finding.suggestion is not None
        return finding.severity, finding.from_model, fix, finding.confidence or 0.0

    speaker = max(members, key=strength)
    others = tuple(finding for finding in members if finding is not speaker)
    return Group(speaker, others, len({voice(finding) for finding in members}))


def _against_earlier(
    group: Group, earlier: Sequence[EarlierFinding], said: Sequence[Said], likeness: Likeness
) -> Group:
    best: tuple[float, EarlierFinding] | None = None
    for old, old_said in zip(earlier, said, strict=True):
        for finding in group.findings:
            same_code = old.fingerprint == finding.fingerprint
            if not same_code and old_said.path != finding.path:
                continue
            ours = replace(_said(finding), category="")
            chance = likeness.chance(ours, _somewhere(old_said, ours))
            if old.state == "resolved" and not same_code:
                continue  # the code was changed and the issue is there again: people want to know
            least = SAME_CODE if same_code else SAME_AS_EARLIER
            if chance >= least and (best is None or chance > best[0]):
                best = (chance, old)
    if best is None:
        return group
    old = best[1]
    where = f" ({old.url})" if old.url else ""
    if old.state == "open":
        return replace(group, disposition=Disposition.DUPLICATE, reason=f"already raised in an open thread{where}")
    return replace(group, disposition=Disposition.SUPPRESSED, reason=f"{old.state} before{where}")


def _named(groups: Sequence[Group]) -> list[Group]:
    """Give different issues on one line of code fingerprints of their own."""
    seen: dict[str, int] = {}
    named = []
    for group in groups:
        finding = group.finding
        ordinal = seen.get(finding.fingerprint, 0)
        seen[finding.fingerprint] = ordinal + 1
        if ordinal:
            own = fingerprint(finding.path, finding.quote, finding.category, ordinal=ordinal)
            group = replace(group, finding=replace(finding, fingerprint=own))  # noqa: PLW2901
        named.append(group)
    return named


def _said(finding: Finding) -> Said:
    return Said(finding.path, finding.line, finding.title, finding.body, finding.category.value)


def _said_earlier(old: EarlierFinding, renamed: Mapping[str, str]) -> Said:
    return Said(renamed.get(old.path, old.path), old.line or 0, old.title, old.body)


def _somewhere(old: Said, ours: Said) -> Said:
    return old if old.line else replace(old, line=ours.line + UNKNOWN_DISTANCE)
