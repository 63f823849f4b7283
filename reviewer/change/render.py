"""A Change as text: as a model sees it, and as the patch that it came from."""

from __future__ import annotations

from reviewer.change.model import FileChange, FileStatus, Hunk, Line, Unit
from reviewer.change.paths import NULL_PATH, quote

NO_NEWLINE = "\\ No newline at end of file"


def render_hunk(hunk: Hunk, *, numbered: bool = True) -> str:
    """Render a hunk, header first, no line end after the last line.

    Numbered, each line starts with its number, then `+`, `-` or a blank, then the text: a removed line carries its
    number at the base, every other line its number at the head. One column, because a model pays for both.
    Without numbers it is the exact patch text.
    """
    return "\n".join([hunk.header, *(_numbered(line) if numbered else _patch_line(line) for line in hunk.lines)])


def render_unit(unit: Unit, *, numbered: bool = True) -> str:
    """Render the hunks of a unit, each run of one path under a `### path` line."""
    parts: list[str] = []
    path = None
    for hunk in unit.hunks:
        if hunk.path != path:
            parts.append(f"### {quote(hunk.path)}")
            path = hunk.path
        parts.append(render_hunk(hunk, numbered=numbered))
    return "\n".join(parts)


def render_patch(file: FileChange) -> str:
    """Render a file as `git diff` writes it, with a final line end; parse_diff reads an equal value back."""
    old, new = quote(f"a/{file.old_path or file.path}"), quote(f"b/{file.path}")
    head = [f"diff --git {old} {new}", *_extended(file)]
    if file.binary:
        head.append(f"Binary files {old} and {new} differ")
    if file.hunks:
        # git ends a name that holds a blank with a tab, so that no time stamp is read into it.
        old, new = (f"{name}\t" if " " in name else name for name in (old, new))
        head.append(f"--- {NULL_PATH if file.status is FileStatus.ADDED else old}")
        head.append(f"+++ {NULL_PATH if file.status is FileStatus.REMOVED else new}")
    return "\n".join([*head, *(render_hunk(hunk, numbered=False) for hunk in file.hunks)]) + "\n"


def _extended(file: FileChange) -> list[str]:
    if file.status is FileStatus.ADDED:
        return [f"new file mode {file.new_mode or '100644'}"]
    if file.status is FileStatus.REMOVED:
        return [f"deleted file mode {file.old_mode or '100644'}"]
    lines = []
    if file.old_mode and file.new_mode and file.old_mode != file.new_mode:
        lines += [f"old mode {file.old_mode}", f"new mode {file.new_mode}"]
    if file.status in (FileStatus.RENAMED, FileStatus.COPIED) and file.old_path:
        verb = "rename" if file.status is FileStatus.RENAMED else "copy"
        lines += [f"{verb} from {quote(file.old_path)}", f"{verb} to {quote(file.path)}"]
    if file.old_mode and file.old_mode == file.new_mode:
        lines.append(f"index 0000000..0000000 {file.new_mode}")
    return lines


def _numbered(line: Line) -> str:
    number = line.old_no if line.new_no is None else line.new_no
    return f"{number} {line.kind.value}{line.text}"


def _patch_line(line: Line) -> str:
    text = f"{line.kind.value}{line.text}\r" if line.crlf else f"{line.kind.value}{line.text}"
    return f"{text}\n{NO_NEWLINE}" if line.no_newline else text
