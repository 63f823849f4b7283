"""Rules that name sensitive paths, lines and what becomes of a guard, each with its reason.

They stand in `defaults/sensitive.toml` and `defaults/guards.toml`; policy adds its own.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any, ClassVar, Final

from policies.globs import matching
from policies.guards import SHAPES, NetLines
from policies.identifiers import MAX_LINE_CHARACTERS, MAX_LINES, words
from policies.paths import is_documentation, is_test

MAX_REMEMBERED: Final = 100_000
FILES: Final = ("defaults/sensitive.toml", "defaults/guards.toml")


@dataclass(frozen=True, slots=True)
class ChangedPart:
    """What a rule looks at: a path and the changed lines there, without their markers."""

    path: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SensitiveRule:
    """A named rule. `paths` are globs in lower case (paths are lowered first).

    `lines` are regular expressions for one changed line, tried where the part holds one of `contains`; a rule
    with paths and lines needs both. `words` are words of identifiers (policies/identifiers.py), a star ends a
    prefix. `endings` limits the words to files with these. `always` makes a hit sensitive by itself; otherwise it
    is evidence that the learned model weighs. `strength` is a prior from 1 (common) to 3 (telling). The line that
    a `secret` rule finds is never repeated. A rule for lines alone looks at code, not at tests and prose, unless
    it says `everywhere`. `added` and `removed` are expressions for a line that the change puts in or takes out
    and that has no counterpart on the other side; `shape` names a comparison of both sides (policies/guards.py).
    `most_lines` limits these three to a file with so few changed lines, 0 for no limit.
    """

    name: str
    reason: str
    paths: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    shape: str = ""
    most_lines: int = 0
    words: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    strength: float = 1.0
    always: bool = False
    secret: bool = False
    everywhere: bool = False


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
    """A rule that matched, and the first path and line (or word) where it did."""

    rule: SensitiveRule
    path: str
    line: str = ""


@cache
def builtin_rules() -> SensitiveRules:
    """Return the rules that come with the package."""
    folder = resources.files("policies")
    texts = [folder.joinpath(name).read_text(encoding="utf-8") for name in FILES]
    return SensitiveRules(rules=tuple(_rule(row) for text in texts for row in tomllib.loads(text)["rule"]))


def _rule(row: Mapping[str, Any]) -> SensitiveRule:
    values: dict[str, Any] = {key: tuple(item) if isinstance(item, list) else item for key, item in row.items()}
    return SensitiveRule(**values)


def hits(parts: Sequence[ChangedPart], rules: SensitiveRules) -> tuple[Hit, ...]:
    """Return the first hit of each rule that makes the parts sensitive by itself."""
    read = [_Read(part) for part in parts]
    return tuple(found for rule in _in_force(rules) if (found := _hit(rule, read)) is not None)


class _Read:
    """A part as the rules read it: its lines, and all of them as one text to find plain text in."""

    __slots__ = ("_net", "_part", "lines", "path", "prose", "text")

    def __init__(self, part: ChangedPart) -> None:
        self.path = part.path
        self.lines = (*part.added[:MAX_LINES], *part.removed[:MAX_LINES])
        self.text = "\n".join(self.lines)
        self.prose = is_test(part.path) or is_documentation(part.path)
        self._part = part
        self._net: NetLines | None = None

    @property
    def net(self) -> NetLines:
        """The lines that are added or taken out, without those that only moved."""
        if self._net is None:
            self._net = NetLines(self._part.added, self._part.removed)
        return self._net


class WordRules:
    """Looks words up in the rules that have some; one instance per set of rules, so that lookups are remembered."""

    def __init__(self, rules: Sequence[SensitiveRule]) -> None:
        self._exact: dict[str, list[str]] = {}
        self._prefixes: list[tuple[str, str]] = []
        for rule in rules:
            for word in rule.words:
                if word.endswith("*"):
                    self._prefixes.append((word[:-1], rule.name))
                else:
                    self._exact.setdefault(word, []).append(rule.name)
        self._known: dict[str, tuple[str, ...]] = {}
        self._identifiers: dict[str, frozenset[str]] = {}

    def names(self, word: str) -> tuple[str, ...]:
        """Return the names of the rules that have the word."""
        known = self._known.get(word)
        if known is None:
            known = tuple(
                dict.fromkeys(
                    (
                        *self._exact.get(word, ()),
                        *(name for prefix, name in self._prefixes if word.startswith(prefix)),
                    )
                )
            )
            if len(self._known) < MAX_REMEMBERED:
                self._known[word] = known
        return known

    def tally(self, identifiers: Mapping[str, int]) -> Counter[str]:
        """Count, by rule, how often its words occur among counted identifiers."""
        total: Counter[str] = Counter()
        for identifier, times in identifiers.items():
            for name in self.of_identifier(identifier):
                total[name] += times
        return total

    def of_identifier(self, identifier: str) -> frozenset[str]:
        """Return the names of the rules that have a word of the identifier."""
        known = self._identifiers.get(identifier)
        if known is None:
            known = frozenset(name for word in words(identifier) for name in self.names(word))
            if len(self._identifiers) < MAX_REMEMBERED:
                self._identifiers[identifier] = known
        return known


@cache
def foreign_rules(ending: str) -> frozenset[str]:
    """Return the names of the built-in rules whose words say nothing in files with this ending."""
    return frozenset(rule.name for rule in builtin_rules().rules if rule.endings and ending not in rule.endings)


def ending_of(path: str) -> str:
    """Return the ending of a file's name in lower case, "" where it has none."""
    return path.rpartition("/")[2].rpartition(".")[2].lower()


