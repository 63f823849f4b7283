"""Unified diff → Change, with everything that git can say about a file and nothing that it cannot."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import replace

from reviewer.change.github_files import parse_github_files
from reviewer.change.hunks import read_hunk
from reviewer.change.model import Change, FileChange, FileStatus, Hunk
from reviewer.change.paths import NULL_PATH, file_line_path, header_paths, inside, strip_prefixes, unquote
from reviewer.errors import DiffUnreadable
from reviewer.git.decode import path_of

__all__ = ["decode", "parse_diff", "parse_github_files"]

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# The line with which `git log`, `git show` and `git format-patch` begin a commit.
_COMMIT = re.compile(r"commit [0-9a-f]{7,64}(?: .*)?\r?$|From [0-9a-f]{40,64} \w{3} \w{3} ")
# What `surrogateescape` makes of bytes that are no UTF-8.
_SURROGATES = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile("[\udc80-\udcff]")


def parse_diff(text: str | bytes, *, base: str = "", head: str = "") -> Change:
    """Parse the output of `git diff`, `git show`, `git log -p`, `git format-patch` or `diff -u` into a Change.

    Several commits are one change as long as no file is changed by two of them: the lines of the second would be
    those of another version, so that is refused with the file's name.

    Of bytes, paths are read apart from contents: a file whose lines are no UTF-8 is read as Latin-1, and its path
    stays what it is (`reviewer.git.decode`). Raises DiffUnreadable for text without a diff,
    a hunk that is shorter or longer than its header says, a combined diff, and a path outside the repository.
    """
    source, odd = decode(text) if isinstance(text, bytes) else (text, False)
    lines = source.removeprefix("\ufeff").split("\n")
    if lines[-1] == "":
        lines.pop()
    if not any(lines):
        return Change(base, head, ())
    return Change(base, head, _Reader(lines, odd=odd).read())


def decode(data: bytes) -> tuple[str, bool]:
    """Decode a diff: UTF-8, or UTF-16 with its mark; the flag says that some bytes are neither and are escaped."""
    if data[:2] in _UTF16_MARKS:
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode("utf-16"), False
    try:
        return data.decode("utf-8"), False
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape"), True


def _as_latin_1(hunk: Hunk) -> Hunk:
    def read(text: str) -> str:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")

    lines = tuple(replace(line, text=read(line.text)) for line in hunk.lines)
    return replace(hunk, section=read(hunk.section), lines=lines)


def _path(text: str) -> str:
    if text.isascii() or not _SURROGATES.search(text):
        return text
    try:
        return path_of(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        # Half of a surrogate pair, which only a diff that was text before can hold.
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _is_odd(hunk: Hunk) -> bool:
    return bool(_ESCAPED.search(hunk.section)) or any(_ESCAPED.search(line.text) for line in hunk.lines)


class _Header:
    """What the lines before a file's hunks said; turned into a FileChange at the end of the file."""

    def __init__(self, line_no: int, paths: tuple[str, str] | None) -> None:
        self.line_no = line_no
        self.paths = paths
        self.named = False  # by `---`/`+++`, which say more than the `diff --git` line
        self.moved: dict[str, str] = {}
        self.status = FileStatus.MODIFIED
        self.old_mode: str | None = None
        self.new_mode: str | None = None
        self.binary = False
        self.truncated = False
        self.hunks: list[Hunk] = []

    def _read_hunks(self, *, odd: bool) -> tuple[Hunk, ...]:
        if odd and any(map(_is_odd, self.hunks)):
            return tuple(map(_as_latin_1, self.hunks))
        return tuple(self.hunks)

    def sides(self) -> tuple[str, str]:
        """Return the stripped old and new path; either may be /dev/null."""
        if "from" in self.moved and "to" in self.moved:
            old, new = self.moved["from"], self.moved["to"]
        elif self.paths is None:
            raise DiffUnreadable(f"line {self.line_no}: cannot tell which file this is about", line_no=self.line_no)
        else:
            old, new = strip_prefixes(*self.paths)
        return _path(old), _path(new)

    def path(self) -> str:
        """Return the path that its hunks carry."""
        old, new = self.sides()
        return inside(old if new == NULL_PATH else new, self.line_no)

    def finish(self, *, odd: bool) -> FileChange:
        """Return the file with all its hunks; `odd` says that there are bytes that are no UTF-8."""
        old, new = self.sides()
        path, status = self.path(), self.status
        if status is FileStatus.MODIFIED:
            if old == NULL_PATH:
                status = FileStatus.ADDED
            elif new == NULL_PATH:
                status = FileStatus.REMOVED
            elif old != new:
                status = FileStatus.RENAMED
            elif not (self.hunks or self.binary or self.truncated) and self.old_mode != self.new_mode:
                status = FileStatus.CHANGED
        old_path = None if status is FileStatus.ADDED else inside(path if old == NULL_PATH else old, self.line_no)
        return FileChange(
            path,
            old_path,
            status,
            self._read_hunks(odd=odd),
            self.binary,
            self.old_mode,
            self.new_mode,
            self.truncated,
        )


