"""Match findings with those that a pull request shows already, so that each issue is posted once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from policies.words import Severity
from reviewer.change.quotes import squeeze
from reviewer.findings.fingerprint import fingerprint
from reviewer.findings.model import Category, Finding
from reviewer.findings.similarity import Similarity, Statement

# From this chance on a finding is what a thread already says: precision .98 and recall .87 of findings, with the
# thread moved by seven lines or its line lost (`python -m bench duplicates_found`).
SAME_AS_EARLIER: Final = 0.3
# On the very same code the line says nothing, and only the words count: precision .98, recall .98 of pairs there.
SAME_CODE: Final = 0.6
# Asked before a danger is taken for something else that people dismissed: models name categories differently.
CERTAIN: Final = 0.9
# A finding of another path than its thread's, where that path is gone from the change.
SAME_AFTER_RENAME: Final = 0.8
# How far a comment is taken to be away when GitHub no longer says where it stands.
UNKNOWN_DISTANCE: Final = 8
OPEN: Final = "open"
CLOSED: Final = "closed"
RESOLVED: Final = "resolved"
DISMISSED: Final = "dismissed"
# Issues on one text of code that have had a fingerprint of their own.
MAX_ORDINAL: Final = 8


@dataclass(frozen=True, slots=True)
class EarlierFinding:
    """A finding that the pull request already shows.

    `state` is "open"; "closed" by us, for its code was mended; "resolved" by a person with a change of its code; or
    "dismissed": people said, or showed, that they do not want it. `line`, `severity` and `category` are None where
    they are not known. `quote` is the code that it was last seen on, `nearby` a digest of what was around that (""
    where an older version told it). `source` as in Finding.
    """

    fingerprint: str
    path: str
    title: str
    body: str
    line: int | None
    state: str
    url: str = ""
    severity: Severity | None = None
    category: Category | None = None
    quote: str = ""
    nearby: str = ""
    source: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the issue is open where it is still there: nobody closed it but we."""
        return self.state in (OPEN, CLOSED)


@dataclass(frozen=True, slots=True)
class _Pair:
    chance: float
    group: int
    earlier: int
    same_code: bool


def match_earlier(
    groups: Sequence[Sequence[Finding]],
    earlier: Sequence[EarlierFinding],
    *,
    renamed: Mapping[str, str],
    paths: Collection[str] | None = None,
    weights: Mapping[str, float] | None = None,
) -> dict[int, EarlierFinding]:
    """Return which group of findings says what an earlier finding said, by the group's position.

    `renamed` maps old paths to new ones. `paths` are those of the change: an earlier finding whose path is not one
    of them is looked for under the other paths, because a file that is new in the pull request and renamed in a
    later push is no rename to git's comparison with the base. The likeliest pairs come first, and each
    earlier finding answers for one group, so that two issues on one line do not hide behind one comment.
    """
    if not earlier:
        return {}
    findings = [finding for group in groups for finding in group]
    codes = {finding: _fingerprints(finding, finding.path) for finding in dict.fromkeys(findings)}
    moved = dict(renamed) | _renames(findings, earlier, renamed, paths, weights)
    old = [statement_of_earlier(one, moved) for one in earlier]
    similarity = Similarity([*map(statement_of, findings), *old], weights=weights)
    pairs = []
    for number, group in enumerate(groups):
        for finding in group:
            for at, one in enumerate(earlier):
                same_code = (
                    one.fingerprint in codes[finding]
                    or (bool(one.quote) and squeeze(one.quote) == squeeze(finding.quote))
                    or (one.path != old[at].path and one.fingerprint in _fingerprints(finding, one.path))
                )
                pair = _pair(finding, one, old[at], similarity, same_code=same_code)
                if pair is not None:
                    pairs.append(_Pair(pair, number, at, same_code))
    return _assigned(pairs, earlier)


def statement_of(finding: Finding) -> Statement:
    """Return what is compared of a finding."""
    return Statement(finding.path, finding.line, finding.title, finding.body, finding.category.value)


def statement_of_earlier(old: EarlierFinding, renamed: Mapping[str, str]) -> Statement:
    """Return what is compared of an earlier finding, under the path that its file has now."""
    return Statement(renamed.get(old.path, old.path), old.line or 0, old.title, old.body)


def _pair(
    finding: Finding, old: EarlierFinding, said: Statement, similarity: Similarity, *, same_code: bool
) -> float | None:
    """Return the chance that both say the same, None where it is too small to count."""
    if said.path != finding.path or (old.state == RESOLVED and not same_code):
        return None  # code that was changed and has a resolved issue again: people want to know
    ours = replace(statement_of(finding), category="")
    if same_code:
        said = replace(said, line=ours.line)
    elif not said.line:
        said = replace(said, line=ours.line + UNKNOWN_DISTANCE)
    chance = similarity.chance(ours, said)
    least = SAME_CODE if same_code else SAME_AS_EARLIER
    if not old.is_open:
        # What people closed without a word says nothing of something graver.
        if old.severity is not None and finding.severity >= Severity.HIGH and finding.severity - old.severity > 1:
            return None
        if finding.category is Category.SECURITY and old.category not in (None, Category.SECURITY):
            least = CERTAIN
    return chance if chance >= least else None


def _assigned(pairs: Sequence[_Pair], earlier: Sequence[EarlierFinding]) -> dict[int, EarlierFinding]:
    matches: dict[int, EarlierFinding] = {}
    taken: set[int] = set()
    for pair in sorted(pairs, key=lambda pair: (-pair.same_code, -pair.chance, pair.group, pair.earlier)):
        if pair.group in matches or pair.earlier in taken:
            continue
        matches[pair.group] = earlier[pair.earlier]
        taken.add(pair.earlier)
    return matches


def _renames(
    findings: Sequence[Finding],
    earlier: Sequence[EarlierFinding],
    renamed: Mapping[str, str],
    paths: Collection[str] | None,
    weights: Mapping[str, float] | None,
) -> dict[str, str]:
    """Return where files went whose path is gone from the change, by findings that are found again elsewhere."""
    if paths is None:
        return {}
    gone = [old for old in earlier if old.path not in paths and old.path not in renamed]
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    similarity = Similarity(
        [*map(statement_of, findings), *(statement_of_earlier(old, {}) for old in gone)], weights=weights
    )
    for old in gone:
        for finding in findings:
            here = replace(statement_of_earlier(old, {}), path=finding.path)
            ours = replace(statement_of(finding), category="")
            same = old.fingerprint in _fingerprints(finding, old.path)
            if same or similarity.chance(ours, here) >= SAME_AFTER_RENAME:
                votes[old.path][finding.path] += 2 if same else 1
    return {path: found.most_common(1)[0][0] for path, found in votes.items()}


def _fingerprints(finding: Finding, path: str) -> frozenset[str]:
    """Return every fingerprint that an issue on this code may have had under a path."""
    own = (
        fingerprint(path, finding.quote, kind, ordinal=ordinal)
        for kind in (Category.SECURITY, Category.DEFECT)
        for ordinal in range(MAX_ORDINAL)
    )
    return frozenset((finding.fingerprint, *own) if path == finding.path else own)
