"""Check an answer by name: a finding stands on a real line, a suggestion applies, nothing is cut."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from policies.words import Check, Severity
from reviewer.change.anchor import NEAR_LINES, Anchors
from reviewer.change.model import Anchor, Side, Unit
from reviewer.change.quotes import squeeze
from reviewer.findings.fingerprint import fingerprint
from reviewer.findings.model import Finding
from reviewer.findings.parse import Parsed, RawFinding
from reviewer.findings.paths import changed_path
from reviewer.findings.suggestion import judge_suggestion
from reviewer.git.snapshot import Snapshot
from reviewer.models.model import Completion, FinishReason

# A quote this like the line that is named with it is that line, miscopied.
MISCOPY_RATIO = 0.85

# A second place as it is asked for.
_ALSO: Final = re.compile(r"[^\s`:]+:\d{1,7}(?:-\d{1,7})?")
# What a backslash that was not escaped becomes when JSON is read: "\bword" in code is a backspace then.
_CONTROL: Final = re.compile(r"[\x08\x0c]")

_CUT = {
    FinishReason.LENGTH: "the answer was cut off at the token limit",
    FinishReason.RUNAWAY: "the answer ran away and was stopped",
    FinishReason.CUT: "the connection broke off in the middle of the answer",
}


@dataclass(frozen=True, slots=True)
class CheckFailure:
    """A check that failed: for one finding, or for the whole answer where `finding` is None."""

    check: Check
    detail: str
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What passed, and every failure: those of the whole answer first, then in the order of the findings.

    A finding that lost only its suggestion is in both.
    """

    good: tuple[Finding, ...]
    failures: tuple[CheckFailure, ...]


def check_answer(
    parsed: Parsed,
    completion: Completion,
    unit: Unit,
    anchors: Anchors,
    head: Snapshot | None,
    evidence: Sequence[Finding] = (),
    *,
    source: str = "",
) -> Checked:
    """Check an answer about a unit.

    `evidence` are the analysers' findings in the unit. `source` is what the findings will name as theirs
    ("model:<name>", by default from the completion). A suggestion that fails is taken off its finding.
    """
    source = source or f"model:{completion.model}"
    failures = [*_whole(parsed, completion, evidence)]
    good: list[Finding] = []
    for raw, problem in parsed.malformed:
        failures.append(CheckFailure(Check.SCHEMA, problem, _unplaced(raw, unit, anchors, source)))
    for raw in parsed.findings:
        finding, failure = _check_finding(raw, unit, anchors, head, source)
        if finding is not None:
            good.append(finding)
        if failure is not None:
            failures.append(failure)
    return Checked(tuple(dict.fromkeys(good)), tuple(failures))


def _whole(parsed: Parsed, completion: Completion, evidence: Sequence[Finding]) -> list[CheckFailure]:
    if completion.finish_reason is FinishReason.REFUSAL:
        return [CheckFailure(Check.REFUSED, "the model declined to review this change")]
    if completion.finish_reason in _CUT:
        return [CheckFailure(Check.TRUNCATED, _CUT[completion.finish_reason])]
    if parsed.failed is not None:
        return [CheckFailure(parsed.failed, parsed.detail)]
    if parsed.uncertain:
        return [CheckFailure(Check.SELF_REPORTED_UNCERTAIN, "the model says that it cannot judge this change")]
    grave = [found for found in evidence if found.severity >= Severity.HIGH]
    if grave and not (parsed.findings or parsed.malformed):
        detail = f"it reports nothing where {grave[0].source} reports {grave[0].title!r} at {grave[0].path}"
        return [CheckFailure(Check.EMPTY_ON_EVIDENCE, f"{detail}:{grave[0].line}")]
    return []


def _check_finding(
    raw: RawFinding, unit: Unit, anchors: Anchors, head: Snapshot | None, source: str
) -> tuple[Finding | None, CheckFailure | None]:
    """Return the finding where it stands, and what failed; both where only its suggestion failed."""
    path, line = changed_path(raw.path, anchors)
    if path is None:
        detail = f"{raw.path!r} is not a file of this change" if raw.path else "it names no file"
        return None, CheckFailure(Check.ANCHOR, detail, _unplaced(raw, unit, anchors, source))
    raw = replace(raw, path=path, line=raw.line or line)
    anchor = _anchor(raw, anchors)
    if anchor is None:
        line = _line_in_file(raw, path, head)
        if line:
            return _finding(raw, Anchor(path, Side.RIGHT, line), raw.quote.strip(), unit, source), None
        quote = squeeze(raw.quote)[:120]
        detail = (
            f"{path} has no line {quote!r}" if quote else f"it quotes no line of {path} and names none of the diff"
        )
        return None, CheckFailure(Check.QUOTE, detail, _unplaced(raw, unit, anchors, source))
    quoted = _text_at(anchor, anchors)
    if raw.deletes:
        anchor, kept = _with_a_line_that_stays(anchor, anchors)
        raw = replace(raw, suggestion=kept)
    finding = _finding(raw, anchor, quoted, unit, source)
    if raw.suggestion is None:
        return finding, None
    judged = judge_suggestion(raw.suggestion, anchor, anchors, head)
    finding = replace(finding, suggestion=judged.text)
    return finding, CheckFailure(judged.check, judged.detail, finding) if judged.check is not None else None


