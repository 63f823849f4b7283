"""Which analyser rules become findings, and in which words."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from policies.words import Severity
from reviewer.evidence.builtin import builtin_rules
from reviewer.evidence.model import Rule
from reviewer.evidence.patterns import pattern_rules
from reviewer.findings.model import Category


@cache
def rules() -> Mapping[str, Mapping[str, Rule]]:
    """Return tool -> rule code -> Rule, from rules.toml; a `same_as` row takes the other rule's words."""
    text = resources.files(__package__).joinpath("rules.toml").read_text("utf-8")
    table = tomllib.loads(text)
    known: dict[str, dict[str, Rule]] = {}
    for tool, rows in table.items():
        known[tool] = {}
        for code, row in rows.items():
            source = table["ruff"][row["same_as"]] if "same_as" in row else row
            known[tool][code] = Rule(
                severity=Severity.parse(source["severity"]),
                category=Category(source["category"]),
                title=source["title"],
                advice=source["advice"],
                same_as=row.get("same_as", ""),
            )
    return known


def rule_for(tool: str, code: str) -> Rule | None:
    """Return the rule of a hit, None where it is not worth a comment.

    Bandit's B602 is ruff's S602 (https://docs.astral.sh/ruff/rules/#flake8-bandit-s). Gitleaks and zizmor have a
    `default` row: all that they find at their own threshold counts. The rules of our own have their words beside
    what they look for.
    """
    if tool == "ast-grep":
        return pattern_rules().get(code)
    if tool == "builtin":
        return builtin_rules().get(code)
    table = rules().get(tool, {})
    if rule := table.get(code):
        return rule
    twin = f"S{code[1:]}" if tool == "bandit" else ""
    if twin and (other := rules()["ruff"].get(twin)):
        return Rule(other.severity, other.category, other.title, other.advice, same_as=twin)
    return table.get("default")
