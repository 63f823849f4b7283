"""Show what an analyser says with the same words of several lines of a file once, with all of its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from reviewer.findings.model import Disposition, PlacedFinding

# Lines that one comment names; the others are counted.
LINES_NAMED: Final = 20
_SHOWN: Final = (Disposition.INLINE, Disposition.SUMMARY)
# What the pull request shows already, or people have dismissed, is not raised again at another line of the file.
_KNOWN: Final = (Disposition.DUPLICATE, Disposition.SUPPRESSED)


def fold_repeats(placed: Sequence[PlacedFinding]) -> tuple[PlacedFinding, ...]:
    """Let the first of equal findings of an analyser name the lines of the others, and move these to the summary.

    Equal are findings of one rule in one file with the same words. Each stays a finding of its own, with its line.
    A finding with a suggestion, which belongs beside its line, and a leaked secret are left as they are.
    """
    groups: dict[tuple[str, str, str, str], list[int]] = {}
    for at, found in enumerate(placed):
        if _may_fold(found):
            finding = found.finding
            groups.setdefault((finding.path, finding.source, finding.title, finding.body), []).append(at)
    result = list(placed)
    for members in groups.values():
        members.sort(key=lambda at: (placed[at].disposition not in _KNOWN, placed[at].finding.line))
        first, *others = members
        shown = [at for at in others if placed[at].disposition in _SHOWN]
        if not shown or placed[first].disposition is Disposition.SUMMARY:
            continue
        if placed[first].disposition is Disposition.INLINE:
            result[first] = _with_lines(placed[first], sorted(placed[at].finding.line for at in shown))
        where = f"{placed[first].finding.path}:{placed[first].finding.line}"
        for at in shown:
            result[at] = replace(
                placed[at],
                disposition=Disposition.SUMMARY,
                anchor=None,
                reason=f"the comment at {where} is about it too",
            )
    return tuple(result)


def _may_fold(found: PlacedFinding) -> bool:
    finding = found.finding
    if finding.from_model or finding.suggestion is not None or finding.source.startswith("gitleaks:"):
        return False
    return found.disposition in (*_SHOWN, *_KNOWN) and found.agreed == 1


def _with_lines(found: PlacedFinding, lines: Sequence[int]) -> PlacedFinding:
    named = ", ".join(str(line) for line in lines[:LINES_NAMED])
    more = f" and {len(lines) - LINES_NAMED} more" if len(lines) > LINES_NAMED else ""
    word = "line" if len(lines) == 1 else "lines"
    return replace(
        found, finding=replace(found.finding, body=f"{found.finding.body}\n\nThe same on {word} {named}{more}.")
    )
