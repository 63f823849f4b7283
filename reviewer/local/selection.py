"""Which changes a command means, as a Change between two commits with a snapshot of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reviewer.change.model import Change
from reviewer.change.parse import parse_diff
from reviewer.errors import ConfigurationError, GitFailed
from reviewer.findings.model import Skipped
from reviewer.git.commit import GitSnapshot
from reviewer.git.decode import path_of
from reviewer.git.git import run_git
from reviewer.git.snapshot import Snapshot
from reviewer.local.overlay import Overlay, overlay_index, overlay_worktree
from reviewer.local.pathspecs import from_the_top, refuse_without_match
from reviewer.local.repository import Repository
from reviewer.local.scratch import Scratch, open_scratch

if TYPE_CHECKING:
    from policies.paths import PathRules

_DIFF: Final = (
    "diff-tree", "-r", "-p", "--full-index", "-M", "--no-ext-diff", "--no-textconv", "--no-color",
    "--src-prefix=a/", "--dst-prefix=b/", "--submodule=short", "--unified=3", "--no-relative",
)  # fmt: skip
# In place of a revision of a RANGE: all of the history's content is new.
FROM_NOTHING: Final = ""
# So many files whose content is not in a partial clone are left out one by one.
MISSING_LIMIT: Final = 500
# Where a remote's default branch is looked for when it was never recorded.
_DEFAULT_BRANCHES: Final = ("main", "master", "trunk", "develop")


class Which(StrEnum):
    """The selections of the command line."""

    UNCOMMITTED = "uncommitted"
    STAGED = "staged"
    UNPUSHED = "unpushed"
    BASE = "base"
    COMMIT = "commit"
    RANGE = "range"


@dataclass(frozen=True, slots=True)
class Selection:
    """What to review: `which`, its revision where it has one, and pathspecs; `head` only for RANGE.

    Pathspecs are relative to `start`, None for the top of the work tree.
    """

    which: Which = Which.UNCOMMITTED
    revision: str = ""
    head: str = ""
    pathspecs: tuple[str, ...] = ()
    start: Path | None = None


@dataclass(frozen=True, slots=True)
class Selected:
    """The change, its two commits open for reading, what was not read and why, and sentences for the reader.

    `root` is the top of the work tree.
    """

    root: Path
    change: Change
    base: GitSnapshot
    head: GitSnapshot
    untouched: tuple[Skipped, ...]
    notices: tuple[str, ...]


@contextmanager
def select(
    repository: Repository,
    selection: Selection,
    *,
    rules: Callable[[Snapshot], PathRules] | None = None,
) -> Iterator[Selected]:
    """Open a selection; the scratch repository lives as long as the context.

    `rules` returns the policy's paths for the commit that a change starts from: untracked files that they leave out
    are not read. Raises ConfigurationError for a revision that is not there, and for a path that matches nothing.
    """
    pathspecs = from_the_top(selection.pathspecs, repository.root, selection.start or repository.root)
    with open_scratch(repository) as scratch:
        base, overlay, notices = _commits(scratch, replace(selection, pathspecs=pathspecs), rules)
        head = overlay.commit
        refuse_without_match(scratch, pathspecs, selection.pathspecs, (base, head))
        change, missing = _change(scratch, base, head, pathspecs)
        with GitSnapshot(scratch.git_dir, base) as before, GitSnapshot(scratch.git_dir, head) as after:
            yield Selected(repository.root, change, before, after, (*overlay.untouched, *missing), notices)


def _change(scratch: Scratch, base: str, head: str, pathspecs: Sequence[str]) -> tuple[Change, tuple[Skipped, ...]]:
    """Return the change, and the files of a partial clone whose content is not here."""
    if base == head:
        return Change(base, head, ()), ()
    missing = _missing(scratch, base, head) if scratch.config.partial else ()
    if len(missing) > MISSING_LIMIT:
        raise ConfigurationError(
            f"{len(missing):,} changed files are not in this partial clone",
            remedy=_FETCH.format(base=base, head=head),
        )
    without = tuple(f":(top,literal,exclude){path}" for path in missing)
    diff = diff_between(scratch.git_dir, base, head, (*pathspecs, *without) if pathspecs or without else ())
    reason = f"its content is not in this partial clone. {_FETCH.format(base=base[:12], head=head[:12])}"
    return diff, tuple(Skipped(path, "", reason, excluded=False) for path in missing)


_FETCH: Final = "Fetch it first: git diff --stat {base} {head}"


def _missing(scratch: Scratch, base: str, head: str) -> tuple[str, ...]:
    raw = scratch.run(["diff-tree", "-r", "--raw", "-z", "--no-renames", base, head])
    fields = iter(raw.split(b"\0"))
    blobs: dict[str, list[str]] = {}
    for meta, path in zip(fields, fields, strict=False):
        old_mode, new_mode, old, new, _status = meta.decode("ascii").lstrip(":").split()
        for mode, blob in ((old_mode, old), (new_mode, new)):
            if mode not in ("000000", "160000"):
                blobs.setdefault(blob, []).append(path.decode("utf-8", "surrogateescape"))
    asked = "".join(f"{blob}\n" for blob in blobs).encode()
    answers = scratch.run(["cat-file", "--batch-check"], input=asked).decode().splitlines()
    gone = (line.split(" ")[0] for line in answers if line.endswith(" missing"))
    return tuple(dict.fromkeys(path for blob in gone for path in blobs[blob]))


def diff_between(git_dir: Path, base: str, head: str, pathspecs: Sequence[str] = ()) -> Change:
    """Return the change between two commits; pathspecs are git's, relative to the top of the work tree."""
    try:
        diff = run_git([*_DIFF, base, head, "--", *pathspecs], git_dir=git_dir)
    except GitFailed as error:
        if pathspecs and "pathspec" in error.detail:
            raise ConfigurationError(error.detail, remedy="See `git help glossary`, pathspec.") from None
        raise
    return replace(parse_diff(diff), base=base, head=head)


