"""From TOML values to policy values; every refusal says what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Generic, TypeVar

from policies.budgets import Limit, Scope, parse_limit
from policies.globs import check_glob
from policies.providers import ProviderRules, parse_provider_rules
from policies.rules import builtin_rules
from policies.statements import MAX_CHECKS, MAX_NAME, MAX_TEXT, plain_checks
from policies.words import Strategy

MAX_LIST: Final = 500
MAX_WORD_CHARACTERS: Final = 100
MAX_PATTERN_CHARACTERS: Final = 300
# GitHub's own limits of a label's name and of a title.
MAX_LABEL_CHARACTERS: Final = 50
MAX_TITLE_CHARACTERS: Final = 256

_MODEL = re.compile(r"[\w.@:+~-]+(?:/[\w.@:+~-]+)*\Z")


# JSON Schema of the commonest values; https://json-schema.org/draft/2020-12
TEXTS: Final[Mapping[str, Any]] = {"type": "array", "items": {"type": "string"}, "maxItems": MAX_LIST}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reader(Generic[T]):
    """Turns a TOML value into a policy's, or raises ValueError with what is allowed.

    `schema` says the same to editors, as JSON Schema. It may allow more than `read`, which has the last word, and
    never less for a value in the spelling of the documentation.
    """

    read: Callable[[object], T]
    schema: Mapping[str, Any]

    def __call__(self, value: object) -> T:
        """Read a value."""
        return self.read(value)


def described(schema: Mapping[str, Any]) -> Callable[[Callable[[object], T]], Reader[T]]:
    """Put the JSON Schema of what it takes beside a reader."""
    return lambda read: Reader(read, schema)


def _said(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


@described({"type": "boolean"})
def boolean(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"is {_said(value)}; write true or false")  # noqa: TRY004 (a value of a file)
    return value


def whole(low: int, high: int) -> Reader[int]:
    """Read a whole number in a range, ends included."""

    @described({"type": "integer", "minimum": low, "maximum": high})
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"is {_said(value)}; write a whole number from {low} to {high}")
        return value

    return read


@described({"type": "number", "minimum": 0, "maximum": 1})
def share(value: object) -> float:
    """Read a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"is {_said(value)}; write a number from 0 to 1")
    return float(value)


def one_of(choices: Mapping[str, Any]) -> Reader[Any]:
    """Read one of several words, in any case."""

    @described({"type": "string", "enum": list(choices)})
    def read(value: object) -> Any:
        word = value.strip().lower().replace("-", "_") if isinstance(value, str) else None
        if word is None or word not in choices:
            raise ValueError(f"is {_said(value)}; write one of {', '.join(choices)}")
        return choices[word]

    return read


def word(choices: Sequence[str]) -> Reader[str]:
    """Read one of several words and keep it as text."""
    return one_of({choice: choice for choice in choices})


