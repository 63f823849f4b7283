"""Which analysers can find anything in a change: a process that cannot is not started. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from reviewer.change.model import Change
from reviewer.evidence.sandbox import beside_python
from reviewer.prompts.secret_rules import rules as secret_rules

# What bandit finds and ruff does not is about these calls (rules.toml).
_ONLY_BANDIT: Final = re.compile(rb"torch|from_pretrained|load_dataset|_download\b")
# A secret may hide behind an encoding that gitleaks undoes before it looks for a keyword.
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_=-]{24,}|(?:%[0-9A-Fa-f]{2}){4}|(?:\\x[0-9A-Fa-f]{2}){4}")


def needed_tools(change: Change, texts: Mapping[str, bytes], tools: Collection[str]) -> frozenset[str]:
    """Return those of the analysers that could find something.

    Gitleaks is needed where an added line, or the lines around it, hold a keyword of its rules or what may be an
    encoding; bandit where ruff is not there or a file holds a call that only bandit judges.
    """
    needed = set(tools)
    if "gitleaks" in needed and not _may_hold_secret(change):
        needed.discard("gitleaks")
    python = [data for path, data in texts.items() if path.endswith((".py", ".pyi"))]
    leave_to_ruff = "ruff" in needed and beside_python("ruff") is not None
    if leave_to_ruff and not any(_ONLY_BANDIT.search(data) for data in python):
        needed.discard("bandit")
    return frozenset(needed)


def _may_hold_secret(change: Change) -> bool:
    added = "\n".join(line.text for file in change.files for hunk in file.hunks for line in hunk.added)
    return bool(secret_rules().words.found(added)) or _ENCODED.search(added) is not None
