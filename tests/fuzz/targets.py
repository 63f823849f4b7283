"""What is fuzzed: every reader of foreign text and the renderer, each with what must hold for any input.

A target takes bytes and returns nothing; it raises where the program would crash or break a promise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from policies.invalid import PolicyInvalid
from policies.load import load_policy
from reviewer.change.anchor import Anchors
from reviewer.change.model import Unit
from reviewer.change.parse import parse_diff
from reviewer.errors import DiffUnreadable
from reviewer.findings.check import check_answer
from reviewer.findings.parse import parse_answer
from reviewer.models.model import Completion, FinishReason, Usage
from reviewer.publish.sanitize import markdown, title
from tests.publish.rendered import problems
from webhooks.commands import parse_command

DIFF: Final = (
    "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,3 @@ def f():\n a\n-b\n+c\n+import os\n"
    "diff --git a/old b/new\nsimilarity index 90%\nrename from old\nrename to new\n"
    "diff --git a/x b/x\nnew file mode 100644\nindex 0000000..e69de29\nBinary files /dev/null and b/x differ\n"
)


def diff(data: bytes) -> None:
    """Read a diff: a change whose hunks have the lines that their headers say, or DiffUnreadable."""
    try:
        change = parse_diff(data)
    except DiffUnreadable:
        return
    for hunk in change.hunks:
        old = sum(line.old_no is not None for line in hunk.lines)
        new = sum(line.new_no is not None for line in hunk.lines)
        if (old, new) != (hunk.old_length, hunk.new_length):
            raise AssertionError(f"{hunk.header}: {old} and {new} lines")


def command(data: bytes) -> None:
    """Read a comment: a command, a mistake to answer, or nothing."""
    parse_command(data.decode("utf-8", "replace"))


def policy(data: bytes) -> None:
    """Read a policy file: an organisation's is a policy or invalid, a repository's costs its own lines only."""
    text = data.decode("utf-8", "replace")
    for layer in ({"organisation": text}, {"repository": text}):
        try:
            load_policy(**layer)
        except PolicyInvalid:
            continue


@cache
def _unit() -> tuple[Unit, Anchors]:
    change = parse_diff(DIFF)
    return Unit("u1", change.hunks, "one hunk"), Anchors.from_change(change)


def completion(data: bytes) -> None:
    """Read a model's answer: findings whose place is in the change, or a reason why it is unusable."""
    text = data.decode("utf-8", "replace")
    unit, anchors = _unit()
    said = Completion(text, FinishReason.STOP, Usage(), "m")
    checked = check_answer(parse_answer(text, unit), said, unit, anchors, None)
    paths = {hunk.path for hunk in unit.hunks}
    for finding in checked.good:
        if finding.path not in paths:
            raise AssertionError(f"a finding outside the change: {finding.path!r}")


def renderer(data: bytes) -> None:
    """Render foreign text: nothing of it does anything on GitHub's page."""
    text = data.decode("utf-8", "replace")
    for shown in (markdown(text), title(text)):
        if found := problems(shown):
            raise AssertionError(f"{found}: {shown!r}")


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "diff": diff,
    "command": command,
    "policy": policy,
    "completion": completion,
    "renderer": renderer,
}
# One good input each, for a fuzzer to begin with.
SEEDS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "diff": (
        DIFF.encode(),
        b'--- "a/\\303\\244"\n+++ "b/\\303\\244"\n@@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n',
    ),
    "command": (
        b"/kilo review --full --strategy frontier src/a.py",
        b"> /kilo help\n```\n/kilo help\n```\n/KILO usage",
    ),
    "policy": (
        b'strategy = "auto"\n[caps]\nconcurrency = 4\n[[checks]]\nname = "a"\n',
        b'[review]\nanalysers = ["ruff"]\n',
    ),
    "completion": (
        b'{"lookups": [], "uncertain": false, "findings": [{"path": "a.py", "line": 2, "quote": "c", '
        b'"evidence": [], "category": "defect", "severity": "high", "title": "t", "body": "b", '
        b'"suggestion": null, "confidence": 0.9}]}',
        b'```json\n{"findings": []}\n```',
        b"<think>x</think>{'findings': [],}",
        # The library that repairs JSON failed an assertion of its own on this one.
        b'{"```json\n{"findings": n\n{"fin [}\n```findings": [{"path": "a.py", "line": 2, "quote":\0\0\0\0, "evid'
        b'ence": [], "category": "defect", "severitytle": "t", "body": "b", "sugge\1\0\0\0n": null, "confiden'
        b'ce": 0.9\0\0\0\0}]}',
    ),
    "renderer": (
        b"**bold** `code` [a](https://e.example) ![i](x.png) @octocat #1 <b>x</b> &#64;o\n```suggestion\nx\n```\n",
        # Two prices, the second behind a sign: mathematics from one to the other.
        b"|$1 | 2 |\n- [ ] x\n> ~\n|$1 | 2 |\n",
        b"| a | b |\n|---|---|\n| 1 | 2 |\n- [ ] x\n> q\n\n~~~\ny\n~~~\n",
    ),
}
