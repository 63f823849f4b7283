"""Snapshots: read-only views of a commit (GitSnapshot) and of uncommitted changes (WorktreeSnapshot)."""

from __future__ import annotations

from reviewer.context.commit import GitSnapshot, resolve_commit
from reviewer.context.model import Snapshot
from reviewer.context.worktree import WorktreeSnapshot

__all__ = ["GitSnapshot", "Snapshot", "WorktreeSnapshot", "resolve_commit"]
