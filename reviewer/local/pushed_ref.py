"""A ref that a push updates, and the commit from which on its content is new to the remote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reviewer.errors import GitFailed
from reviewer.local.repository import Repository
from reviewer.local.selection import FROM_NOTHING

# Of more commits at which new and known history meet, the first are compared.
_MEETINGS: Final = 20


@dataclass(frozen=True, slots=True)
class PushedRef:
    """One line of what git tells a pre-push hook (https://git-scm.com/docs/githooks#_pre_push)."""

    local_ref: str
    local: str
    remote_ref: str
    remote: str

    @property
    def deletes(self) -> bool:
        """True where the push removes the remote ref: nothing to review."""
        return not self.local.strip("0")

    @property
    def creates(self) -> bool:
        """True where the remote ref is new."""
        return not self.remote.strip("0")


def read_pushed(text: str) -> tuple[PushedRef, ...]:
    """Read the hook's standard input; lines of another shape are left alone."""
    rows = (line.split(" ") for line in text.splitlines())
    return tuple(PushedRef(*row) for row in rows if len(row) == 4)


def new_since(repository: Repository, ref: PushedRef, remote: str, pushed: Sequence[str] = ()) -> str | None:
    """Return the commit after which a ref's content is new to the remote, None where all of it is there already.

    Known are the old tip of the ref, what was last seen of the remote's branches, and `pushed`, which the same push
    brings. Of a remote of which nothing was ever seen, the branches of the others count: what they hold was pushed
    before. FROM_NOTHING means that everything is new.
    """
    known = [*pushed]
    if not ref.creates and repository.resolve(ref.remote) is not None:
        known.append(ref.remote)
    of_remote = f"refs/remotes/{remote}/"
    seen = bool(remote) and bool(repository.git("for-each-ref", "--count=1", of_remote))
    refs = f"--glob={of_remote}" if seen else "--remotes"
    listed = repository.git("rev-list", "--boundary", f"{ref.local}^{{commit}}", "--not", *known, refs).split()
    if all(row.startswith("-") for row in listed):
        return None
    meetings = [row[1:] for row in listed if row.startswith("-")][:_MEETINGS]
    if not meetings:
        return FROM_NOTHING
    return min(meetings, key=lambda commit: _ahead(repository, commit, ref.local))


def _ahead(repository: Repository, commit: str, tip: str) -> int:
    try:
        return int(repository.git("rev-list", "--count", f"{commit}..{tip}^{{commit}}"))
    except (GitFailed, ValueError):
        return 1 << 62
