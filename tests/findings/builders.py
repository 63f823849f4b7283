"""Findings, units and answers for the tests of reviewer/findings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from policies.words import Severity
from reviewer.change.anchor import Anchors
from reviewer.change.identity import unit_identity
from reviewer.change.model import Change, Unit
from reviewer.change.parse import parse_diff
from reviewer.findings.fingerprint import fingerprint
from reviewer.findings.model import Category, Finding
from reviewer.git.snapshot import USES_PER_FILE, Match, TreeEntry
from reviewer.models.model import Completion, FinishReason, Usage

BEFORE = "def total(rows):\n    found = 0\n    for row in rows:\n        found += row.price\n    return found\n"
AFTER = (
    "def total(rows):\n"
    "    found = 0\n"
    "    for row in rows:\n"
    "        found += row.price * row.count\n"
    "        log(row)\n"
    "    return found\n"
)
DIFF = """\
diff --git a/shop/cart.py b/shop/cart.py
--- a/shop/cart.py
+++ b/shop/cart.py
@@ -1,5 +1,6 @@
 def total(rows):
     found = 0
     for row in rows:
-        found += row.price
+        found += row.price * row.count
+        log(row)
     return found
"""


class Files:
    """A snapshot whose commit is a mapping: what a Snapshot answers, without git around it."""

    commit = "c" * 40

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files

    def entries(self) -> Mapping[str, TreeEntry]:
        return {path: TreeEntry(path, "", "100644", len(data)) for path, data in self.files.items()}

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        return {path: self.files[path] for path in paths if path in self.files}

    def search_words(
        self, words: Sequence[str], *, limit_per_word: int = 200, uses_per_file: int = USES_PER_FILE
    ) -> Sequence[Match]:
        return ()

    def co_changed(self, paths: Sequence[str], *, commits: int = 1000) -> Sequence[tuple[str, ...]]:
        return ()


def change(diff: str = DIFF) -> Change:
    return parse_diff(diff)


def unit_of(diff: str = DIFF) -> Unit:
    hunks = change(diff).hunks
    return Unit(unit_identity(hunks), hunks, "one hunk")


def anchors_of(diff: str = DIFF) -> Anchors:
    return Anchors.from_change(change(diff))


def stated(**changes: Any) -> dict[str, Any]:
    """A finding as a model states it, right in every way unless changed."""
    return {
        "path": "shop/cart.py",
        "line": 4,
        "quote": "        found += row.price * row.count",
        "evidence": [],
        "category": "defect",
        "title": "Count may be missing",
        "body": "row.count is None for gifts, so the product raises TypeError.",
        "also": None,
        "suggestion": None,
        "severity": "high",
        "confidence": 0.8,
        **changes,
    }


def answer(*findings: Mapping[str, Any], lookups: Sequence[Mapping[str, Any]] = (), **rest: Any) -> str:
    return json.dumps({"findings": list(findings), "needs": list(lookups), "uncertain": False, **rest})


def completion(text: str, finish: FinishReason = FinishReason.STOP) -> Completion:
    return Completion(text, finish, Usage(), "small")


def finding(title: str = "Count may be missing", **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "path": "shop/cart.py",
        "line": 4,
        "severity": Severity.HIGH,
        "category": Category.DEFECT,
        "title": title,
        "body": "row.count is None for gifts, so the product raises TypeError.",
        "source": "model:one",
        "quote": "found += row.price * row.count",
        "confidence": 0.8,
        "unit": "u",
    }
    values.update(changes)
    values.setdefault("fingerprint", fingerprint(values["path"], values["quote"], values["category"]))
    return Finding(**values)
