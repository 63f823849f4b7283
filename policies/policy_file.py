"""Read one policy file: values by key, and every mistake with file, line and the nearest right key.

A mistake costs its own line only, or its section where the text is not TOML: the rest of the file is read.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from policies import narrowing as n
from policies import readers as r
from policies.keys import KEYS, PROVIDER_KEYS, SECTIONS, nearest

MAX_POLICY_BYTES: Final = 64 * 1024
# How near a name must be to a provider rule to be taken for a mistyped one.
MISTYPED: Final = 0.75

# What people try and a policy must never do; the reason is said instead of the nearest key.
FORBIDDEN: Final = {
    "base_url": "a policy can name no endpoint; set KILO_REVIEW_<PROVIDER>_BASE_URL on the server",
    "api_key": "a policy can name no key; set it in the server's environment",
    "env": "a policy cannot set the environment",
}
_FORBIDDEN_WORDS: Final = {
    "url": "base_url",
    "endpoint": "base_url",
    "host": "base_url",
    "proxy": "base_url",
    "key": "api_key",
    "token": "api_key",
    "secret": "api_key",
    "env": "env",
}
_HEADER: Final = re.compile(r"\s*\[\[?[^\[\]\n]+\]\]?\s*(?:#.*)?$")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake; `text` begins with the key or the kind of mistake, `line` is 1-based."""

    line: int
    text: str


@dataclass(slots=True)
class PolicyFile:
    """What a file says. `provider_rules_lost` is True where a rule about providers may be among the mistakes."""

    values: dict[str, Any] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    provider_rules_lost: bool = False

    def told(self, file: str) -> tuple[str, ...]:
        """Return the mistakes as sentences for the reader, in the order of the file."""
        ordered = sorted(self.mistakes, key=lambda mistake: mistake.line)
        return tuple(f"{file}, line {mistake.line}: {mistake.text}" for mistake in ordered)


def read_policy_file(text: str, *, from_repository: bool) -> PolicyFile:
    """Read a policy's TOML text. Never raises for what the text holds.

    `from_repository` refuses the keys that only the organisation may set.
    """
    read = PolicyFile()
    for name, raw in _named(_parsed(text, read)):
        key = KEYS.get(name)
        # A line is looked for where there is a mistake: for every key of the defaults it was a tenth of a start.
        line = partial(r.line_of, text, name)
        if key is None:
            read.mistakes.append(Mistake(line(), _not_a_key(name)))
            continue
        if from_repository and key.narrow is n.forbidden:
            read.mistakes.append(Mistake(line(), f"`{name}` ignored: only the organisation's policy may set it"))
            continue
        value = _known_rules(raw, line, read) if name == "providers" and isinstance(raw, Mapping) else raw
        try:
            read.values[name] = key.read(value)
        except ValueError as error:
            read.mistakes.append(Mistake(line(), f"`{name}` {error}"))
            read.provider_rules_lost |= name == "providers"
    return read


def _known_rules(table: Mapping[str, Any], line: Callable[[], int], read: PolicyFile) -> Mapping[str, Any]:
    """Return a `[providers]` table without the keys that it may not hold; each of those is a mistake."""
    kept, dropped = r.known_provider_keys(table)
    for word in dropped:
        name = f"providers.{word}"
        read.mistakes.append(Mistake(line(), _not_a_key(name)))
        written = name.replace("_", "-")
        read.provider_rules_lost |= bool(difflib.get_close_matches(written, PROVIDER_KEYS, n=1, cutoff=MISTYPED))
    return kept


def _named(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name every key by its section; `-` and `_` are the same in a name of ours."""
    for written, value in table.items():
        name = written.replace("-", "_")
        if isinstance(value, Mapping) and (name in SECTIONS or (name not in KEYS and value)):
            yield from ((f"{name}.{inner.replace('-', '_')}", item) for inner, item in value.items())
        else:
            yield name, value


def _not_a_key(name: str) -> str:
    for word, rule in _FORBIDDEN_WORDS.items():
        if word in name.rpartition(".")[2].lower().split("_"):
            return f"`{name[:80]}` ignored: {FORBIDDEN[rule]}"
    return f"`{name[:80]}` is no key and is ignored: {nearest(name)}"


def _parsed(text: str, read: PolicyFile) -> Mapping[str, Any]:
    """Parse TOML; where that fails, each section by itself, so that a mistake costs one section."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_POLICY_BYTES:
        read.mistakes.append(Mistake(1, f"the file is ignored: it is larger than {MAX_POLICY_BYTES // 1024} KiB"))
        read.provider_rules_lost = True
        return {}
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        whole = _not_toml(error, text, 0)
    table: dict[str, Any] = {}
    before = len(read.mistakes)
    for first_line, section in _sections(text):
        try:
            clash = _merge(table, tomllib.loads(section))
        except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
            read.mistakes.append(_not_toml(error, section, first_line))
            read.provider_rules_lost |= "provider" in section.lower()
        else:
            if clash:
                read.mistakes.append(Mistake(first_line + 1, f"`{clash}` is set twice; the first one holds"))
    if len(read.mistakes) == before:
        read.mistakes.append(whole)
    return table


def _sections(text: str) -> Iterator[tuple[int, str]]:
    """Cut a text at its section headers; yield how many lines stand before each section, and the section."""
    start, lines = 0, text.split("\n")
    for number, line in enumerate(lines):
        if number > start and _HEADER.match(line):
            yield start, "\n".join(lines[start:number])
            start = number
    yield start, "\n".join(lines[start:])


def _merge(table: dict[str, Any], more: Mapping[str, Any]) -> str:
    """Put one section's values into the table; return the name of a value that was there already, or ""."""
    for name, value in more.items():
        old = table.get(name)
        if isinstance(old, dict) and isinstance(value, Mapping):
            if clash := _merge(old, value):
                return f"{name}.{clash}"
        elif isinstance(old, list) and isinstance(value, list) and all(isinstance(row, Mapping) for row in old):
            old.extend(value)
        elif name in table:
            return name
        else:
            table[name] = value
    return ""


def _not_toml(error: Exception, text: str, lines_before: int) -> Mistake:
    lines = text.split("\n")
    what, _, place = str(error).rpartition(" (at ")
    words = place.removesuffix(")").replace(",", "").split()
    if not isinstance(error, tomllib.TOMLDecodeError):
        line, what = 1, type(error).__name__
    elif len(words) > 1 and words[1].isdigit():
        line = int(words[1])
    else:
        # At the end of the document: its last line that holds something.
        line, what = max((number for number, row in enumerate(lines, 1) if row.strip()), default=1), str(error)
    shown = lines[line - 1].strip()[:80] if line <= len(lines) else ""
    return Mistake(
        lines_before + line,
        f"not valid TOML: {what}{f' in {shown!r}' if shown else ''}; the section is ignored; "
        "see https://toml.io for the format, docs/reference/policy.md for the keys",
    )
