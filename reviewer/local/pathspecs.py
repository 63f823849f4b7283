"""Paths on the command line, as git takes them: relative to where the person stands, absolute, or with magic."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from reviewer.errors import ConfigurationError
from reviewer.local.scratch import Scratch

# `:(top,exclude)path`, `:!path`, `:^path`, `:/path` (git help glossary, pathspec).
_MAGIC: Final = re.compile(r":(?:\((?P<long>[^)]*)\)|(?P<short>[!^/]+):?)?(?P<path>.*)", re.DOTALL)
_GLOB: Final = re.compile(r"[*?\[]")


def from_the_top(pathspecs: Sequence[str], root: Path, start: Path) -> tuple[str, ...]:
    """Return pathspecs that mean the same from the top of the work tree.

    Raises ConfigurationError for a path outside the work tree.
    """
    return tuple(_from_the_top(spec, root, start) for spec in pathspecs)


def _from_the_top(spec: str, root: Path, start: Path) -> str:
    if not spec.startswith(":"):
        return _joined(spec, root, start)
    found = _MAGIC.fullmatch(spec)
    if found is None:
        return spec
    words = {word for word in (found["long"] or "").split(",") if word}
    words |= {{"!": "exclude", "^": "exclude", "/": "top"}[sign] for sign in found["short"] or ""}
    path = found["path"] if "top" in words else _joined(found["path"] or ".", root, start)
    return f":({','.join(sorted(words | {'top'}))}){path}"


def _joined(spec: str, root: Path, start: Path) -> str:
    # Links in the way to the work tree do not make a path another's; links below it do.
    here = start.resolve()
    given = Path(spec)
    if given.is_absolute():
        parent = given.parent.resolve() if given.parent != given else given
        full = os.path.normpath(parent / given.name)
        if not Path(full).is_relative_to(root.resolve()):
            full = os.path.normpath(given)
    else:
        full = os.path.normpath(here / spec)
    top = str(root.resolve())
    if full != top and not full.startswith(top.rstrip("/") + "/"):
        raise ConfigurationError(
            f"{spec!r} is outside the repository {root}", remedy="Name paths of the work tree that is reviewed."
        )
    inner = os.path.relpath(full, top)
    return "." if inner == "." else inner + ("/" if spec.endswith("/") else "")


def refuse_without_match(
    scratch: Scratch, pathspecs: Sequence[str], given: Sequence[str], commits: tuple[str, str]
) -> None:
    """Raise ConfigurationError for a pathspec that matches no file on disk, in the index or in the commits."""
    for spec, said in zip(pathspecs, given, strict=True):
        if spec == "." or _excludes(spec) or _exists(scratch, spec):
            continue
        if not any(_matches(scratch, spec, commit) for commit in commits):
            raise ConfigurationError(
                f"{said!r} matches no file", remedy="Check the spelling; paths are relative to where you stand."
            )


def _excludes(spec: str) -> bool:
    found = _MAGIC.fullmatch(spec)
    return found is not None and spec.startswith(":") and "exclude" in (found["long"] or "").split(",")


def _exists(scratch: Scratch, spec: str) -> bool:
    if not spec.startswith(":") and os.path.lexists(scratch.repository.root / spec):
        return True
    if scratch.repository.bare:
        return False
    return bool(scratch.look(["ls-files", "-co", "--exclude-standard", "-z", "--", spec]))


def _matches(scratch: Scratch, spec: str, commit: str) -> bool:
    literal = not spec.startswith(":") and not _GLOB.search(spec)
    if literal:
        return bool(scratch.run(["ls-tree", "-z", "--name-only", "--full-tree", commit, spec.rstrip("/")]))
    # ls-tree takes plain paths only: what a pattern matches is asked of a comparison with nothing.
    raw = scratch.run(["diff-tree", "-r", "-z", "--name-only", scratch.empty_commit(), commit, "--", spec])
    return bool(raw)
