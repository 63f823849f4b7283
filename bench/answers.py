"""What the instant model says: objections to lines that the diff really adds, verdicts that let them stand."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.simulators.behaviour import Say

# A reviewer that objects to every line is no reviewer; one in each file of a unit, and three at most.
MOST = 3
_FILE = re.compile(r"^### (\S+)$", re.MULTILINE)
_COUNT = re.compile(r"Give a verdict on each finding, (\d+) in all")
# A line of the diff has its number first, unless a small model is asked.
_ADDED = re.compile(r"^ *(?:\d+ )?\+([ \t]*\w.{20,}\S)$", re.MULTILINE)


def object_to(body: Any) -> Say:
    """Answer a review with findings, a verification with verdicts."""
    form = body.get("response_format", {}).get("json_schema", {}).get("name", "")
    text = "\n".join(_texts(body))
    if form != "review":
        count = int(_COUNT.findall(text)[-1])
        return Say(json.dumps({"verdicts": [_stands(number + 1) for number in range(count)]}), piece=4096)
    found = []
    diff = text[text.rindex("<diff ") :] if "<diff " in text else ""
    names = list(_FILE.finditer(diff))
    for at, name in enumerate(names[:MOST]):
        end = names[at + 1].start() if at + 1 < len(names) else len(diff)
        line = _ADDED.search(diff, name.end(), end)
        if line:
            found.append(_finding(name[1], line[1]))
    return Say(json.dumps({"lookups": [], "findings": found, "uncertain": False}), piece=4096)


def _texts(body: Any) -> list[str]:
    texts = []
    for message in body.get("messages", []):
        content = message.get("content")
        texts += [content] if isinstance(content, str) else [str(part.get("text", "")) for part in content or []]
    return texts


def _stands(number: int) -> dict[str, object]:
    return {"number": number, "proof": None, "same_as": None, "reason": "", "verdict": "stands"}


def _finding(path: str, quote: str) -> dict[str, object]:
    return {
        "path": path,
        "line": 0,
        "quote": quote,
        "evidence": [],
        "category": "defect",
        "title": f"`{quote.split(maxsplit=1)[0]}` may be wrong in {path.rpartition('/')[2]}",
        "body": f"The line `{quote.strip()[:60]}` does not look at what it was given. Check it first.",
        "suggestion": None,
        "severity": "medium",
        "confidence": 0.7,
    }