@cache
def builtin_words() -> WordRules:
    """Return the built-in rules' words."""
    return WordRules(builtin_rules().rules)


class _Last:
    """The rules that were asked for last: one policy judges thousands of hunks, and rules are slow to compare."""

    known: ClassVar[tuple[SensitiveRules | None, tuple[SensitiveRule, ...]]] = (None, ())


def _in_force(rules: SensitiveRules) -> tuple[SensitiveRule, ...]:
    """Return the rules that make a hunk sensitive by themselves."""
    last, found = _Last.known
    if last is not rules:
        found = tuple(
            rule for rule in (*rules.rules, *_own(rules)) if rule.always and rule.name not in rules.disabled
        )
        _Last.known = (rules, found)
    return found


@lru_cache(maxsize=64)
def _own(rules: SensitiveRules) -> tuple[SensitiveRule, ...]:
    """Policy's own additions as rules; every one of them makes a hunk sensitive."""
    own = []
    if rules.paths:
        globs = tuple(glob.lower() for glob in rules.paths)
        own.append(SensitiveRule("policy-path", "policy names this path sensitive", paths=globs, always=True))
    if rules.words:
        joined = "|".join(re.escape(word) for word in rules.words)
        expression = rf"(?i)(?<!\w)(?:{joined})(?!\w)"
        own.append(
            SensitiveRule(
                "policy-word", "policy names this word sensitive", lines=(expression,), always=True, everywhere=True
            )
        )
    if rules.patterns:
        own.append(
            SensitiveRule(
                "policy-pattern",
                "policy names this pattern sensitive",
                lines=rules.patterns,
                always=True,
                everywhere=True,
            )
        )
    return tuple(own)


@lru_cache(maxsize=256)
def _expressions(lines: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(line) for line in lines)


def _hit(rule: SensitiveRule, parts: Sequence[_Read]) -> Hit | None:
    code_only = not rule.paths and not rule.everywhere
    for part in parts:
        if rule.paths and not path_matches(part.path, rule.paths):
            continue
        if code_only and part.prose:
            continue
        if rule.added or rule.removed or rule.shape:
            line = _done_to_guard(rule, part)
            if line:
                return Hit(rule, part.path, line)
            continue
        if not rule.lines:
            return Hit(rule, part.path)
        if rule.contains and not any(text in part.text for text in rule.contains):
            continue
        for line in part.lines:
            if rule.contains and not any(text in line for text in rule.contains):
                continue
            read = line[:MAX_LINE_CHARACTERS]
            if any(expression.search(read) for expression in _expressions(rule.lines)):
                return Hit(rule, part.path, read.strip())
    return None


def _done_to_guard(rule: SensitiveRule, part: _Read) -> str:
    """Return the line in which the change does to a guard what the rule names, "" where it does not."""
    if rule.most_lines and len(part.lines) > 2 * rule.most_lines:
        return ""
    net = part.net
    if rule.shape:
        return SHAPES[rule.shape](net) if len(net) <= rule.most_lines else ""
    found = _one_sided(rule.added, net.added, net.removed)
    if not found and len(net) <= (rule.most_lines or len(net)):
        found = _one_sided(rule.removed, net.removed, net.added)
    return found


def _one_sided(expressions: tuple[str, ...], lines: Sequence[str], others: Sequence[str]) -> str:
    """Return the first line that an expression matches which matches none of the other side's lines."""
    for expression in _expressions(expressions):
        for line in lines:
            if expression.search(line):
                if any(map(expression.search, others)):
                    break
                return line
    return ""


@lru_cache(maxsize=16_384)
def path_matches(path: str, globs: tuple[str, ...]) -> bool:
    """Return True where one of the globs matches the path in lower case."""
    return matching(path.lower(), globs) is not None
