"""Marks as the protocol's diagnostics, hovers and code actions. A finding's texts are hostile: plain text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lsprotocol import types

from policies.words import Severity
from reviewer.findings.model import Finding
from reviewer.lsp.marks import FileMarks, Mark, Moved
from reviewer.lsp.positions import Positions, Span
from reviewer.prompts.fence import reveal

SOURCE: Final = "kilo-review"
DISMISS: Final = "kilo.dismiss"
EXPLAIN: Final = "kilo.explain"
REASONS: Final = ("it is wrong", "it is intended", "it is not worth a change")
_SEVERITIES: Final = {
    Severity.CRITICAL: types.DiagnosticSeverity.Error,
    Severity.HIGH: types.DiagnosticSeverity.Error,
    Severity.MEDIUM: types.DiagnosticSeverity.Warning,
    Severity.LOW: types.DiagnosticSeverity.Information,
}


@dataclass(frozen=True, slots=True)
class View:
    """A file as the editor has it: its address, its text's lines, and the document's version where it is open."""

    uri: str
    positions: Positions
    version: int | None = None
    versioned_edits: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A mark whose lines are there, from line `start` on (1-based)."""

    mark: Mark
    start: int

    @property
    def end(self) -> int:
        """Its last line."""
        return self.start + self.mark.end - self.mark.start


def placed(file: FileMarks, view: View) -> tuple[Placed, ...]:
    """Return the marks whose lines the text still has, where it has them."""
    moved = Moved(file.lines, view.positions.lines)
    found = ((mark, moved.start_of(mark)) for mark in file.marks)
    return tuple(Placed(mark, start) for mark, start in found if start is not None)


def diagnostic(item: Placed, view: View) -> types.Diagnostic:
    """Return a finding as a diagnostic: what, why, and who says so."""
    finding = item.mark.finding
    level = _SEVERITIES[finding.severity] if finding.graded else types.DiagnosticSeverity.Warning
    return types.Diagnostic(
        range=_range(view.positions.span(item.start, item.end, indented=True)),
        message=explanation(finding),
        severity=level,
        code=_code(finding),
        source=SOURCE,
        data={"fingerprint": finding.fingerprint, "origin": origin(finding), "by": finding.source},
    )


def origin(finding: Finding) -> str:
    """Return "model" or "analyser"."""
    return "model" if finding.from_model else "analyser"


def explanation(finding: Finding) -> str:
    """Return the whole of a finding as plain text."""
    grade = finding.severity.label if finding.graded else "ungraded"
    by = f"{origin(finding)} {finding.source.removeprefix('model:')}"
    parts = (reveal(finding.title), reveal(finding.body), f"{grade} · {finding.category.value} · {reveal(by)}")
    return "\n\n".join(part for part in parts if part.strip())


def _code(finding: Finding) -> str:
    """Return the analyser's rule, or a model's category."""
    return reveal(finding.category.value if finding.from_model else finding.source.partition(":")[2])


def _range(span: Span) -> types.Range:
    return types.Range(
        types.Position(span.start_line, span.start_column), types.Position(span.end_line, span.end_column)
    )


def actions(item: Placed, file: FileMarks, view: View, *, asks_reason: bool) -> Iterator[types.CodeAction]:
    """Yield what can be done about a finding: apply its suggestion, dismiss it, have it explained."""
    finding, shown = item.mark.finding, diagnostic(item, view)
    about = {"fingerprint": finding.fingerprint, "uri": view.uri}
    edit = _edit(item, file, view)
    if edit is not None:
        yield types.CodeAction(
            title=f"Apply suggestion: {_short(finding.title)}",
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[shown],
            edit=edit,
        )
    for reason in ("",) if asks_reason else REASONS:
        title = f"Dismiss: {reason}" if reason else f"Dismiss: {_short(finding.title)} …"
        command = types.Command(title=title, command=DISMISS, arguments=[about | {"reason": reason}])
        yield types.CodeAction(
            title=title, kind=types.CodeActionKind.QuickFix, diagnostics=[shown], command=command
        )
    title = "Explain the finding"
    yield types.CodeAction(
        title=title,
        kind=types.CodeActionKind.QuickFix,
        diagnostics=[shown],
        command=types.Command(title=title, command=EXPLAIN, arguments=[about]),
    )


def _edit(item: Placed, file: FileMarks, view: View) -> types.WorkspaceEdit | None:
    """Return the edit that makes the lines what the suggestion says; None where they are not what was reviewed."""
    finding = item.mark.finding
    lines = view.positions.lines[item.start - 1 : item.end]
    if finding.suggestion is None or not lines or lines != file.suggested_lines(item.mark):
        return None
    text = view.positions.line_end.join(finding.suggestion.split("\n"))
    edit = types.TextEdit(range=_range(view.positions.span(item.start, item.end)), new_text=text)
    if not view.versioned_edits:
        return types.WorkspaceEdit(changes={view.uri: [edit]})
    document = types.OptionalVersionedTextDocumentIdentifier(uri=view.uri, version=view.version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(text_document=document, edits=[edit])])


def _short(text: str) -> str:
    plain = " ".join(reveal(text).split())
    return plain if len(plain) <= 60 else f"{plain[:59]}…"
