"""Hypothesis strategies for changes that git could have written."""

from __future__ import annotations

from hypothesis import strategies as st

from reviewer.change.model import Change, FileChange, FileStatus, Hunk, Line, LineKind

TEXT = st.text(st.characters(exclude_characters="\n\r", exclude_categories=("Cs",)), max_size=20)
_LETTERS = st.characters(exclude_characters="/\x00\n", exclude_categories=("Cs",))
PART = st.text(_LETTERS, min_size=1, max_size=8).filter(lambda part: part not in (".", ".."))
PATHS = st.lists(PART, min_size=1, max_size=3).map("/".join)


@st.composite
def hunks(draw: st.DrawFn, path: str, old_start: int, new_start: int, kinds: str = " +-") -> Hunk:
    marks = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=8))
    lines, old_no, new_no = [], old_start, new_start
    for mark in marks:
        kind = LineKind(mark)
        old = None if kind is LineKind.ADDED else old_no
        new = None if kind is LineKind.REMOVED else new_no
        lines.append(Line(old, new, kind, draw(TEXT), crlf=draw(st.booleans())))
        old_no += old is not None
        new_no += new is not None
    old_length, new_length = old_no - old_start, new_no - new_start
    section = draw(st.sampled_from(["", "def f(a, b):", "class C { @@"]))
    return Hunk(
        path,
        old_start if old_length else old_start - 1,
        old_length,
        new_start if new_length else new_start - 1,
        new_length,
        section,
        tuple(lines),
    )


@st.composite
def files(draw: st.DrawFn, path: str) -> FileChange:
    status = draw(st.sampled_from([FileStatus.ADDED, FileStatus.REMOVED, FileStatus.MODIFIED, FileStatus.RENAMED]))
    kinds = {FileStatus.ADDED: "+", FileStatus.REMOVED: "-"}.get(status, " +-")
    old_no = new_no = 1
    body = []
    for _ in range(1 if status in (FileStatus.ADDED, FileStatus.REMOVED) else draw(st.integers(1, 3))):
        hunk = draw(hunks(path, old_no, new_no, kinds))
        body.append(hunk)
        old_no += hunk.old_length + 10
        new_no += hunk.new_length + 10
    old_path = {FileStatus.ADDED: None, FileStatus.RENAMED: f"before/{path}"}.get(status, path)
    ends = {FileStatus.ADDED: (None, "100755"), FileStatus.REMOVED: ("100644", None)}
    modes = ends.get(status, ("100644", "100755"))
    return FileChange(path, old_path, status, tuple(body), old_mode=modes[0], new_mode=modes[1])


@st.composite
def changes(draw: st.DrawFn) -> Change:
    paths = draw(st.lists(PATHS, min_size=1, max_size=3, unique=True))
    return Change("b" * 40, "h" * 40, tuple(draw(files(path)) for path in paths))
