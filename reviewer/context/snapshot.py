"""Snapshots: read-only views of a commit."""

from __future__ import annotations

from reviewer.context.commit import GitSnapshot, resolve_commit
from reviewer.context.model import Snapshot

__all__ = ["GitSnapshot", "Snapshot", "resolve_commit"]
