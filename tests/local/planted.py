"""A small repository with planted defects, and a model that reports each one while its line is added."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.git_folder import ENV
from tests.local.repo import Scratch
from tests.service.rig import POLICY
from tests.simulators.behaviour import Behaviour, Say
from tests.simulators.provider import KEY, ProviderSimulator

BASE = {"shop/__init__.py": "", "README.md": "# Shop\n"}
CHANGE = {
    "shop/orders.py": (
        '"""Orders."""\n\n\ndef mean(price, count):\n    return price / count\n\n\n'
        "def last(items):\n    return items[len(items)]\n\n\n"
        "def pages(total, size):\n    return total // size\n"
    ),
    "shop/report.py": '"""Reports."""\n\n\ndef load(name):\n    handle = open(name)\n    return handle.read()\n',
    "shop/tax.py": '"""Tax."""\n\n\ndef gross(total, tax):\n    return total - tax\n',
}


@dataclass(frozen=True)
class Planted:
    """A defective line, what is wrong with it, and the lines that mend it."""

    line: str
    title: str
    mend: str
    severity: str = "high"


DEFECTS = (
    Planted(
        "    return price / count",
        "Division by zero for an empty order",
        "    return price / count if count else 0",
    ),
    Planted("    return items[len(items)]", "Index past the end of the list", "    return items[-1]", "critical"),
    Planted("    return total // size", "The last page is lost", "    return -(-total // size)", "medium"),
    Planted(
        "    handle = open(name)",
        "The file is never closed",
        '    handle = open(name, encoding="utf-8")  # noqa: SIM115',
        "medium",
    ),
    Planted("    return total - tax", "Tax is subtracted where it is owed", "    return total + tax"),
)


@dataclass
class Model:
    """Reports every defect whose line the question shows as added. `helps` False suggests what mends nothing."""

    helps: bool = True
    always: Behaviour | None = None
    asked: int = 0
    body: str = "See the line."

    def __call__(self, body: Any) -> Behaviour:
        self.asked += 1
        if self.always is not None:
            return self.always
        if "verdicts" in json.dumps(body.get("response_format", "")):
            return Say('{"verdicts": []}')
        text = "\n".join(str(message.get("content")) for message in body["messages"])
        found, path = [], ""
        for line in text.split("\n"):
            if line.startswith("### "):
                path = line[4:]
            for defect in DEFECTS:
                if f"+{defect.line}" in (line, line.partition(" ")[2]):
                    found.append(self._finding(path, defect))
        return Say(json.dumps({"lookups": [], "findings": found, "uncertain": False}))

    def _finding(self, path: str, defect: Planted) -> dict[str, object]:
        return {
            "path": path,
            "line": 0,
            "quote": defect.line,
            "evidence": [],
            "category": "bug",
            "title": defect.title,
            "body": f"{defect.title}. {self.body}",
            # What does not help says the same in other words: the line stays as it is, with another beside it.
            "suggestion": defect.mend if self.helps else f"    # looked at\n{defect.line}",
            "severity": defect.severity,
            "confidence": 0.95,
        }


def planted(root: Path, change: Mapping[str, str] = CHANGE) -> Scratch:
    """Make the repository; the change is in its work tree."""
    scratch = Scratch(root)
    for path, text in BASE.items():
        scratch.write(path, text)
    scratch.commit("base")
    for path, text in change.items():
        scratch.write(path, text)
    return scratch


def environment(home: Path, provider: ProviderSimulator | None = None) -> dict[str, str]:
    """What a child process is given: a home, a policy without analysers, the model."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "policy.toml").write_text(POLICY)
    env = {
        **ENV,
        "HOME": str(home),
        "KILO_REVIEW_CACHE_DIR": str(home / "cache"),
        "KILO_REVIEW_POLICY": str(home / "policy.toml"),
    }
    if provider is None:
        return {**env, "KILO_REVIEW_OFFLINE": "1"}
    return {**env, "OPENAI_API_KEY": KEY, "KILO_REVIEW_OPENAI_BASE_URL": provider.base_url}
