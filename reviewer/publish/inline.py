"""A finding as an inline comment. Pure."""

from __future__ import annotations

from typing import Final

from reviewer.change.model import Side
from reviewer.findings.model import Finding, PlacedFinding
from reviewer.prompts.redact import PLACEHOLDER
from reviewer.publish.escape import code, fence, suggestion
from reviewer.publish.figures import found_by, grade
from reviewer.publish.marker import Kind, Marker
from reviewer.publish.sanitize import markdown, title

# GitHub refuses more: https://github.com/danger/danger-js/issues/424. Counted as it counts, in UTF-16 units.
BODY_LIMIT: Final = 65_536
# Room under the limit for what another hand may add: a reply quotes the comment.
INLINE_LIMIT: Final = 30_000
MAX_EVIDENCE: Final = 4


def size(text: str) -> int:
    """Return the length of a text as GitHub counts it against its limits."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def render_inline(placed: PlacedFinding, *, head: str) -> str:
    """Return the comment's Markdown: marker, severity and title, body, suggestion, where it comes from."""
    marker = Marker(Kind.FINDING, head=head, fingerprint=placed.finding.fingerprint).line()
    return f"{marker}\n{render_finding(placed, limit=INLINE_LIMIT)}"


def render_finding(placed: PlacedFinding, *, limit: int = INLINE_LIMIT) -> str:
    """Return a finding in full: as in an inline comment, without the marker. `limit` bounds its body."""
    finding = placed.finding
    parts = [f"**{grade(finding)} · {title(finding.title)}**"]
    body = markdown(finding.body, limit=limit)
    if body:
        parts.append(body)
    parts += _suggested(placed)
    parts.append(f"*{_origin(placed)}*")
    return "\n\n".join(parts)


def _suggested(placed: PlacedFinding) -> list[str]:
    """A block that applies with one click, only where it replaces exactly the lines that it was written for."""
    finding = placed.finding
    text = finding.suggestion
    if text is None:
        return []
    if len(text) > INLINE_LIMIT:
        return [f"*The suggested change is too long for a comment ({len(text):,} characters).*"]
    if PLACEHOLDER in text:
        return ["Suggested change (a secret is left out, so it cannot be applied):", fence(text)]
    block = suggestion(text) if _fits_anchor(placed) else None
    if block is not None:
        return [block]
    return ["Suggested change:", fence(text)] if text.strip() else ["Suggested change: remove these lines."]


def _fits_anchor(placed: PlacedFinding) -> bool:
    anchor, finding = placed.anchor, placed.finding
    if anchor is None or anchor.side is not Side.RIGHT or finding.side is not Side.RIGHT:
        return False
    return (anchor.path, anchor.line, anchor.start_line or anchor.line) == (
        finding.path,
        finding.line,
        finding.start_line or finding.line,
    )


def _origin(placed: PlacedFinding) -> str:
    finding = placed.finding
    parts = [str(finding.category), found_by(finding)]
    if finding.confidence is not None:
        parts.append(f"confidence {round(finding.confidence * 100)} %")
    if placed.agreed > 1:
        parts.append(f"raised {placed.agreed} times independently")
    parts += _evidence(finding)
    return " · ".join(parts)


def _evidence(finding: Finding) -> list[str]:
    if not finding.evidence:
        return []
    shown = ", ".join(code(item) for item in finding.evidence[:MAX_EVIDENCE])
    more = len(finding.evidence) - MAX_EVIDENCE
    return [f"rests on {shown}" + (f" and {more} more" if more > 0 else "")]
