"""`.gitattributes` as data: which attributes git would give a path, without asking git to run anything."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from policies.globs import MAX_PATTERN_CHARACTERS, compile_glob

MAX_LINES: Final = 2000
# git reads no more of an attributes line either (ATTR_MAX_LINE_LENGTH).
MAX_LINE_CHARACTERS: Final = 2048

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"(?:\s+|$)')
_ESCAPE = re.compile(r"\\([0-7]{3}|.)")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """One line: a pattern below `folder` and what it sets; a value of None takes the attribute away."""

    folder: str
    expression: re.Pattern[str]
    values: tuple[tuple[str, str | None], ...]

    def matches(self, path: str) -> bool:
        """Return True where the pattern names this file itself: unlike .gitignore, a folder covers no files."""
        return path.startswith(self.folder) and self.expression.match(path[len(self.folder) :]) is not None


@dataclass(frozen=True, slots=True)
class Attributes:
    """Parsed `.gitattributes` files; later rules win, deeper files win over shallower ones."""

    rules: tuple[AttributeRule, ...] = ()

    def __add__(self, other: Attributes) -> Attributes:
        ordered = sorted((*self.rules, *other.rules), key=lambda rule: rule.folder.count("/"))
        return Attributes(tuple(ordered))


def parse_gitattributes(text: str, *, folder: str = "") -> Attributes:
    """Parse one file that lies in `folder` ("" for the root); lines that git would ignore are ignored.

    Language: https://git-scm.com/docs/gitattributes
    """
    prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
    rules = []
    for line in text.splitlines()[:MAX_LINES]:
        if len(line) > MAX_LINE_CHARACTERS:
            continue
        pattern, words = _split(line.strip())
        # A macro definition names no path; a negative pattern is forbidden in this file.
        if not pattern or not words or pattern.startswith(("[attr]", "!")):
            continue
        expression = compile_glob(pattern, exact=True) if len(pattern) <= MAX_PATTERN_CHARACTERS else None
        if expression is not None:
            rules.append(AttributeRule(prefix, expression, tuple(_value(word) for word in words)))
    return Attributes(tuple(rules))


def attributes_of(path: str, attributes: Attributes) -> Mapping[str, str]:
    """Return the attributes of a path: "true" where set, "false" where unset, else the given value."""
    values: dict[str, str] = {}
    for rule in attributes.rules:
        if rule.matches(path):
            for name, value in rule.values:
                if value is None:
                    values.pop(name, None)
                else:
                    values[name] = value
    return values


def _split(line: str) -> tuple[str, Sequence[str]]:
    if not line or line.startswith("#"):
        return "", ()
    quoted = _QUOTED.match(line)
    if quoted:
        return _unquote(quoted.group(1)), line[quoted.end() :].split()
    pattern, *words = line.split()
    return pattern, words


def _unquote(text: str) -> str:
    def replace(found: re.Match[str]) -> str:
        body = found.group(1)
        return chr(int(body, 8)) if len(body) == 3 else _ESCAPES.get(body, body)

    unescaped = _ESCAPE.sub(replace, text)
    try:
        # Octal escapes are bytes of UTF-8.
        return unescaped.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return unescaped


def _value(word: str) -> tuple[str, str | None]:
    if word.startswith("-"):
        return word[1:], "false"
    if word.startswith("!"):
        return word[1:], None
    name, equals, value = word.partition("=")
    return name, value if equals else "true"