class _Reader:
    """Reads lines in order; `current` is the file that is open."""

    def __init__(self, lines: Sequence[str], *, odd: bool = False) -> None:
        self.lines = lines
        self.odd = odd
        self.position = 0
        self.current: _Header | None = None
        self.files: dict[str, FileChange] = {}
        self.unmerged: list[str] = []
        self.in_message = False

    def read(self) -> tuple[FileChange, ...]:
        lines, total = self.lines, len(self.lines)
        while self.position < total:
            line = lines[self.position]
            if line.startswith("@@ ") and self.current:
                hunk, self.position = read_hunk(lines, self.position, self.current.path())
                self.current.hunks.append(hunk)
                continue
            self._header_line(line)
            self.position += 1
        self._close()
        for path in self.unmerged:
            if path not in self.files:
                self.files[path] = FileChange(path, path, FileStatus.MODIFIED, truncated=True)
        if not self.files:
            raise DiffUnreadable(
                "this is not a unified diff: no `diff --git` or `---` line found; give the output of `git diff`",
                line_no=1,
            )
        return tuple(self.files.values())

    def _header_line(self, line: str) -> None:
        if _COMMIT.match(line):
            self._close()
            self.in_message = True
        elif line.startswith("diff --git "):
            self._close()
            self.in_message = False
            self.current = _Header(self.position + 1, header_paths(line[11:]))
        elif line.startswith(("diff --cc ", "diff --combined ", "@@@ ")):
            raise DiffUnreadable(
                f"line {self.position + 1}: a combined diff (of a merge) has no two sides to comment on; compare"
                " with one parent, as in `git diff <parent> <merge>`",
                line_no=self.position + 1,
            )
        elif self.in_message:
            # Whatever a message quotes is no diff.
            return
        elif line.startswith("--- ") and self._next_is_new_side():
            self._file_lines(line)
        elif line.startswith("* Unmerged path "):
            self.unmerged.append(inside(unquote(line[16:].rstrip("\r")), self.position + 1))
        elif self.current is not None and self.current.hunks:
            self._after_hunk(line)
        elif self.current is not None:
            self._extended(self.current, line.rstrip("\r"))

    def _next_is_new_side(self) -> bool:
        return self.position + 1 < len(self.lines) and self.lines[self.position + 1].startswith("+++ ")

    def _file_lines(self, line: str) -> None:
        """Take the `---` and `+++` lines; without a `diff --git` line before them they open a file of their own."""
        old, new = file_line_path(line[4:]), file_line_path(self.lines[self.position + 1][4:])
        if self.current is None or self.current.named or self.current.hunks:
            self._close()
            self.current = _Header(self.position + 1, None)
        self.current.paths, self.current.named = (old, new), True
        self.current.line_no = self.position + 1
        self.position += 1

    def _extended(self, current: _Header, line: str) -> None:
        """Take one of git's extended header lines (git-diff(1), "generating patch text with -p")."""
        if line.startswith("old mode "):
            current.old_mode = line[9:]
        elif line.startswith("new mode "):
            current.new_mode = line[9:]
        elif line.startswith("new file mode "):
            current.status, current.new_mode = FileStatus.ADDED, line[14:]
        elif line.startswith("deleted file mode "):
            current.status, current.old_mode = FileStatus.REMOVED, line[18:]
        elif line.startswith("index ") and (mode := line.rpartition(" ")[2]).isdigit() and line.count(" ") == 2:
            current.old_mode = current.old_mode or mode
            current.new_mode = current.new_mode or mode
        elif line.startswith(("rename from ", "copy from ", "rename to ", "copy to ")):
            verb, side, name = line.split(" ", 2)
            current.status = FileStatus.RENAMED if verb == "rename" else FileStatus.COPIED
            current.moved[side] = unquote(name)
        elif line.startswith("GIT binary patch") or (line.startswith("Binary files ") and line.endswith(" differ")):
            current.binary = True

    def _after_hunk(self, line: str) -> None:
        """Refuse diff lines that no header counts; a mail signature or the next commit's message may follow."""
        if line[:1] in ("+", "-", " ") and line.rstrip() not in ("--", "-", ""):
            raise DiffUnreadable(
                f"line {self.position + 1}: the hunk before it is longer than its header says",
                line_no=self.position + 1,
            )

    def _close(self) -> None:
        if self.current is None:
            return
        file = self.current.finish(odd=self.odd)
        seen = self.files.get(file.path)
        if seen is not None and (seen.status, file.status) != (FileStatus.REMOVED, FileStatus.ADDED):
            raise DiffUnreadable(
                f"line {self.current.line_no}: {file.path!r} is changed twice, by two commits or diffs; give one"
                " diff of both, as in `git diff <before> <after>`",
                line_no=self.current.line_no,
            )
        self.files[file.path] = file if seen is None else _joined(seen, file)
        self.current = None


def _joined(first: FileChange, second: FileChange) -> FileChange:
    """Join two entries of one path: git writes a change of type (file to symbolic link) as removal and addition."""
    return FileChange(
        second.path,
        first.old_path or second.old_path,
        FileStatus.CHANGED,
        first.hunks + second.hunks,
        first.binary or second.binary,
        first.old_mode,
        second.new_mode,
        first.truncated or second.truncated,
    )
