"""What the sensitivity model sees of a unit: named numbers from paths and changed lines, no size of its own.

Words of added, removed and net-changed code, words of paths, hits of the rules' words, the structure of the change
(new guards, comparisons, limits), and how much of it is source rather than configuration. Documentation, tests,
lock files and generated files give no words.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from policies.conventions import is_source
from policies.identifiers import bounded, count, pieces, words
from policies.paths import PathRules, decide_path, is_documentation, is_test
from policies.rules import ChangedPart, builtin_rules, builtin_words, ending_of, foreign_rules

# What reaches this question is in scope, so a vendored copy in it was changed by hand: it is code.
_SKIPS: Final = PathRules(skip_vendored=False)
# Identifiers of advisories say what a commit is, not what it does; they would be learned instead of the code.
_ADVISORY = re.compile(r"(?i)\b(?:CVE-\d{4}-\d+|GHSA(?:-\w{4}){3})")

# Structure of the changed lines, by a cheap expression each; occurrences are counted per side.
_STRUCTURE: Final = {
    "refuse": re.compile(r"(?<!\w)return\s+(?:-1|NULL|null|nil|false|False|err\b|\w*Err)"),
    "compare": re.compile(r"\s(?:<=|>=|<|>)\s"),
    "nothing": re.compile(r"[!=]=\s*(?:NULL|null|nil|undefined)\b|\bis (?:not )?None\b|\.nil\?"),
    "equal": re.compile(r"[!=]==?\s"),
    "number": re.compile(r"\b\d{2,}\b"),
    "text": re.compile(r"\"[^\"\n]*\"|'[^'\n]*'"),
    # A relative import is no path of a file that somebody names.
    "dots": re.compile(r"(?m)^(?![ \t]*(?:import|export|from|#include|\}[ \t]*from|require)\b)[^\n]*?\.\.[/\\'\"]"),
    "pattern": re.compile(r"\\[swdSWDxA-Z][*+]?|\[\^|\(\?[:=!<]"),
    "control": re.compile(r"\\r|\\n|\\0|\\x[0-9a-f]{2}|%0[0-9a-fA-F]"),
    "call": re.compile(r"\((?<=\w\()"),
    "import": re.compile(r"(?m)^[ \t]*(?:import|from|#include|require|use|using)\b"),
    "comment": re.compile(r"(?m)^[ \t]*(?:#|//|/?\*|--|;)"),
    "index": re.compile(r"\[(?<=\w\[)[^\]\n]{1,80}\]"),
    "arithmetic": re.compile(r"\w ?(?:\+|-|\*|<<|>>)=? ?\w"),
    "define": re.compile(
        r"(?m)^[ \t]*(?:[a-z]{1,12}[ \t]+){0,4}(?:def|func|function|fn|sub)[ \t]+\w|"
        r"^[A-Za-z_][\w \t*]{1,80}\([^;\n]*$|^[ \t]+(?:public|private|protected)[ \t][^;={(\n]{1,120}\("
    ),
    "cast": re.compile(r"(?<!\w)\((?:unsigned|int|long|size_t|u?int\d+_t|short|char)\b[^)\n]{0,12}\)"),
    "pointer": re.compile(r"->|\*\w+\+\+|&\w+\["),
}
# Every match of an expression holds one of these; plain text is looked for at a tenth of the cost.
_HOLDS: Final = {
    "refuse": ("return",),
    "compare": ("<", ">"),
    "nothing": ("NULL", "null", "nil", "undefined", "None"),
    "equal": ("==", "!="),
    "dots": ("..",),
    "pattern": ("\\", "[^", "(?"),
    "control": ("\\", "%0"),
    "import": ("import", "from", "#include", "require", "use", "using"),
    "index": ("[",),
    "arithmetic": ("+", "-", "*", "<<", ">>"),
    "define": ("(", "def ", "sub "),
    "cast": ("(unsigned", "(int", "(long", "(size_t", "(uint", "(short", "(char"),
    "pointer": ("->", "++", "&"),
}
# The same by whole words, which are counted anyway.
_KEYWORDS: Final = {
    "if": ("if", "unless", "elif", "when", "case"),
    "refuse": ("raise", "throw", "panic", "abort", "reject", "goto", "die", "assert"),
    "and-or": ("and", "or"),
    "loop": ("for", "while", "foreach", "loop"),
    "declare": (
        *("def", "func", "function", "class", "struct", "interface"),
        *("static", "public", "private", "protected"),
    ),
}
# What these expressions match means something else in other languages: `->` in PHP, Perl, Rust and lambdas.
_NATIVE: Final = frozenset({"pointer"})
_NATIVE_ENDINGS: Final = frozenset(
    ["c", "h", "cc", "cpp", "cxx", "hpp", "hh", "hxx", "inl", "cu", "m", "mm", "y", "l", "xs", "pyx", "pxd"]
)
_OPERATORS: Final = {"and-or": ("&&", "||")}
_MEASURES: Final = tuple(dict.fromkeys((*_STRUCTURE, *_KEYWORDS)))


@dataclass(frozen=True, slots=True)
class Features:
    """`words` are damped counts, `numbers` figures; both by name, and what is missing is zero."""

    words: dict[str, float]
    numbers: dict[str, float]
    code: bool


def features(parts: Sequence[ChangedPart]) -> Features:
    """Compute the features of one unit. Pure; bounded by the limits of policies/identifiers.py."""
    code = [part for part in parts if is_code(part.path)]
    plus = _masked("\n".join(bounded(part.added) for part in code))
    minus = _masked("\n".join(bounded(part.removed) for part in code))
    added, removed = count(plus), count(minus)
    more, fewer = added - removed, removed - added
    found: dict[str, float] = {}
    for sign, counted in zip("+-><=", _by_side(added, removed, more, fewer), strict=True):
        for piece, times in counted.items():
            found[sign + piece] = 1 + math.log(times) if times > 1 else 1.0
    for part in code:
        for word in _path_words(part.path):
            found[f"/{word}"] = 1.0
    numbers = _structure(parts, code, (plus, added), (minus, removed))
    numbers.update(_rule_numbers(code, added, removed, more, fewer))
    return Features(found, numbers, bool(code))


@lru_cache(maxsize=16_384)
def is_code(path: str) -> bool:
    """Return True for a file whose words tell something: not prose, no test, not skipped by convention."""
    return not is_documentation(path) and not is_test(path) and decide_path(path, _SKIPS).included


def _by_side(
    added: Counter[str], removed: Counter[str], more: Counter[str], fewer: Counter[str]
) -> tuple[Counter[str], ...]:
    """Count the pieces of what is added, removed, net added, net removed, and of either."""
    plus, minus = _pieces(added), _pieces(removed)
    if not removed:
        return plus, minus, plus, minus, plus
    if not added:
        return plus, minus, plus, minus, minus
    return plus, minus, _pieces(more), _pieces(fewer), _pieces(added | removed)


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
    parts: Sequence[ChangedPart],
    code: Sequence[ChangedPart],
    plus: tuple[str, Counter[str]],
    minus: tuple[str, Counter[str]],
) -> dict[str, float]:
    log = math.log1p
    native = any(ending_of(part.path) in _NATIVE_ENDINGS for part in code)
    lines_added = sum(len(part.added) for part in code)
    lines_removed = sum(len(part.removed) for part in code)
    lines = lines_added + lines_removed
    source = [part for part in code if is_source(part.path)]
    source_lines = sum(len(part.added) + len(part.removed) for part in source)
    numbers = {
        "added": log(lines_added),
        "removed": log(lines_removed),
        "code files": log(len(code)),
        "other files": log(len(parts) - len(code)),
        "no code": float(not code),
        "added share": lines_added / (lines + 1),
        "source": float(bool(source)),
        "source share": source_lines / (lines + 1),
        "with tests": float(any(is_test(part.path) for part in parts)),
        "with documentation": float(any(is_documentation(part.path) for part in parts)),
        "new file": float(any(part.added and not part.removed and len(part.added) > 40 for part in code)),
    }
    for name in _MEASURES:
        if name in _NATIVE and not native:
            continue
        more, fewer = _occurrences(name, *plus), _occurrences(name, *minus)
        if more or fewer:
            numbers[f"{name} added"] = log(more)
            numbers[f"{name} removed"] = log(fewer)
            numbers[f"{name} net"] = log(max(more - fewer, 0))
            numbers[f"{name} share"] = min(2.0, (more + fewer) / (lines + 4))
    return {name: value for name, value in numbers.items() if value}


def _occurrences(name: str, text: str, identifiers: Counter[str]) -> int:
    if not text:
        return 0
    total = sum(identifiers[word] for word in _KEYWORDS.get(name, ()))
    total += sum(text.count(operator) for operator in _OPERATORS.get(name, ()))
    expression = _STRUCTURE.get(name)
    held = _HOLDS.get(name)
    if expression is None or (held is not None and not any(mark in text for mark in held)):
        return total
    return total + len(expression.findall(text))


def _masked(text: str) -> str:
    lowered = text.lower()
    return _ADVISORY.sub(" ", text) if "cve-" in lowered or "ghsa" in lowered else text


def _rule_numbers(
    code: Sequence[ChangedPart],
    added: Counter[str],
    removed: Counter[str],
    more: Counter[str],
    fewer: Counter[str],
) -> dict[str, float]:
    lookup = builtin_words()
    total = lookup.tally(added) + lookup.tally(removed)
    net = {name for changed in (more, fewer) for identifier in changed for name in lookup.of_identifier(identifier)}
    in_paths = {name for part in code for name in _path_rules(part.path)}
    foreign = _foreign(code)
    if foreign:
        total = Counter({name: times for name, times in total.items() if name not in foreign})
        net, in_paths = net - foreign, in_paths - foreign
    changed = sum(added.values()) + sum(removed.values())
    numbers: dict[str, float] = {}
    strengths = dict.fromkeys(("any", "density", "path", "net"), 0.0)
    weight = _strengths()
    for name, times in total.items():
        numbers[f"rule {name} share"] = share = times / (changed + 20)
        strengths["any"] += weight[name]
        strengths["density"] += weight[name] * share
    for name in net:
        numbers[f"rule {name} net"] = 1.0
        strengths["net"] += weight[name]
    for name in in_paths:
        numbers[f"rule {name} path"] = 1.0
        strengths["path"] += weight[name]
    numbers.update({f"strength {name}": value for name, value in strengths.items() if value})
    return numbers


def _foreign(code: Sequence[ChangedPart]) -> frozenset[str]:
    """Return the rules whose words say nothing in any of the files."""
    return frozenset.intersection(*(foreign_rules(ending_of(part.path)) for part in code)) if code else frozenset()


@cache
def _strengths() -> dict[str, float]:
    return {rule.name: rule.strength for rule in builtin_rules().rules}


@lru_cache(maxsize=16_384)
def _path_rules(path: str) -> frozenset[str]:
    lookup = builtin_words()
    return frozenset(name for word in _path_words(path) for name in lookup.names(word))
