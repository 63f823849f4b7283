"""From TOML values to policy values; every refusal says what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from policies.budgets import Limit, parse_limit
from policies.globs import check_glob
from policies.providers import ProviderRules, parse_provider_rules
from policies.rules import builtin_rules
from policies.words import Strategy

MAX_LIST: Final = 500
MAX_WORD_CHARACTERS: Final = 100
MAX_PATTERN_CHARACTERS: Final = 300

_MODEL = re.compile(r"[\w.@:+~-]+(?:/[\w.@:+~-]+)*\Z")


def _said(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def boolean(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"is {_said(value)}; write true or false")  # noqa: TRY004 (a value of a file)
    return value


def whole(low: int, high: int) -> Callable[[object], int]:
    """Read a whole number in a range, ends included."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"is {_said(value)}; write a whole number from {low} to {high}")
        return value

    return read


def share(value: object) -> float:
    """Read a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"is {_said(value)}; write a number from 0 to 1")
    return float(value)


def one_of(choices: Mapping[str, Any]) -> Callable[[object], Any]:
    """Read one of several words, in any case."""

    def read(value: object) -> Any:
        word = value.strip().lower().replace("-", "_") if isinstance(value, str) else None
        if word is None or word not in choices:
            raise ValueError(f"is {_said(value)}; write one of {', '.join(choices)}")
        return choices[word]

    return read


def word(choices: Sequence[str]) -> Callable[[object], str]:
    """Read one of several words and keep it as text."""
    return one_of({choice: choice for choice in choices})


def strings(value: object) -> tuple[str, ...]:
    """Read a list of texts."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f'is {_said(value)}; write a list of texts, such as ["a", "b"]')
    if len(value) > MAX_LIST:
        raise ValueError(f"has {len(value)} entries; at most {MAX_LIST}")
    return tuple(dict.fromkeys(value))


def subset(choices: Sequence[str]) -> Callable[[object], tuple[str, ...]]:
    """Read a list of words that are all among the choices."""

    def read(value: object) -> tuple[str, ...]:
        words = strings(value)
        unknown = [word for word in words if word not in choices]
        if unknown:
            raise ValueError(f"holds {_said(unknown[0])}; allowed: {', '.join(choices)}")
        return words

    return read


def glob(value: str) -> str:
    """Read one path pattern."""
    return check_glob(value)


def globs(value: object) -> tuple[str, ...]:
    """Read a list of path patterns."""
    return tuple(check_glob(item) for item in strings(value))


def label(value: str) -> str:
    """Read the name of a GitHub label; GitHub allows 50 characters."""
    if not value.strip() or len(value) > 50:
        raise ValueError(f"names the label {_said(value)}; write 1 to 50 characters")
    return value


def short_words(value: object) -> tuple[str, ...]:
    """Read literal words to look for in changed lines."""
    words = strings(value)
    for item in words:
        if not 2 <= len(item.strip()) <= MAX_WORD_CHARACTERS:
            raise ValueError(f"holds {_said(item)}; a word has 2 to {MAX_WORD_CHARACTERS} characters")
    return words


def patterns(value: object) -> tuple[str, ...]:
    """Read regular expressions for changed lines."""
    expressions = strings(value)
    for item in expressions:
        if len(item) > MAX_PATTERN_CHARACTERS:
            raise ValueError(f"holds an expression of more than {MAX_PATTERN_CHARACTERS} characters")
        try:
            compiled = re.compile(item)
        except re.error as error:
            raise ValueError(f"holds {_said(item)}, which is no regular expression: {error}") from None
        if compiled.search(""):
            raise ValueError(f"holds {_said(item)}, which matches every line")
    return expressions


def rule_names(value: object) -> tuple[str, ...]:
    """Read names of built-in sensitive rules."""
    return subset(tuple(rule.name for rule in builtin_rules().rules))(value)


def model_name(value: object) -> str:
    """Read the name of a model, "" for none; an address is not a name."""
    if not isinstance(value, str) or (value and not _MODEL.match(value)) or "://" in str(value) or len(value) > 200:
        raise ValueError(
            f'is {_said(value)}; write a name of `kilo-review models`, or "" to let the strategy choose'
        )
    return value


def strategies(check: Callable[[str], str]) -> Callable[[object], tuple[tuple[str, Strategy], ...]]:
    """Read a table of name → strategy, in the order of the file."""
    choose = one_of({strategy.value: strategy for strategy in Strategy})

    def read(value: object) -> tuple[tuple[str, Strategy], ...]:
        if not isinstance(value, Mapping) or len(value) > MAX_LIST:
            raise ValueError(
                f'is {_said(value)}; write a table of at most {MAX_LIST} lines such as "docs/**" = "free"'
            )
        pairs = []
        for name, chosen in value.items():
            try:
                pairs.append((check(name), choose(chosen)))
            except ValueError as error:
                raise ValueError(f"({name[:60]!r}) {error}") from None
        return tuple(pairs)

    return read


def limits(value: object) -> tuple[Limit, ...]:
    """Read `[[limits]]` tables of scope, amount, subject, alerts."""
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value) or len(value) > MAX_LIST:
        raise ValueError('must be written as [[limits]] tables with scope = "run" and amount = "0.50"')
    return tuple(parse_limit(row, where=f"limits[{index}]") for index, row in enumerate(value))


PROVIDER_KEYS: Final = tuple(field.name for field in fields(ProviderRules) if field.name not in ("also", "private"))


def known_provider_keys(table: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Split a `[providers]` table into what it may hold and the names of what it may not (endpoints, keys)."""
    kept: dict[str, Any] = {}
    dropped: list[str] = []
    for written, value in table.items():
        name = written.replace("-", "_")
        if name == "private" and isinstance(value, Mapping):
            inner, more = known_provider_keys({key: item for key, item in value.items() if key != "private"})
            kept["private"] = inner
            dropped += [f"private.{key}" for key in (*more, *(key for key in value if key == "private"))]
        elif name in PROVIDER_KEYS or name == "private":
            kept[name] = value
        else:
            dropped.append(name)
    return kept, dropped


def provider_rules(value: object) -> ProviderRules:
    """Read a `[providers]` table."""
    if not isinstance(value, Mapping):
        raise ValueError("must be written as a [providers] table")  # noqa: TRY004 (a value of a file)
    return parse_provider_rules(value)


_HEADER = re.compile(r"\[\[?([^\[\]#]+)\]\]?\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(r"([\w\"'. \t-]+)=")


def line_of(text: str, name: str) -> int:
    """Return the line, 1-based, that sets a key named "section.key"; its section's line, or 1, where none does."""
    section = ""
    best = 1
    for number, line in enumerate(text.split("\n"), start=1):
        header = _HEADER.match(line.strip())
        if header:
            section = _plain(header.group(1))
            if section == name or name.startswith(f"{section}."):
                best = number
            if section == name or section.startswith(f"{name}."):
                return number
            continue
        assignment = _ASSIGNMENT.match(line)
        if assignment:
            full = _plain(assignment.group(1))
            full = f"{section}.{full}" if section else full
            if full == name or full.startswith(f"{name}."):
                return number
    return best


def _plain(name: str) -> str:
    return re.sub(r"[\"'\s]", "", name).replace("-", "_")
