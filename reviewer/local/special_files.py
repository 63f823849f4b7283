"""Special files: pipes and devices that git would open, and wait for, in a repository that somebody made so.

Git opens its own files and those that its configuration names without looking at what they are. They are looked at
here before the first git command: the whole git folder, the files that `include.path` leads to, the two lists of
patterns that configuration may name. What lies in the work tree (`.gitignore`, `.gitattributes`) is looked at when
git does not come back in time: a walk over every work tree would cost more than all else that is done before.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from reviewer.errors import ConfigurationError, GitFailed
from reviewer.git.git import run_git
from reviewer.git.regular_file import read_regular, waits

CONFIG_LIMIT: Final = 8 * 1024 * 1024
# So many entries of a git folder are looked at; a pipe beyond them is met by the time limit of each git command.
ENTRIES_LIMIT: Final = 200_000
# As deep as git follows inclusions.
INCLUDE_DEPTH: Final = 10
WORK_TREE_FILES: Final = (".gitignore", ".gitattributes")
_INCLUDES: Final = re.compile(rb"\[\s*include", re.IGNORECASE)
_REMEDY: Final = "Remove it, or put a file in its place; `find . -type p` lists the pipes of a folder."


def refuse_special_files(git_dir: Path, common_dir: Path) -> None:
    """Raise ConfigurationError where git would open a pipe or a device to learn about this repository."""
    folders = dict.fromkeys((git_dir, common_dir))
    for own in folders:
        for special in _special(own, frozenset(folders)):
            raise ConfigurationError(f"{special} is a pipe or a device: git would wait for it", remedy=_REMEDY)
    for path in (common_dir / "config", git_dir / "config", git_dir / "config.worktree"):
        _refuse_includes(path, INCLUDE_DEPTH)


def refuse_special(path: Path, named_by: str) -> None:
    """Raise ConfigurationError where a file that configuration names is a pipe or a device."""
    if _waits(path):
        raise ConfigurationError(
            f"{named_by} names {path}, a pipe or a device: git would wait for it",
            remedy="Name a file, or unset it: git config --unset-all KEY.",
        )


def special_in_work_tree(root: Path) -> Path | None:
    """Return the first pipe or device that git would open for patterns or attributes, None where there is none."""
    for folder, names, files in os.walk(root):
        if ".git" in names:
            names.remove(".git")
        for name in WORK_TREE_FILES:
            if name in files and _waits(Path(folder, name)):
                return Path(folder, name)
    return None


def _special(folder: Path, known: frozenset[Path]) -> Iterator[str]:
    """Yield the pipes and devices below a folder, through links too, up to ENTRIES_LIMIT entries."""
    left = ENTRIES_LIMIT
    waiting = [str(folder)]
    while waiting:
        for entry in _entries(waiting.pop()):
            left -= 1
            if left < 0:
                return
            try:
                if entry.is_dir(follow_symlinks=False):
                    if Path(entry.path) not in known:
                        waiting.append(entry.path)
                # Most are plain files, told apart without asking the disk again.
                elif not entry.is_file(follow_symlinks=False) and waits(entry.stat().st_mode):
                    yield entry.path
            except OSError:
                continue


def _entries(folder: str) -> Iterable[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return ()


def _refuse_includes(path: Path, depth: int) -> None:
    """Follow every inclusion of a configuration file, whatever its condition, and refuse a special file."""
    try:
        text = read_regular(path, CONFIG_LIMIT)
    except OSError:
        # Not there, not readable, or far too long: git says so in its own words.
        return
    if depth == 0 or not _INCLUDES.search(text):
        return
    try:
        rows = run_git(["config", "--file", "-", "--no-includes", "--list", "-z"], git_dir=None, input=text)
    except GitFailed:
        return
    for row in rows.split(b"\0"):
        key, _, value = row.partition(b"\n")
        if not key.lower().startswith((b"include.", b"includeif.")) or not key.lower().endswith(b".path"):
            continue
        included = path.parent / Path(os.fsdecode(value)).expanduser()
        refuse_special(included, f"include.path of {path}")
        _refuse_includes(included, depth - 1)


def _waits(path: Path) -> bool:
    try:
        return waits(path.stat().st_mode)
    except (OSError, ValueError):
        return False
