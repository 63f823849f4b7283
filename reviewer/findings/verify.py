"""Verification refutes: a finding is set aside only with the line that shows it false, older, or said twice.

It may also say with such a line that a finding is overstated, and that it belongs on another line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from policies.words import Severity
from reviewer.change.model import Side
from reviewer.change.paths import quote as quoted_path
from reviewer.change.quotes import squeeze
from reviewer.findings.fingerprint import fingerprint
from reviewer.findings.grades import severity_of
from reviewer.findings.model import Disposition, Finding, PlacedFinding
from reviewer.findings.reading import read_json
from reviewer.findings.remarks import remarks

MAX_PROOF: Final = 400
MAX_REASON: Final = 300
# A shorter line, such as a brace, proves nothing.
MIN_PROOF: Final = 4


class Outcome(StrEnum):
    """What a verification says of a finding."""

    STANDS = "stands"
    FALSE = "false"
    OLDER = "older"
    REPEATED = "repeated"
    OVERSTATED = "overstated"
    MISPLACED = "misplaced"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One verdict as stated; `number` counts the findings from 1.

    `severity` is what an overstated finding deserves, `line` where a misplaced one belongs.
    """

    number: int
    outcome: Outcome
    proof: str = ""
    same_as: int | None = None
    reason: str = ""
    severity: Severity | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Verification:
    """What stands, what is set aside with its proof, and what was called refuted without one (so it stands too).

    `confirmed` are those that a verdict lets stand; on the others there is none, or one without proof. `revised`
    are findings that stand otherwise than stated, each before and after; elsewhere they are as stated.
    """

    stands: tuple[Finding, ...]
    refuted: tuple[PlacedFinding, ...]
    unproven: tuple[Finding, ...]
    confirmed: tuple[Finding, ...] = ()
    revised: tuple[tuple[Finding, Finding], ...] = ()


def read_verdicts(text: str) -> tuple[Verdict, ...] | None:
    """Read the verdicts of an answer, None where it holds none; entries that make no sense are left out."""
    documents = read_json(text).documents
    listed = [item for document in documents for item in _listed(document)]
    if not listed and not any(isinstance(document, dict) and "verdicts" in document for document in documents):
        return None
    verdicts = []
    for item in listed:
        if not isinstance(item, dict) or not isinstance(item.get("number"), int):
            continue
        word = str(item.get("verdict")).lower()
        if word not in set(Outcome):
            continue
        proof, same, reason = item.get("proof"), item.get("same_as"), item.get("reason")
        verdicts.append(
            Verdict(
                item["number"],
                Outcome(word),
                proof[:MAX_PROOF] if isinstance(proof, str) else "",
                same if isinstance(same, int) else None,
                reason[:MAX_REASON] if isinstance(reason, str) else "",
                severity_of(item.get("severity")),
                line if isinstance(line := item.get("line"), int) and line > 0 else 0,
            )
        )
    return tuple(verdicts)


def _listed(document: Any) -> list[Any]:
    """Return the entries of a document that may be verdicts: its list, or itself."""
    if isinstance(document, dict):
        document = document.get("verdicts", [document])
    return [item for item in document if isinstance(item, dict) and "verdict" in item] if document else []


def apply_verdicts(findings: Sequence[Finding], verdicts: Sequence[Verdict], *, shown: str) -> Verification:
    """Set aside what is refuted with a proof that is really among the lines `shown`; everything else stands.

    An added line is no proof that a problem is older than the change. A remark that the change adds is no proof of
    anything, and against a finding of HIGH or CRITICAL no remark is: whoever writes the fault can write above it
    that it is none. Of findings that repeat one another in a circle, the first stands.
    """
    lines = _lines(shown)
    said = {verdict.number: verdict for verdict in verdicts if 1 <= verdict.number <= len(findings)}
    stands: list[Finding] = []
    refuted: list[PlacedFinding] = []
    unproven: list[Finding] = []
    confirmed: list[Finding] = []
    revised: list[tuple[Finding, Finding]] = []
    for number, finding in enumerate(findings, start=1):
        verdict = said.get(number)
        if verdict is None or verdict.outcome is Outcome.STANDS:
            stands.append(finding)
            confirmed += [finding] if verdict else []
            continue
        proof = _proof(number, verdict, findings, said, lines)
        if verdict.outcome in (Outcome.OVERSTATED, Outcome.MISPLACED):
            stands.append(finding)
            changed = _revised(finding, verdict, shown) if proof else finding
            if changed is not finding:
                revised.append((finding, changed))
                confirmed.append(finding)
            continue
        if proof:
            refuted.append(PlacedFinding(finding, Disposition.UNVERIFIED, f"{verdict.outcome.value}: {proof}"))
        else:
            stands.append(finding)
            unproven.append(finding)
    return Verification(tuple(stands), tuple(refuted), tuple(unproven), tuple(confirmed), tuple(revised))