def _commits(
    scratch: Scratch, selection: Selection, rules: Callable[[Snapshot], PathRules] | None
) -> tuple[str, Overlay, tuple[str, ...]]:
    """Return the commit to compare with, the one that holds the changes, and notices."""
    repository = scratch.repository
    head = repository.resolve("HEAD")
    if repository.bare and selection.which in (Which.UNCOMMITTED, Which.STAGED, Which.BASE):
        raise ConfigurationError(
            f"{repository.root} is a bare repository: it has no work tree",
            remedy="Run it in a clone, or name commits: --base A --head B, or --commit REV.",
        )
    match selection.which:
        case Which.UNCOMMITTED:
            overlay = _worktree(scratch, head, head, selection, rules)
            return overlay.parent, overlay, _conflicts(overlay)
        case Which.STAGED:
            _refuse_conflicts(scratch)
            overlay = overlay_index(scratch, head)
            return overlay.parent, overlay, ()
        case Which.BASE:
            start = _merge_base(repository, _needed(repository, selection.revision), _born(head))
            overlay = _worktree(scratch, head, start, selection, rules)
            return start, overlay, _conflicts(overlay)
        case Which.UNPUSHED:
            start, words = _published(repository, _born(head))
            return start, Overlay(start, _born(head)), (words,)
        case Which.COMMIT:
            commit = _needed(repository, selection.revision)
            parent = repository.resolve(f"{commit}^1") or scratch.empty_commit()
            return parent, Overlay(parent, commit), ()
        case Which.RANGE:
            last = _needed(repository, selection.head or "HEAD")
            if selection.revision == FROM_NOTHING:
                start = scratch.empty_commit()
            else:
                start = _merge_base(repository, _needed(repository, selection.revision), last)
            return start, Overlay(start, last), ()


def _worktree(
    scratch: Scratch,
    head: str | None,
    start: str | None,
    selection: Selection,
    rules: Callable[[Snapshot], PathRules] | None,
) -> Overlay:
    if rules is None:
        return overlay_worktree(scratch, head, pathspecs=selection.pathspecs)
    of_policy = rules

    def wanted() -> PathRules:
        with GitSnapshot(scratch.git_dir, start or scratch.empty_commit()) as base:
            return of_policy(base)

    return overlay_worktree(scratch, head, pathspecs=selection.pathspecs, rules=wanted)


def _needed(repository: Repository, revision: str) -> str:
    found = repository.resolve(revision)
    if found is None:
        raise ConfigurationError(
            f"{revision!r} is no commit of {repository.root}",
            remedy="Name a branch, tag or commit id that `git log` shows; fetch it first if it is on the remote.",
        )
    return found


def _born(head: str | None) -> str:
    if head is None:
        raise ConfigurationError(
            "this branch has no commit yet", remedy="Leave the option out to review everything."
        )
    return head


def _merge_base(repository: Repository, one: str, other: str) -> str:
    try:
        return repository.git("merge-base", one, other).splitlines()[0]
    except (GitFailed, IndexError):
        # Histories that share nothing: everything of the one counts as new against the other.
        return one


def _published(repository: Repository, head: str) -> tuple[str, str]:
    """Return what the remote already has: the upstream, else the merge base with the default branch."""
    upstream = repository.resolve("@{upstream}")
    if upstream:
        name = repository.git("rev-parse", "--abbrev-ref", "@{upstream}")
        return _merge_base(repository, upstream, head), f"compared with the upstream {name}"
    found = _default_branch(repository, head)
    if found is None:
        raise ConfigurationError(
            "this branch has no upstream and no default branch to compare with",
            remedy="Name one: --base REV, or set it: git branch --set-upstream-to=origin/main.",
        )
    return _merge_base(repository, found[0], head), f"no upstream: compared with {found[1]}"


def _default_branch(repository: Repository, commit: str) -> tuple[str, str] | None:
    remotes = [f"refs/remotes/origin/{name}" for name in ("HEAD", *_DEFAULT_BRANCHES)]
    for ref in (*remotes, *(f"refs/heads/{name}" for name in _DEFAULT_BRANCHES)):
        found = repository.resolve(ref)
        if found and found != commit:
            return found, ref.removeprefix("refs/remotes/").removeprefix("refs/heads/")
    return None


def _conflicts(overlay: Overlay) -> tuple[str, ...]:
    paths = overlay.conflicts
    if not paths:
        return ()
    return (
        f"{len(paths)} file(s) with unresolved conflicts, reviewed as they are on disk: {', '.join(paths[:5])}",
    )


def _refuse_conflicts(scratch: Scratch) -> None:
    raw = scratch.run(["ls-files", "-u", "-z"])
    rows = (path_of(record.partition(b"\t")[2]) for record in raw.split(b"\0") if record)
    paths = tuple(dict.fromkeys(rows))
    if paths:
        raise ConfigurationError(
            f"unresolved conflicts in {', '.join(paths[:5])}",
            remedy="Resolve and `git add` them, or drop --staged.",
        )
