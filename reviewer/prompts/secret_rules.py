"""Tokens with a format that their issuers document: gitleaks' rules as data, and formats of our own. Pure.

A rule is tried on a line that holds one of its keywords; what its expression matches must be as random as the rule
demands. Expressions are linear in the line (`linear`).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from reviewer.prompts.linear import Words, expression

# Formats that gitleaks knows otherwise or not at all: (expression, keywords, least entropy in bits a character).
_OWN: Final = (
    (r"\b(gh[pousr]_[A-Za-z0-9]{36,})", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), 0.0),
    (r"\b(github_pat_[A-Za-z0-9_]{50,})", ("github_pat_",), 0.0),
    (r"\b(glpat-[A-Za-z0-9_-]{20,})", ("glpat-",), 0.0),
    (r"\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16})\b", ("AKIA", "ASIA", "ABIA", "ACCA"), 2.5),
    (r"\b(sk-(?:ant|proj|svcacct|admin|or-v1)-[A-Za-z0-9_-]{20,})", ("sk-",), 0.0),
    (r"\b(sk-[A-Za-z0-9]{32,})", ("sk-",), 3.5),
    (r"\b(AIza[A-Za-z0-9_-]{35})", ("AIza",), 3.0),
    (r"\b(GOCSPX-[A-Za-z0-9_-]{20,})", ("GOCSPX-",), 3.0),
    (r"\b(ya29\.[A-Za-z0-9_-]{20,})", ("ya29.",), 3.0),
    (r"\b(xox[abeoprs]-[A-Za-z0-9-]{10,})", ("xox",), 2.5),
    (r"(https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/]{20,})", ("hooks.slack.com",), 3.0),
    (r"\b((?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{16,})", ("sk_", "rk_"), 3.0),
    (r"\b(whsec_[A-Za-z0-9+/]{24,})", ("whsec_",), 3.0),
    (r"\b(SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,})", ("SG.",), 3.0),
    (r"\b(npm_[A-Za-z0-9]{36})", ("npm_",), 3.0),
    (r"\b(pypi-[A-Za-z0-9_-]{60,})", ("pypi-",), 0.0),
    (r"\b(hf_[A-Za-z0-9]{30,})", ("hf_",), 3.5),
    (r"\b(gsk_[A-Za-z0-9]{40,})", ("gsk_",), 3.5),
    (r"\b(xai-[A-Za-z0-9]{40,})", ("xai-",), 3.5),
    (r"\b(dop_v1_[a-f0-9]{64})", ("dop_v1_",), 0.0),
    (r"\b(shpat_[a-fA-F0-9]{32})", ("shpat_",), 0.0),
    (r"\b(hvs\.[A-Za-z0-9_-]{20,})", ("hvs.",), 3.0),
    (r"\b(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})", ("eyJ",), 3.5),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One format: `group` holds the secret, 0 for the first that is not empty; `allowed` match what is none."""

    name: str
    expression: str
    keywords: tuple[str, ...]
    group: int = 0
    entropy: float = 0.0
    allowed: tuple[str, ...] = ()
    own: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """Every rule by its keywords, and what is no secret under any of gitleaks' rules."""

    by_keyword: dict[str, tuple[Rule, ...]]
    words: Words
    allowed: tuple[str, ...]
    stopwords: tuple[str, ...]


@cache
def rules() -> Rules:
    """Return the shipped rules."""
    data = json.loads(resources.files(__package__).joinpath("secret_rules.json").read_text("utf-8"))
    known = [_rule(row) for row in data["rules"]]
    known += [Rule(f"own-{at}", row[0], row[1], entropy=row[2], own=True) for at, row in enumerate(_OWN)]
    by_keyword: dict[str, tuple[Rule, ...]] = {}
    for rule in known:
        for word in rule.keywords:
            by_keyword[word.lower()] = (*by_keyword.get(word.lower(), ()), rule)
    return Rules(by_keyword, Words(tuple(by_keyword)), tuple(data["allowed"]), tuple(data["stopwords"]))


def token_spans(
    line: str, words: Sequence[str] | frozenset[str], *, own_only: bool = False
) -> Iterator[tuple[int, int]]:
    """Yield where a line holds a token; `words` are the keywords that it, or the text around it, holds."""
    known = rules()
    lower = line.lower()
    tried: set[str] = set()
    for word in words:
        if word not in lower:
            continue
        for rule in known.by_keyword[word]:
            if rule.name in tried or (own_only and not rule.own):
                continue
            tried.add(rule.name)
            yield from _matches(rule, line, known)


def entropy(text: str) -> float:
    """Return Shannon's entropy of a text, in bits a character."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts) if text else 0.0


def _rule(row: dict[str, Any]) -> Rule:
    return Rule(
        row["id"],
        row["expression"],
        tuple(row["keywords"]),
        row["group"],
        row["entropy"],
        tuple(row["allowed"]),
    )


def _matches(rule: Rule, line: str, known: Rules) -> Iterator[tuple[int, int]]:
    compiled = expression(rule.expression)
    for match in compiled.finditer(line):
        groups = (rule.group,) if rule.group else range(1, compiled.groups + 1)
        group = next((at for at in groups if match.group(at)), 0)
        secret = match.group(group) or ""
        if entropy(secret) < rule.entropy or _is_allowed(rule, secret, known):
            continue
        yield match.start(group), match.end(group)


def _is_allowed(rule: Rule, secret: str, known: Rules) -> bool:
    if any(expression(line).search(secret) for line in rule.allowed):
        return True
    if rule.own:
        return False
    lower = secret.lower()
    return any(word in lower for word in known.stopwords) or any(
        expression(line).search(secret) for line in known.allowed
    )
