"""A fix of a finding as a model states it: edits of lines, applied to the head exactly or not at all. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reviewer.change.lines import replace_lines, split_lines
from reviewer.change.paths import quote
from reviewer.findings.reading import read_json

MAX_EDITS: Final = 8
MAX_EDIT_LINES: Final = 60
MAX_TEXT: Final = 6_000


@dataclass(frozen=True, slots=True)
class Edit:
    """Lines `first`..`last` of a file, which read `old`, become `new`."""

    path: str
    first: int
    last: int
    old: str
    new: str


class FixRefused(ValueError):
    """A fix that cannot be offered; the text says why."""


def read_edits(text: str) -> tuple[Edit, ...]:
    """Return the edits of an answer; FixRefused where it has none, too many, or one that makes no sense."""
    for document in read_json(text).documents:
        rows = document.get("edits") if isinstance(document, dict) else None
        if isinstance(rows, list) and rows:
            if len(rows) > MAX_EDITS:
                raise FixRefused(f"the model changes more than {MAX_EDITS} places")
            return tuple(map(_edit, rows))
    raise FixRefused("the model gave no fix")


def _edit(row: object) -> Edit:
    if isinstance(row, dict):
        path, first, last, old, new = (row.get(name) for name in ("path", "first", "last", "old", "new"))
        if (
            isinstance(path, str)
            and type(first) is int
            and type(last) is int
            and isinstance(old, str)
            and isinstance(new, str)
            and 1 <= first <= last < first + MAX_EDIT_LINES
            and len(new) <= MAX_TEXT
        ):
            return Edit(path, first, last, old, new)
    raise FixRefused("the model's fix cannot be read")


def apply_edits(edits: Sequence[Edit], files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files that the edits change; FixRefused unless each one's old lines stand where it says.

    `files` are those that the model was shown: no other is changed.
    """
    fixed: dict[str, bytes] = {}
    above: dict[str, int] = {}
    for edit in sorted(edits, key=lambda each: (each.path, -each.first)):
        source = fixed.get(edit.path, files.get(edit.path))
        if source is None:
            raise FixRefused("the model changes a file that it was not shown")
        lines = split_lines(source.decode("utf-8", "surrogateescape"))
        if edit.last >= above.get(edit.path, edit.last + 1):
            raise FixRefused("two edits overlap")
        if lines[edit.first - 1 : edit.last] != split_lines(edit.old):
            raise FixRefused(f"lines {edit.first} to {edit.last} of {edit.path} are not what the model replaces")
        fixed[edit.path] = replace_lines(source, edit.first, edit.last, edit.new.removesuffix("\n"))
        above[edit.path] = edit.first
    changed = {path: data for path, data in fixed.items() if data != files[path]}
    if not changed:
        raise FixRefused("the model's fix changes nothing")
    return changed


def patch_of(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> str:
    """Return the unified diff that `git apply` takes."""
    out: list[str] = []
    for path in sorted(after):
        old, new = (_lines(files[path]) for files in (before, after))
        names = quote(f"a/{path}"), quote(f"b/{path}")
        rows = list(difflib.unified_diff(old, new, *names, lineterm="\n"))
        out.append(f"diff --git {names[0]} {names[1]}\n")
        for row in rows:
            out.append(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n")
    return "".join(out)


def _lines(data: bytes) -> list[str]:
    r"""Return the lines with their ends; a line ends at `\n` alone."""
    parts = data.decode("utf-8", "surrogateescape").split("\n")
    return (
        [*(f"{part}\n" for part in parts[:-1]), *parts[-1:]] if parts[-1] else [f"{part}\n" for part in parts[:-1]]
    )
