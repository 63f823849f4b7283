"""Rules that name sensitive paths and lines, each with its reason: `defaults/sensitive.toml` and policy's own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from typing import Final

from policies.globs import matching

# What is read of a line: keeps every expression's work bounded on minified or hostile lines.
MAX_LINE_CHARACTERS: Final = 500


@dataclass(frozen=True, slots=True)
class ChangedPart:
    """What a rule looks at: a path and the changed lines there, without their markers."""

    path: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SensitiveRule:
    """A named rule. `paths` are globs in lower case (paths are lowered first).

    `lines` are regular expressions for one changed line. Where it has both, both must hold. `always` makes a hit
    sensitive by itself; otherwise it is evidence that the learned model weighs.
    """

    name: str
    reason: str
    paths: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    always: bool = False


@dataclass(frozen=True, slots=True)
class SensitiveRules:
    """Built-in rules and what policy adds: globs, literal words and expressions that make a hunk sensitive."""

    rules: tuple[SensitiveRule, ...] = ()
    paths: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    learned: bool = True


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that matched, where, and how often."""

    rule: SensitiveRule
    path: str
    line: str = ""
    count: int = field(default=1, compare=False)


@cache
def builtin_rules() -> SensitiveRules:
    """Return the rules of `defaults/sensitive.toml`."""
    text = resources.files("policies").joinpath("defaults/sensitive.toml").read_text(encoding="utf-8")
    rules = tuple(
        SensitiveRule(
            name=row["name"],
            reason=row["reason"],
            paths=tuple(row.get("paths", ())),
            lines=tuple(row.get("lines", ())),
            always=row.get("always", False),
        )
        for row in tomllib.loads(text)["rule"]
    )
    return SensitiveRules(rules=rules)


def hits(parts: Sequence[ChangedPart], rules: SensitiveRules) -> tuple[Hit, ...]:
    """Return at most one hit per rule, the first place where it matched, with the number of lines that did."""
    return tuple(
        found
        for rule in (*rules.rules, *_own(rules))
        if rule.name not in rules.disabled and (found := _hit(rule, parts)) is not None
    )


@lru_cache(maxsize=64)
def _own(rules: SensitiveRules) -> tuple[SensitiveRule, ...]:
    """Policy's own additions as rules; every one of them makes a hunk sensitive."""
    own = []
    if rules.paths:
        globs = tuple(glob.lower() for glob in rules.paths)
        own.append(SensitiveRule("policy-path", "policy names this path sensitive", paths=globs, always=True))
    if rules.words:
        words = "|".join(re.escape(word) for word in rules.words)
        own.append(
            SensitiveRule(
                "policy-word",
                "policy names this word sensitive",
                lines=(rf"(?i)(?<!\w)(?:{words})(?!\w)",),
                always=True,
            )
        )
    if rules.patterns:
        own.append(
            SensitiveRule(
                "policy-pattern", "policy names this pattern sensitive", lines=rules.patterns, always=True
            )
        )
    return tuple(own)


@lru_cache(maxsize=256)
def _expression(lines: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{_local_flags(line)})" for line in lines))


def _local_flags(expression: str) -> str:
    """Turn a leading (?i) into a scoped group, so that expressions can be joined."""
    return f"(?i:{expression[4:]})" if expression.startswith("(?i)") else expression


def _hit(rule: SensitiveRule, parts: Sequence[ChangedPart]) -> Hit | None:
    first: tuple[str, str] | None = None
    count = 0
    for part in parts:
        if rule.paths and matching(part.path.lower(), rule.paths) is None:
            continue
        if not rule.lines:
            return Hit(rule, part.path)
        expression = _expression(rule.lines)
        for line in _changed(part):
            if expression.search(line):
                first = first or (part.path, line.strip())
                count += 1
    return Hit(rule, *first, count=count) if first else None


def _changed(part: ChangedPart) -> Iterator[str]:
    for line in part.added:
        yield line[:MAX_LINE_CHARACTERS]
    for line in part.removed:
        yield line[:MAX_LINE_CHARACTERS]
