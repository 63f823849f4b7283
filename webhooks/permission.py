"""Permission: whether a person may make us spend money on a repository."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from reviewer.errors import GitHubUnavailable, NotFound
from reviewer.github.permission import ROLES

# Short, since a person who lost the permission must not keep it; long enough for many comments at once.
KEEP: Final = timedelta(seconds=60)
MAX_KEPT: Final = 4_096
# GitHub gives an answer ten seconds. Questions beyond this many at once are refused at once, so that a storm of
# comments leaves threads for pull requests.
MAX_AT_ONCE: Final = 2


class AskPermission(Protocol):
    """GitHub's word for what a person may do with a repository: GET …/collaborators/{login}/permission."""

    def __call__(self, *, installation_id: int, repo_id: int, repository: str, login: str) -> str:
        """Return one of ROLES. Raises RetryableError where GitHub cannot say now, NotFound for no such person."""


@dataclass(frozen=True, slots=True)
class _Answer:
    role: str
    until: datetime


class Permissions:
    """Answers of GitHub, kept for a minute. Thread-safe.

    Not `author_association`, which is in the payload for free: CONTRIBUTOR is easy to earn, and owners of an
    organisation may show as NONE.
    """

    def __init__(self, ask: AskPermission, *, now: Callable[[], datetime], least: str = "write") -> None:
        if least not in ROLES[3:]:
            raise ValueError(f"{least!r} is not write, maintain or admin")
        self._ask = ask
        self._now = now
        self._entitled = frozenset(ROLES[ROLES.index(least) :])
        self._kept: dict[tuple[int, str], _Answer] = {}
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(MAX_AT_ONCE)

    def may_command(self, *, installation_id: int, repo_id: int, repository: str, login: str) -> bool:
        """Return whether this person may command reviews; RetryableError where GitHub cannot be asked now."""
        key = (repo_id, login.lower())
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and self._now() < kept.until:
            return kept.role in self._entitled
        if not self._slots.acquire(blocking=False):
            raise GitHubUnavailable("too many comments at once to ask GitHub about all of them", retry_after=60)
        try:
            role = self._ask(installation_id=installation_id, repo_id=repo_id, repository=repository, login=login)
        except NotFound:
            # GitHub's answer for Apps and for accounts that are gone.
            role = "none"
        finally:
            self._slots.release()
        with self._lock:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[key] = _Answer(role=role, until=self._now() + KEEP)
        return role in self._entitled