def _revised(finding: Finding, verdict: Verdict, shown: str) -> Finding:
    """Return a finding as a verdict with a proof says that it should be stated: never graver than it was."""
    if verdict.outcome is Outcome.OVERSTATED:
        lower = verdict.severity is not None and verdict.severity < finding.severity
        return replace(finding, severity=verdict.severity) if lower and verdict.severity is not None else finding
    if not verdict.line or verdict.line == finding.line or finding.side is Side.LEFT:
        return finding
    # What it suggested was for the other lines.
    quote = squeeze(_bare(verdict.proof)[0])
    if not _stands_at(finding.path, verdict.line, quote, shown):
        return finding
    return replace(
        finding,
        line=verdict.line,
        start_line=None,
        suggestion=None,
        quote=quote,
        fingerprint=fingerprint(finding.path, quote, finding.category),
    )


def _proof(
    number: int,
    verdict: Verdict,
    findings: Sequence[Finding],
    said: Mapping[int, Verdict],
    lines: Mapping[str, _Shown],
) -> str:
    """Return what refutes a finding, in words for the record; "" where nothing does."""
    if verdict.outcome is Outcome.REPEATED:
        other = verdict.same_as
        if other is None or other == number or not 1 <= other <= len(findings):
            return ""
        back = said.get(other)
        if back is not None and back.outcome is not Outcome.STANDS and other > number:
            return ""  # the other is set aside itself, so this one stays for both
        return f"finding {findings[other - 1].title!r} says the same"
    text = squeeze(verdict.proof)
    known = lines.get(text, lines.get(squeeze(text.lstrip("+- 0123456789"))))
    if len(text) < MIN_PROOF or known is None or (verdict.outcome is Outcome.OLDER and known.added):
        return ""
    if known.added_remark or (known.remark and findings[number - 1].severity >= Severity.HIGH):
        return ""
    return f"{text[:200]} ({verdict.reason})" if verdict.reason else text[:200]


def _stands_at(path: str, line: int, quote: str, shown: str) -> bool:
    """Tell whether a file was shown with this line at this number."""
    inside = False
    for row in shown.split("\n"):
        if row.startswith(("### ", "<", "</")):
            inside = row in (f"### {path}", f"### {quoted_path(path)}")
        elif inside and row.partition(" ")[0] == str(line) and squeeze(_bare(row)[0]) == quote:
            return True
    return False


@dataclass(frozen=True, slots=True)
class _Shown:
    """A line as the verifier saw it, one or several times.

    `added`: the change adds it wherever it stands. `remark`: it is a comment or a docstring somewhere.
    `added_remark`: one that the change adds.
    """

    added: bool
    remark: bool
    added_remark: bool


def _lines(shown: str) -> dict[str, _Shown]:
    """Return every line shown, without its number and marker, and what it is worth as a proof."""
    lines: dict[str, _Shown] = {}
    rows = [_bare(line) for line in shown.split("\n")]
    told = remarks(text for text, _added in rows)
    for (text, added), remark in zip(rows, told, strict=True):
        bare = squeeze(text)
        if bare:
            before = lines.get(bare, _Shown(added=True, remark=False, added_remark=False))
            lines[bare] = _Shown(
                before.added and added, before.remark or remark, before.added_remark or (added and remark)
            )
    return lines


def _bare(line: str) -> tuple[str, bool]:
    """Return a line without its number and marker, and whether the change adds it."""
    number, _, rest = line.partition(" ")
    if number.isdigit() and rest[:1] in ("+", "-", " "):
        return rest[1:], rest.startswith("+")
    # A removed line has no number where the change is shown inside its code.
    return line.removeprefix("-"), False
