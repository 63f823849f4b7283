"""Paths as they stand in a diff: C-style quoting, `a/` and `b/`, and the ones that leave the repository."""

from __future__ import annotations

import re

from reviewer.errors import DiffUnreadable

NULL_PATH = "/dev/null"

_ESCAPE = re.compile(r'\\([0-7]{1,3}|[abtnvfr"\\])')
_LETTERS = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}
# git's own prefixes, diff.mnemonicPrefix included (git-config(1)): a commit, an index, a work tree, an object.
_PREFIXES = frozenset({"a/", "b/", "c/", "i/", "o/", "w/", "1/", "2/"})


def unquote(name: str) -> str:
    r"""Return the path of a C-style quoted name (`"caf\303\251.py"` is `café.py`), any other name as it is.

    Bytes that are no UTF-8 stay visible as `\xNN`, so that two such paths never become one.
    """
    if len(name) < 2 or not (name.startswith('"') and name.endswith('"')):
        return name
    inner = name[1:-1]
    raw = bytearray()
    position = 0
    for match in _ESCAPE.finditer(inner):
        raw += inner[position : match.start()].encode("utf-8", "surrogateescape")
        code = match[1]
        raw.append(int(code, 8) & 0xFF if code.isdigit() else _LETTERS[code])
        position = match.end()
    raw += inner[position:].encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "backslashreplace")


def quote(path: str) -> str:
    """Return the path as git writes it in a diff: quoted where it holds a quote, a backslash or a control."""
    if not re.search(r'[\x00-\x1f\x7f"\\]', path):
        return path
    names = {code: letter for letter, code in _LETTERS.items()}
    inner = "".join(
        f"\\{names[ord(char)]}"
        if ord(char) in names
        else f"\\{ord(char):03o}"
        if ord(char) < 32 or char == "\x7f"
        else char
        for char in path
    )
    return f'"{inner}"'


def file_line_path(rest: str) -> str:
    """Return the raw path of a `---` or `+++` line, without a time stamp or the tab that git puts after blanks."""
    if rest.startswith('"'):
        end = _closing_quote(rest)
        return unquote(rest[: end + 1]) if end else rest.split("\t", 1)[0]
    return rest.split("\t", 1)[0].rstrip("\r")


def header_paths(rest: str) -> tuple[str, str] | None:
    """Return both raw paths of a `diff --git` line, None where they cannot be told apart."""
    rest = rest.rstrip("\r")
    if rest.startswith('"'):
        end = _closing_quote(rest)
        if not end or rest[end + 1 : end + 2] != " ":
            return None
        return unquote(rest[: end + 1]), unquote(rest[end + 2 :])
    if rest.endswith('"'):
        start = rest.find(' "')
        return (rest[:start], unquote(rest[start + 1 :])) if start > 0 else None
    middle = len(rest) // 2
    left, right = rest[:middle], rest[middle + 1 :]
    if rest[middle : middle + 1] == " " and strip_prefixes(left, right)[0] == strip_prefixes(left, right)[1]:
        return left, right
    parts = rest.split(" ")
    return (parts[0], parts[1]) if len(parts) == 2 else None


def strip_prefixes(old: str, new: str) -> tuple[str, str]:
    """Return both paths without git's prefixes, unchanged where there are none (`diff.noprefix`, plain `diff -u`).

    A prefix is one only where both sides have one and they differ, or where the other side is /dev/null; so the
    folder `a/` of a diff without prefixes stays.
    """
    if NULL_PATH in (old, new):
        return tuple(path[2:] if path[:2] in ("a/", "b/") else path for path in (old, new))  # type: ignore[return-value]
    if old[:2] in _PREFIXES and new[:2] in _PREFIXES and old[:2] != new[:2]:
        return old[2:], new[2:]
    return old, new


def inside(path: str, line_no: int) -> str:
    """Return the path, or raise DiffUnreadable where it is absolute, climbs out, or is no path of a tree."""
    parts = path.split("/")
    if not path or path.startswith("/") or "\x00" in path or any(part in ("", ".", "..") for part in parts):
        raise DiffUnreadable(
            f"line {line_no} names a path outside the repository: {path[:200]!r}; git never writes one, so the diff"
            " was made or changed by hand",
            line_no=line_no,
        )
    return path


def _closing_quote(text: str) -> int:
    """Return the index of the quote that closes the one at 0, 0 where none does."""
    position = 1
    while position < len(text):
        if text[position] == "\\":
            position += 2
            continue
        if text[position] == '"':
            return position
        position += 1
    return 0
