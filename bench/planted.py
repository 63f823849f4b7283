"""Planted defects of fifteen languages, twenty each: how many the analysers find without a key, now and before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from policies.keys import ANALYSERS
from reviewer.evidence.run import run_analysers
from tests.evidence.snippets import FRAME, Files, added

FOLDER: Final = Path(__file__).parent / "data" / "planted"
# Until November 2026 these were all.
BEFORE: Final = ("ruff", "bandit", "gitleaks", "zizmor")
_NAME: Final = {
    "go": "{}.go", "java": "{}.java", "kotlin": "{}.kt", "javascript": "{}.ts", "ruby": "{}.rb", "php": "{}.php",
    "csharp": "{}.cs", "rust": "{}.rs", "c": "{}.cpp", "terraform": "{}.tf", "shell": "{}.sh",
    "kubernetes": "deploy/{}.yaml", "workflows": ".github/workflows/{}.yml", "dockerfile": "{}/Dockerfile",
    "sql": "migrations/{}.sql",
}  # fmt: skip
_FRAME: Final = {
    **FRAME,
    "c": FRAME["cpp"],
    "shell": FRAME["bash"],
    "javascript": ("import { exec } from 'child_process';\nexport async function f(req, res) {\n", "\n}\n"),
}  # fmt: skip
_WHOLE: Final = re.compile(
    r"(?:package|class|data class|struct|static|async fn|fn|async function|(?:void|int|char)[ *]+\w+\([^()]*\) \{)"
)


def languages() -> tuple[str, ...]:
    """Return the languages of the table."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def planted(language: str) -> dict[str, str]:
    """Return path -> text of the files of a language, each with one defect; its name is in the path."""
    rows = yaml.safe_load((FOLDER / f"{language}.yaml").read_text("utf-8"))
    files = {}
    for row in rows:
        ((name, text),) = row.items()
        before, after = _FRAME.get(language, ("", "\n"))
        files[_NAME[language].format(name)] = text if _WHOLE.match(text) else before + text + after
    return files


def found(files: Mapping[str, str], tools: tuple[str, ...]) -> dict[str, set[str]]:
    """Return path -> the rules that hit it, of those in which something is found."""
    evidence = run_analysers(added(files), Files(files), tools=tools)
    hits: dict[str, set[str]] = {}
    for finding in evidence.findings:
        hits.setdefault(finding.path, set()).add(finding.source)
    return hits


def run() -> dict[str, object]:
    """Return the table, a row a language."""
    report: dict[str, object] = {}
    for language in languages():
        files = planted(language)
        report[f"{language}_of"] = len(files)
        report[f"{language}_found"] = sum(bool(_about(rules)) for rules in found(files, ANALYSERS).values())
        report[f"{language}_before"] = sum(bool(_about(rules)) for rules in found(files, BEFORE).values())
    return report


# Advice that zizmor gives of any workflow: no planted defect is found by it.
_ADVICE: Final = ("zizmor:unpinned-uses", "zizmor:artipacked", "zizmor:excessive-permissions", "zizmor:default")


def _about(rules: set[str]) -> set[str]:
    return {rule for rule in rules if rule not in _ADVICE}
