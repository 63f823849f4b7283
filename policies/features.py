"""What the sensitivity model sees of a unit: named numbers from paths and changed lines, no size of its own.

Words of added, removed and net-changed code, words of paths, hits of the rules' words, and the structure of the
change (new guards, comparisons, limits). Documentation, tests, lock files and generated files give no words.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from policies.identifiers import bounded, count, pieces, words
from policies.paths import PathRules, decide_path, is_documentation, is_test
from policies.rules import ChangedPart, builtin_rules, builtin_words

_SKIPS: Final = PathRules()
# Identifiers of advisories say what a commit is, not what it does; they would be learned instead of the code.
_ADVISORY = re.compile(r"(?i)\b(?:CVE-\d{4}-\d+|GHSA(?:-\w{4}){3})")

# Structure of the changed lines, by a cheap expression each; occurrences are counted per side.
_STRUCTURE: Final = {
    "if": re.compile(r"\b(?:if|unless|elif|when|case)\b"),
    "refuse": re.compile(
        r"\b(?:raise|throw|panic|abort|reject|goto|die|assert)\b|\breturn\s+(?:-1|NULL|null|nil|false|False|err\b|\w*Err)"
    ),
    "compare": re.compile(r"\s(?:<=|>=|<|>)\s"),
    "nothing": re.compile(r"[!=]=\s*(?:NULL|null|nil|undefined)\b|\bis (?:not )?None\b|\.nil\?"),
    "equal": re.compile(r"[!=]==?\s"),
    "and-or": re.compile(r"&&|\|\||\band\b|\bor\b"),
    "number": re.compile(r"\b\d{2,}\b"),
    "text": re.compile(r"\"[^\"\n]*\"|'[^'\n]*'"),
    "dots": re.compile(r"\.\.[/\\'\"]"),
    "pattern": re.compile(r"\\[swdSWDxA-Z][*+]?|\[\^|\(\?[:=!<]"),
    "control": re.compile(r"\\r|\\n|\\0|\\x[0-9a-f]{2}|%0[0-9a-fA-F]"),
    "declare": re.compile(r"\b(?:def|func|function|class|struct|interface|static|public|private|protected)\b"),
    "call": re.compile(r"\w\("),
    "import": re.compile(r"(?m)^[ \t]*(?:import|from|#include|require|use|using)\b"),
    "comment": re.compile(r"(?m)^[ \t]*(?:#|//|/?\*|--|;)"),
    "index": re.compile(r"\w\[[^\]\n]{1,80}\]"),
    "arithmetic": re.compile(r"\w ?(?:\+|-|\*|<<|>>)=? ?\w"),
}


@dataclass(frozen=True, slots=True)
class Features:
    """`words` are sparse counts (damped), `numbers` the dense figures; both by name."""

    words: dict[str, float]
    numbers: dict[str, float]
    code: bool


def features(parts: Sequence[ChangedPart]) -> Features:
    """Compute the features of one unit. Pure; bounded by the limits of policies/identifiers.py."""
    code = [part for part in parts if is_code(part.path)]
    plus = _ADVISORY.sub(" ", "\n".join(bounded(part.added) for part in code))
    minus = _ADVISORY.sub(" ", "\n".join(bounded(part.removed) for part in code))
    added, removed = count(plus), count(minus)
    more, fewer = added - removed, removed - added
    found: dict[str, float] = {}
    for sign, identifiers in (("+", added), ("-", removed), (">", more), ("<", fewer)):
        for piece, times in _pieces(identifiers).items():
            found[sign + piece] = 1 + math.log(times)
    for piece, times in _pieces(added | removed).items():
        found[f"={piece}"] = 1 + math.log(times)
    for part in code:
        for word in _path_words(part.path):
            found[f"/{word}"] = 1.0
    numbers = _structure(parts, code, plus, minus)
    numbers.update(_rule_numbers(code, added, removed, more, fewer))
    return Features(found, numbers, bool(code))


@lru_cache(maxsize=16_384)
def is_code(path: str) -> bool:
    """Return True for a file whose words tell something: not prose, no test, not skipped by convention."""
    return not is_documentation(path) and not is_test(path) and decide_path(path, _SKIPS).included


def _pieces(identifiers: Counter[str]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for identifier, times in identifiers.items():
        for piece in pieces(identifier):
            counted[piece] += times
    return counted


@lru_cache(maxsize=16_384)
def _path_words(path: str) -> frozenset[str]:
    stem, _, ending = path.rpartition(".")
    found = {word for name in re.findall(r"[A-Za-z_][A-Za-z0-9_]*", stem or path) for word in words(name)}
    return frozenset(found | ({f".{ending.lower()}"} if len(ending) < 8 else set()))


def _structure(
    parts: Sequence[ChangedPart], code: Sequence[ChangedPart], plus: str, minus: str
) -> dict[str, float]:
    log = math.log1p
    lines_added = sum(len(part.added) for part in code)
    lines_removed = sum(len(part.removed) for part in code)
    lines = lines_added + lines_removed
    numbers = {
        "added": log(lines_added),
        "removed": log(lines_removed),
        "code files": log(len(code)),
        "other files": log(len(parts) - len(code)),
        "no code": float(not code),
        "added share": lines_added / (lines + 1),
        "with tests": float(any(is_test(part.path) for part in parts)),
        "with documentation": float(any(is_documentation(part.path) for part in parts)),
        "new file": float(any(part.added and not part.removed and len(part.added) > 40 for part in code)),
    }
    for name, expression in _STRUCTURE.items():
        more = len(expression.findall(plus))
        fewer = len(expression.findall(minus))
        numbers[f"+{name}"] = log(more)
        numbers[f"-{name}"] = log(fewer)
        numbers[f">{name}"] = log(max(more - fewer, 0))
        numbers[f"%{name}"] = min(2.0, (more + fewer) / (lines + 4))
    return numbers


def _rule_numbers(
    code: Sequence[ChangedPart],
    added: Counter[str],
    removed: Counter[str],
    more: Counter[str],
    fewer: Counter[str],
) -> dict[str, float]:
    lookup = builtin_words()
    tallies = {"+": lookup.tally(added), "-": lookup.tally(removed), "~": lookup.tally(more + fewer)}
    in_paths: set[str] = set()
    numbers: dict[str, float] = {}
    for part in code:
        in_paths.update(name for word in _path_words(part.path) for name in lookup.names(word))
    changed = sum(added.values()) + sum(removed.values())
    strengths = dict.fromkeys(("any", "density", "path", "net"), 0.0)
    for rule in builtin_rules().rules:
        if rule.words:
            total = tallies["+"][rule.name] + tallies["-"][rule.name]
            net = tallies["~"][rule.name]
            numbers[f"rule {rule.name} net"] = float(net > 0)
            numbers[f"rule {rule.name} share"] = total / (changed + 20)
            numbers[f"rule {rule.name} path"] = float(rule.name in in_paths)
            strengths["any"] += rule.strength * (total > 0)
            strengths["net"] += rule.strength * (net > 0)
            strengths["density"] += rule.strength * total / (changed + 20)
            strengths["path"] += rule.strength * (rule.name in in_paths)
    for name, value in strengths.items():
        numbers[f"strength {name}"] = value
    return numbers
