"""Identity of a hunk and of a unit: a digest of what they say, never of where they stand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from reviewer.change.model import Hunk


def hunk_identity(hunk: Hunk) -> str:
    """Return a hex digest of the path and every line, context included.

    Line numbers, the section after `@@` and line ends are left out: a rebase that moves the hunk keeps its
    identity. Context is in it, because a reviewer judges the change by the lines around it.
    """
    digest = hashlib.sha256(hunk.path.encode("utf-8", "surrogatepass"))
    for line in hunk.lines:
        digest.update(f"\n{line.kind.value}{line.text}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]


def unit_identity(hunks: Iterable[Hunk]) -> str:
    """Return a hex digest of the identities of the hunks, in their order."""
    return hashlib.sha256("\n".join(hunk_identity(hunk) for hunk in hunks).encode()).hexdigest()[:32]
