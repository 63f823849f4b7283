"""Inline comments as the body of one `POST …/reviews`. Pure.

GitHub refuses the whole review for one line that is not part of the diff, so every anchor is proved against the
change first: https://docs.github.com/rest/pulls/reviews#create-a-review-for-a-pull-request
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from reviewer.change.anchor import Anchors
from reviewer.findings.model import Disposition, PlacedFinding
from reviewer.publish.inline import render_inline
from reviewer.publish.outgoing import Secrets, outgoing

OFF_THE_DIFF = "GitHub accepts no comment here: the line is not part of the diff"


def sort_out(
    findings: Iterable[PlacedFinding], anchors: Anchors
) -> tuple[tuple[PlacedFinding, ...], tuple[PlacedFinding, ...]]:
    """Split inline findings into those whose anchor stands in the diff, made regular, and the others, which become
    OUT_OF_DIFF with the reason.

    Regular: no start line where it equals the line; an end that GitHub would refuse for its start alone keeps its
    last line.
    """
    good, bad = [], []
    for placed in findings:
        anchor = placed.anchor
        found = anchors.place(anchor.path, anchor.line, anchor.start_line, anchor.side) if anchor else None
        if found is None and anchor is not None and anchor.start_line is not None:
            found = anchors.place(anchor.path, anchor.line, None, anchor.side)
        if found is None:
            bad.append(refused(placed, OFF_THE_DIFF))
        else:
            good.append(replace(placed, anchor=found))
    return tuple(good), tuple(bad)


def refused(placed: PlacedFinding, reason: str) -> PlacedFinding:
    """Return the finding as one for the summary."""
    return replace(placed, disposition=Disposition.OUT_OF_DIFF, anchor=None, reason=reason)


def comment_row(placed: PlacedFinding, *, head: str, secrets: Secrets) -> Mapping[str, Any]:
    """Return GitHub's object for one inline comment, with its body as it is to be sent."""
    anchor = placed.anchor
    if anchor is None:
        raise ValueError("an inline finding has an anchor")
    row: dict[str, Any] = {
        "path": anchor.path,
        "line": anchor.line,
        "side": str(anchor.side),
        "body": outgoing(render_inline(placed, head=head), secrets),
    }
    if anchor.start_line is not None:
        row |= {"start_line": anchor.start_line, "start_side": str(anchor.side)}
    return row