@described(TEXTS)
def strings(value: object) -> tuple[str, ...]:
    """Read a list of texts."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f'is {_said(value)}; write a list of texts, such as ["a", "b"]')
    if len(value) > MAX_LIST:
        raise ValueError(f"has {len(value)} entries; at most {MAX_LIST}")
    return tuple(dict.fromkeys(value))


def subset(choices: Sequence[str]) -> Reader[tuple[str, ...]]:
    """Read a list of words that are all among the choices."""

    @described({**TEXTS, "items": {"type": "string", "enum": list(choices)}})
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


@described(TEXTS)
def globs(value: object) -> tuple[str, ...]:
    """Read a list of path patterns."""
    return tuple(check_glob(item) for item in strings(value))


def label(value: str) -> str:
    """Read the name of a GitHub label; GitHub allows 50 characters."""
    if not value.strip() or len(value) > MAX_LABEL_CHARACTERS:
        raise ValueError(f"names the label {_said(value)}; write 1 to {MAX_LABEL_CHARACTERS} characters")
    return value


@described({**TEXTS, "items": {"type": "string", "minLength": 1, "maxLength": MAX_LABEL_CHARACTERS}})
def labels(value: object) -> tuple[str, ...]:
    """Read a list of names of labels."""
    return tuple(label(item) for item in strings(value))


@described({**TEXTS, "items": {"type": "string", "minLength": 2, "maxLength": MAX_TITLE_CHARACTERS}})
def title_patterns(value: object) -> tuple[str, ...]:
    """Read patterns for titles, in which `*` stands for any text; one of stars alone would skip everything."""
    items = strings(value)
    for item in items:
        if not item.strip("* ") or not 2 <= len(item) <= MAX_TITLE_CHARACTERS:
            raise ValueError(
                f"holds {_said(item)}; write 2 to {MAX_TITLE_CHARACTERS} characters, not stars alone, such as "
                '"WIP*"'
            )
    return items


@described({**TEXTS, "items": {"type": "string", "minLength": 2, "maxLength": MAX_WORD_CHARACTERS}})
def short_words(value: object) -> tuple[str, ...]:
    """Read literal words to look for in changed lines."""
    words = strings(value)
    for item in words:
        if not 2 <= len(item.strip()) <= MAX_WORD_CHARACTERS:
            raise ValueError(f"holds {_said(item)}; a word has 2 to {MAX_WORD_CHARACTERS} characters")
    return words


@described({**TEXTS, "items": {"type": "string", "maxLength": MAX_PATTERN_CHARACTERS}})
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


@described(TEXTS)
def rule_names(value: object) -> tuple[str, ...]:
    """Read names of built-in sensitive rules."""
    return subset(tuple(rule.name for rule in builtin_rules().rules))(value)


@described({"type": "string", "maxLength": 200})
def model_name(value: object) -> str:
    """Read the name of a model, "" for none; an address is not a name."""
    if not isinstance(value, str) or (value and not _MODEL.match(value)) or "://" in str(value) or len(value) > 200:
        raise ValueError(
            f'is {_said(value)}; write a name of `kilo-review models`, or "" to let the strategy choose'
        )
    return value


def strategies(check: Callable[[str], str]) -> Reader[tuple[tuple[str, Strategy], ...]]:
    """Read a table of name → strategy, in the order of the file."""
    choose = one_of({strategy.value: strategy for strategy in Strategy})

    @described({"type": "object", "maxProperties": MAX_LIST, "additionalProperties": choose.schema})
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


_CHECK: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME},
        "text": {"type": "string", "minLength": 1, "maxLength": MAX_TEXT},
        "paths": TEXTS,
        "gate": {"type": "boolean"},
    },
    "required": ["name", "text"],
    "additionalProperties": False,
}
checks: Final = Reader(plain_checks, {"type": "array", "maxItems": MAX_CHECKS, "items": _CHECK})

_AMOUNT: Final[Mapping[str, Any]] = {"type": ["number", "string"], "description": "US dollars"}
_LIMIT: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "scope": {"type": "string", "enum": [scope.value for scope in Scope]},
        "amount": _AMOUNT,
        "subject": {"type": "string"},
        "alerts": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 100}},
        "outsiders": {"type": "boolean"},
    },
    "required": ["scope"],
    "additionalProperties": False,
}


@described({"type": "array", "maxItems": MAX_LIST, "items": _LIMIT})
def limits(value: object) -> tuple[Limit, ...]:
    """Read `[[limits]]` tables of scope, amount, subject, alerts."""
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value) or len(value) > MAX_LIST:
        raise ValueError('must be written as [[limits]] tables with scope = "run" and amount = "0.50"')
    return tuple(parse_limit(row, where=f"limits[{index}]") for index, row in enumerate(value))


PROVIDER_KEYS: Final = tuple(field.name for field in fields(ProviderRules) if field.name not in ("also", "private"))


def _rule_schema(name: str) -> Mapping[str, Any]:
    """Return the JSON Schema of a provider rule, from the type of its field."""
    kind = next(str(field.type) for field in fields(ProviderRules) if field.name == name)
    if "Decimal" in kind:
        return _AMOUNT
    if kind.startswith("tuple"):
        return TEXTS
    return {"type": "boolean"} if kind == "bool" else {"type": "integer", "minimum": 0}


_RULES: Final = {name.replace("_", "-"): _rule_schema(name) for name in PROVIDER_KEYS}
_PROVIDERS: Final = {
    **_RULES,
    "private": {"type": "object", "properties": _RULES, "additionalProperties": False},
}


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


@described({"type": "object", "properties": _PROVIDERS, "additionalProperties": False})
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
