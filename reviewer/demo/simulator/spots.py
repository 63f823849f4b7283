"""Where an inline comment may go: GitHub's rules, read off the patches of the pull request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reviewer.demo.simulator.api import BODY_LIMIT, GitHubError
from reviewer.demo.simulator.gitdata import Place, Places, places

LINE_OFF: Final = "Pull request review thread line must be part of the diff"
START_OFF: Final = "Pull request review thread start line must be part of the diff"
START_AFTER: Final = "Pull request review thread start line must precede the end line."
START_HUNK: Final = "Pull request review thread start line must be part of the same hunk as the line."
PATH_OFF: Final = "Path could not be resolved"
HUNK_BLANK: Final = "Pull request review thread diff hunk can't be blank"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where an inline comment goes, once GitHub's rules let it."""

    path: str
    side: str
    line: int
    start_side: str | None
    start_line: int | None
    position: int
    hunk: str


def resolve(patches: Mapping[str, str | None], row: Mapping[str, Any]) -> Spot | str:
    """Return the place of a comment in the diff, or GitHub's sentence that refuses it."""
    path = row.get("path")
    if not isinstance(path, str) or path not in patches:
        return PATH_OFF
    found = places(patches[path] or "")
    if row.get("line") is None and isinstance(row.get("position"), int):
        return _by_position(path, found, int(row["position"]))
    side, line = row.get("side") or "RIGHT", row.get("line")
    place = found.side(side).get(line) if isinstance(line, int) else None
    if place is None:
        return f"{LINE_OFF} and {HUNK_BLANK}"
    start = row.get("start_line")
    start_side = (row.get("start_side") or side) if start is not None else None
    if start is not None and (refusal := _start_refused(found, str(start_side), start, place)):
        return refusal
    return Spot(path, side, int(line or 0), start_side, start, place.position, found.hunk_text(place))


def _start_refused(found: Places, side: str, start: int, place: Place) -> str:
    first = found.side(side).get(start)
    if first is None:
        return START_OFF
    if first.position >= place.position:
        return START_AFTER
    return START_HUNK if first.hunk != place.hunk else ""


def _by_position(path: str, found: Places, position: int) -> Spot | str:
    for side in ("RIGHT", "LEFT"):
        for line, place in found.side(side).items():
            if place.position == position:
                return Spot(path, side, line, None, None, position, found.hunk_text(place))
    return f"{LINE_OFF} and {HUNK_BLANK}"


def check_comment(patches: Mapping[str, str | None], row: object) -> Spot | str:
    """Return the place of a comment of a request, a sentence where it is refused; raises where it is malformed."""
    if not isinstance(row, dict):
        raise GitHubError(422, "Invalid request.\n\nFor 'items', the comment is not an object.")
    for name, kind in (("path", str), ("body", str)):
        if not isinstance(row.get(name), kind):
            raise GitHubError(
                422, f'Invalid request.\n\nNo subschema in "anyOf" matched: "{name}" wasn\'t supplied.'
            )
    for name in ("line", "start_line", "position"):
        if row.get(name) is not None and (not isinstance(row[name], int) or isinstance(row[name], bool)):
            raise GitHubError(422, f"Invalid request.\n\nFor 'properties/{name}', {row[name]!r} is not an integer.")
    if not row["body"].strip():
        return "Pull request review comment body can't be blank"
    if len(row["body"]) > BODY_LIMIT:
        return f"Pull request review comment body is too long (maximum is {BODY_LIMIT} characters)"
    return resolve(patches, row)
