"""Group findings that say the same, and mark what the pull request shows already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reviewer.findings.earlier import EarlierFinding, match_earlier, statement_of, statement_of_earlier
from reviewer.findings.fingerprint import fingerprint
from reviewer.findings.model import Disposition, Finding
from reviewer.findings.similarity import Similarity

# From this chance on two findings of a run are one issue: precision .97 and recall .87 of pairs, pull requests held
# out (`python -m bench duplicates_found`).
SAME_ISSUE: Final = 0.4
# One answer seldom says a thing twice, so what it says as two findings is merged only when it is nearly certain.
SAME_ANSWER: Final = 0.95
# And only there: the same words about a line far away are the same fault at a second place.
SAME_ANSWER_LINES: Final = 5
# Bounds for a file with hundreds of findings: how many neighbours by line each is compared with, and how many can
# say one thing.
MAX_NEIGHBOURS: Final = 50
MAX_GROUP: Final = 12


@dataclass(frozen=True, slots=True)
class Group:
    """One issue: the finding that is shown, the others that say the same, and how many sources agree.

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
        """Every finding of the group, the one that is shown first."""
        return self.finding, *self.others


def merge(
    findings: Sequence[Finding],
    *,
    earlier: Sequence[EarlierFinding] = (),
    renamed: Mapping[str, str] | None = None,
    paths: Collection[str] | None = None,
    source_of: Callable[[Finding], str] = lambda finding: finding.source,
    weights: Mapping[str, float] | None = None,
) -> tuple[Group, ...]:
    """Group findings that say the same, and mark groups that an earlier finding already says.

    `source_of` names the source of a finding: a second pass of one model counts as a second source. `renamed` maps
    old paths to new ones, so that a thread follows its file; `paths` are those of the change, to find files that a
    later push renamed. `weights` replace the fitted ones, to measure others. Findings of different files are never
    one issue. The order of the result is that of each group's first finding; every finding is in exactly one group.
    """
    batch = [*map(statement_of, findings), *(statement_of_earlier(old, renamed or {}) for old in earlier)]
    similarity = Similarity(batch, weights=weights)
    groups = [_group(members, source_of) for members in _clusters(findings, similarity, source_of)]
    shown = match_earlier(
        [group.findings for group in groups], earlier, renamed=renamed or {}, paths=paths, weights=weights
    )
    marked = [
        _mark_as_shown(group, shown[number]) if number in shown else group for number, group in enumerate(groups)
    ]
    return tuple(_named(marked, earlier))


def left_out(before: Sequence[Finding], now: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings of an earlier answer that a later answer to the same question does not repeat."""
    kept = set(now)
    earlier = [finding for finding in before if finding not in kept]
    groups = merge((*earlier, *now), source_of=lambda finding: "now" if finding in kept else "before")
    return tuple(finding for group in groups if kept.isdisjoint(group.findings) for finding in group.findings)


def _clusters(
    findings: Sequence[Finding], similarity: Similarity, source_of: Callable[[Finding], str]
) -> list[list[Finding]]:
    """Join pairs, the likeliest first, as long as the joined groups say the same on average."""
    cluster_of = list(range(len(findings)))
    members = {index: [index] for index in cluster_of}
    chances = _chances(findings, similarity)

    def joins(left: Sequence[int], right: Sequence[int]) -> bool:
        total = 0.0
        for one in left:
            for other in right:
                chance = chances.get((min(one, other), max(one, other)), 0.0)
                first, second = findings[one], findings[other]
                if _two_hits(first, second):
                    return False
                if (
                    source_of(first) == source_of(second)
                    and first.unit == second.unit
                    and (chance < SAME_ANSWER or abs(first.line - second.line) > SAME_ANSWER_LINES)
                ):
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


def _chances(findings: Sequence[Finding], similarity: Similarity) -> dict[tuple[int, int], float]:
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
                chances[pair] = similarity.chance(statement_of(findings[pair[0]]), statement_of(findings[pair[1]]))
    return chances


def _group(members: Sequence[Finding], source_of: Callable[[Finding], str]) -> Group:
    def strength(finding: Finding) -> tuple[int, bool, bool, float]:
        fix = finding.suggestion is not None
        return finding.severity, finding.from_model, fix, finding.confidence or 0.0

    shown = max(members, key=strength)
    others = tuple(finding for finding in members if finding is not shown)
    return Group(shown, others, len({source_of(finding) for finding in members}))


def _mark_as_shown(group: Group, old: EarlierFinding) -> Group:
    """Return the group as one that the pull request shows already, under the fingerprint that it has there."""
    finding = replace(group.finding, fingerprint=old.fingerprint)
    if old.is_open:
        return replace(group, finding=finding, disposition=Disposition.DUPLICATE, reason=open_thread(old))
    reason = f"{old.state} before{_address(old)}"
    return replace(group, finding=finding, disposition=Disposition.SUPPRESSED, reason=reason)


def open_thread(old: EarlierFinding) -> str:
    """Return the reason of a finding that an open thread of the pull request has already."""
    return f"already raised in an open thread{_address(old)}"


def _address(old: EarlierFinding) -> str:
    return f" ({old.url})" if old.url else ""


def _named(groups: Sequence[Group], earlier: Sequence[EarlierFinding]) -> list[Group]:
    """Give each new issue a fingerprint of its own, also on code that another issue has or had one for."""
    taken = {old.fingerprint for old in earlier}
    named = []
    for group in groups:
        finding = group.finding
        name, ordinal = finding.fingerprint, 0
        while name in taken and (group.disposition is None or ordinal):
            ordinal += 1
            name = fingerprint(finding.path, finding.quote, finding.category, ordinal=ordinal)
        taken.add(name)
        named.append(replace(group, finding=replace(finding, fingerprint=name)) if ordinal else group)
    return named
