"""The files that a command keeps a review to: paths, folders and globs that a person wrote in a comment. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from policies.globs import GlobInvalid, check_glob, matching
from reviewer.change.model import Change, FileChange

MAX_PATHS: Final = 20
MAX_PATH: Final = 200
# Of a file in scope that the command leaves out: missing, not excluded, so that no check is green for it.
NOT_CHOSEN: Final = "not among the paths that this review was asked for"
_NAMED: Final = 5


class OnlyPathsInvalid(ValueError):
    """A word of a command that is no path of a repository."""


def check_only_paths(words: Sequence[str]) -> tuple[str, ...]:
    """Return the paths as they are matched; OnlyPathsInvalid for what cannot name anything in a repository."""
    if len(words) > MAX_PATHS:
        raise OnlyPathsInvalid(f"at most {MAX_PATHS} paths are taken")
    return tuple(dict.fromkeys(map(_checked, words)))


def _checked(word: str) -> str:
    path = word.removeprefix("./")
    if len(path) > MAX_PATH or not path.isprintable() or path.startswith("/") or ".." in path.split("/"):
        raise OnlyPathsInvalid("a path is written from the top of the repository, without '..'")
    try:
        return check_glob(path)
    except GlobInvalid as error:
        raise OnlyPathsInvalid(str(error)) from None


def is_chosen(file: FileChange, paths: Sequence[str]) -> bool:
    """Tell whether a file, by its name now or before, is one of the paths or lies below one; none means all."""
    names = filter(None, (file.path, file.old_path))
    return not paths or any(name in paths or matching(name, [_from_top(path)]) for name in names for path in paths)


def matching_nothing(change: Change, paths: Sequence[str]) -> tuple[str, ...]:
    """Return the paths that no file of the change is, or lies below."""
    return tuple(path for path in paths if not any(is_chosen(file, (path,)) for file in change.files))


def only_notes(change: Change, paths: Sequence[str], actor: str) -> tuple[str, ...]:
    """Return the sentences that say to what a review was kept, none for a review of the whole change."""
    if not paths:
        return ()
    nothing = matching_nothing(change, paths)
    missed = (f"No file of this change matches {named(nothing)}.",) if nothing else ()
    return (f"Only {named(paths)} reviewed, as {actor} asked; nothing is said about the rest.", *missed)


def named(paths: Sequence[str]) -> str:
    """Return some of the paths, and how many more there are."""
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(paths[:_NAMED]) + more


def _from_top(path: str) -> str:
    """Tie a plain name to the top of the repository; a glob without a slash matches in every folder."""
    return path if any(mark in path for mark in "*?[") else f"/{path}"