def _anchor(raw: RawFinding, anchors: Anchors) -> Anchor | None:
    """Return where the finding stands: at its quote, or at its line where it has no quote."""
    if not raw.quote.strip():
        return anchors.place(raw.path, raw.line)
    for quote in dict.fromkeys((raw.quote, _CONTROL.sub(_escaped, raw.quote))):
        found = anchors.by_quote(raw.path, quote, raw.line or None) or _miscopied(raw, quote, anchors)
        if found is not None:
            return found
    return None


def _with_a_line_that_stays(anchor: Anchor, anchors: Anchors) -> tuple[Anchor, str | None]:
    """Return lines that hold those to delete and one beside them, and that one as what replaces them.

    A suggestion of no line at all is shown as a blank one. None where no line beside them is in the same hunk.
    """
    first = anchor.start_line or anchor.line
    for number, start, end in ((first - 1, first - 1, anchor.line), (anchor.line + 1, first, anchor.line + 1)):
        beside, wider = anchors.line_at(anchor.path, number), anchors.place(anchor.path, end, start)
        if anchor.side is Side.RIGHT and beside is not None and beside.text.strip() and wider is not None:
            return wider, beside.text
    return anchor, None


def _body(raw: RawFinding) -> str:
    return f"{raw.body}\n\nAlso at `{raw.also}`." if _ALSO.fullmatch(raw.also) else raw.body


def _escaped(control: re.Match[str]) -> str:
    return "\\b" if control[0] == "\b" else "\\f"


def _finding(raw: RawFinding, anchor: Anchor, quote: str, unit: Unit, source: str) -> Finding:
    return Finding(
        path=anchor.path,
        line=anchor.line,
        start_line=anchor.start_line,
        side=anchor.side,
        severity=raw.severity,
        category=raw.category,
        title=raw.title,
        body=_body(raw),
        source=source,
        fingerprint=fingerprint(anchor.path, quote, raw.category),
        quote=quote,
        confidence=raw.confidence,
        evidence=raw.evidence,
        unit=unit.identity,
        graded=raw.graded,
    )


def _unplaced(raw: RawFinding, unit: Unit, anchors: Anchors, source: str) -> Finding:
    """Return the finding where its quote is, else where the model said: the summary shows it as it was stated."""
    path, line = changed_path(raw.path, anchors)
    raw = replace(raw, path=path or raw.path or unit.paths[0], line=raw.line or line)
    anchor = (_anchor(raw, anchors) if path else None) or Anchor(raw.path, Side.RIGHT, max(1, raw.line))
    return _finding(raw, anchor, raw.quote.strip(), unit, source)


def _miscopied(raw: RawFinding, quote: str, anchors: Anchors) -> Anchor | None:
    """Return the line near the named one that the quote is nearly equal to."""
    wanted = squeeze(quote)
    if not raw.line or "\n" in quote.strip() or len(wanted) < NEAR_LINES:
        return None
    candidates: list[tuple[float, int, int]] = []
    for line in range(raw.line - NEAR_LINES, raw.line + NEAR_LINES + 1):
        at = anchors.line_at(raw.path, line)
        if at is not None:
            ratio = difflib.SequenceMatcher(None, wanted, squeeze(at.text)).ratio()
            candidates.append((ratio, -abs(line - raw.line), line))
    ratio, _distance, line = max(candidates, default=(0.0, 0, 0))
    return anchors.place(raw.path, line) if ratio >= MISCOPY_RATIO else None


def _line_in_file(raw: RawFinding, path: str, head: Snapshot | None) -> int:
    """Return the line of the head's file that the quote copies, the nearest to the named one; 0 where none does."""
    source = head.read(path) if head is not None else None
    wanted = squeeze(raw.quote.strip().split("\n")[0])
    if source is None or not wanted:
        return 0
    lines = source.decode("utf-8", "replace").split("\n")
    found = [number for number, line in enumerate(lines, start=1) if squeeze(line) == wanted]
    return min(found, key=lambda number: abs(number - raw.line), default=0)


def _text_at(anchor: Anchor, anchors: Anchors) -> str:
    first = anchor.start_line or anchor.line
    lines = [anchors.line_at(anchor.path, number, anchor.side) for number in range(first, anchor.line + 1)]
    return "\n".join(line.text for line in lines if line is not None)
